//! What is allowed in a body, enforced while the parser runs: the limits, and readers of single values within them.
//!
//! A failure is noted in [`Limits`] before it is raised, because serde's error type can carry a text only and the engine
//! wants the cause.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::error::DecodeError;
use crate::signature::Seen;

/// Deepest nesting of objects and arrays.
const DEPTH_MAX: u8 = 4;
/// Most members and elements in the whole body.
const MEMBERS_MAX: u8 = 48;
/// Longest member name in bytes.
const NAME_MAX: usize = 32;
/// Longest string in bytes.
const TEXT_MAX: usize = 256;

/// What one body has used up, and why it was refused.
#[derive(Default)]
pub(crate) struct Limits {
    members: Cell<u8>,
    cause: Cell<Option<DecodeError>>,
    trailer: Cell<Seen>,
}

impl Limits {
    /// Why the body was refused; `None` where the JSON itself was at fault.
    pub(crate) fn cause(&self) -> Option<DecodeError> {
        self.cause.get()
    }

    /// Where `mac` and `sig` stood.
    pub(crate) fn trailer(&self) -> Seen {
        self.trailer.get()
    }

    /// Notes where `mac` and `sig` stand.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.trailer.get();
        change(&mut seen);
        self.trailer.set(seen);
    }

    /// Notes the cause and makes the error that stops the parser.
    pub(crate) fn refuse<E: serde::de::Error>(&self, cause: DecodeError) -> E {
        self.cause.set(Some(cause));
        E::custom("")
    }

    fn count<E: serde::de::Error>(&self) -> Result<(), E> {
        let members = self.members.get() + 1;
        self.members.set(members);
        if members > MEMBERS_MAX { Err(self.refuse(DecodeError::Members)) } else { Ok(()) }
    }

    /// The next member name of `map`, counted and measured.
    pub(crate) fn next_name<'de, M: MapAccess<'de>>(&self, map: &mut M) -> Result<Option<Cow<'de, str>>, M::Error> {
        let name = map.next_key_seed(TextReader { limits: self, longest: NAME_MAX, cause: DecodeError::NameLength })?;
        if name.is_some() {
            self.count()?;
        }
        Ok(name)
    }

    /// The next value of `map` as text.
    pub(crate) fn next_text<'de, M: MapAccess<'de>>(&self, map: &mut M) -> Result<Cow<'de, str>, M::Error> {
        map.next_value_seed(TextReader { limits: self, longest: TEXT_MAX, cause: DecodeError::TextLength })
    }

    /// The next element of an array as text, counted and measured.
    pub(crate) fn next_element<'de, S: SeqAccess<'de>>(
        &self,
        array: &mut S,
    ) -> Result<Option<Cow<'de, str>>, S::Error> {
        let reader = TextReader { limits: self, longest: TEXT_MAX, cause: DecodeError::TextLength };
        let element = array.next_element_seed(reader)?;
        if element.is_some() {
            self.count()?;
        }
        Ok(element)
    }

    /// Measures one string.
    fn measure<E: serde::de::Error>(&self, text: &str, longest: usize, cause: DecodeError) -> Result<(), E> {
        if text.len() > longest { Err(self.refuse(cause)) } else { Ok(()) }
    }

    /// Measures one string that may have had escapes; a NUL in it would end it early in another program's eyes. Without an
    /// escape there is none: JSON has no control characters in strings.
    fn check_text<E: serde::de::Error>(&self, text: &str, longest: usize, cause: DecodeError) -> Result<(), E> {
        self.measure(text, longest, cause)?;
        if text.contains('\0') { Err(self.refuse(DecodeError::Json)) } else { Ok(()) }
    }

    /// Puts `value` into `slot`; a slot that is taken means that the member stood twice.
    pub(crate) fn fill<T, E: serde::de::Error>(&self, slot: &mut Option<T>, value: T) -> Result<(), E> {
        if slot.replace(value).is_some() { Err(self.refuse(DecodeError::Duplicate)) } else { Ok(()) }
    }
}

/// The unknown member names of one object, to find the one that stands twice.
#[derive(Default)]
pub(crate) struct UnknownNames<'de>(Vec<Cow<'de, str>>);

impl<'de> UnknownNames<'de> {
    /// Notes `name` and passes over its value, which is an object's at nesting `depth`.
    pub(crate) fn skip<M: MapAccess<'de>>(
        &mut self,
        limits: &Limits,
        name: Cow<'de, str>,
        depth: u8,
        map: &mut M,
    ) -> Result<(), M::Error> {
        if self.0.contains(&name) {
            return Err(limits.refuse(DecodeError::Duplicate));
        }
        self.0.push(name);
        map.next_value_seed(Skip { limits, depth: depth + 1 })
    }
}

/// A string of bounded length, borrowed from the datagram where it has no escapes.
struct TextReader<'a> {
    limits: &'a Limits,
    longest: usize,
    cause: DecodeError,
}

impl<'de> DeserializeSeed<'de> for TextReader<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextReader<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        self.limits.measure(text, self.longest, self.cause)?;
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        self.limits.check_text(text, self.longest, self.cause)?;
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A value that is not known: its limits are checked, its content is dropped.
#[derive(Clone, Copy)]
struct Skip<'a> {
    limits: &'a Limits,
    depth: u8,
}

impl<'de> DeserializeSeed<'de> for Skip<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Skip<'_> {
    fn enter<E: serde::de::Error>(self) -> Result<(), E> {
        if self.depth > DEPTH_MAX { Err(self.limits.refuse(DecodeError::Depth)) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for Skip<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.limits.check_text(text, TEXT_MAX, DecodeError::TextLength)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<(), S::Error> {
        self.enter()?;
        while sequence.next_element_seed(Skip { limits: self.limits, depth: self.depth + 1 })?.is_some() {
            self.limits.count()?;
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        self.enter()?;
        let mut names = UnknownNames::default();
        while let Some(name) = self.limits.next_name(&mut map)? {
            names.skip(self.limits, name, self.depth, &mut map)?;
        }
        Ok(())
    }
}

/// A port: a decimal string as the request writes it, or an integer.
pub(crate) struct PortReader<'a>(pub(crate) &'a Limits);

impl<'de> DeserializeSeed<'de> for PortReader<'_> {
    type Value = u16;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u16, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for PortReader<'_> {
    type Value = u16;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a port")
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<u16, E> {
        let port = u16::try_from(value).ok().filter(|port| *port != 0);
        port.ok_or_else(|| self.0.refuse(DecodeError::Port))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<u16, E> {
        Err(self.0.refuse(DecodeError::Port))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u16, E> {
        let plain = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let port = text.parse::<u16>().ok().filter(|port| plain && *port != 0);
        port.ok_or_else(|| self.0.refuse(DecodeError::Port))
    }
}

/// A non-negative integer no greater than `greatest`; anything else is a malformed extension.
pub(crate) struct IntegerReader<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) greatest: u64,
}

impl<'de> DeserializeSeed<'de> for IntegerReader<'_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        let IntegerReader { limits, greatest } = self;
        let value = deserializer.deserialize_u64(self)?;
        if value > greatest {
            limits.cause.set(Some(DecodeError::Extension));
            return Err(D::Error::custom(""));
        }
        Ok(value)
    }
}

impl Visitor<'_> for IntegerReader<'_> {
    type Value = u64;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a non-negative integer")
    }

    fn visit_u64<E>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }
}
