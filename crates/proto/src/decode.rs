//! Reading a datagram: every limit is enforced while the parser runs, so a hostile body costs no more than its own length.
//!
//! serde_json does the JSON. This file reads the outermost object, `info.rs` what is in it, and `limits.rs` decides what is
//! allowed.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::error::Category;

use crate::error::DecodeError;
use crate::frame;
use crate::info::InfoReader;
use crate::limits::{Limits, UnknownNames};
use crate::message::{Info, Kind, Message};

impl Message {
    /// Reads one datagram.
    ///
    /// Takes the canonical form and every other reading of head and tail that the datagram's length proves. Unknown
    /// members are checked against the limits and then ignored.
    ///
    /// # Errors
    /// The cause, for the counters. Never panics and allocates no more than a small multiple of the datagram's length.
    pub fn decode(datagram: &[u8]) -> Result<Self, DecodeError> {
        let body = frame::unwrap(datagram)?;
        let limits = Limits::default();
        // Once for the whole body costs a third of once for each string.
        let body = std::str::from_utf8(body).map_err(|_| DecodeError::Json)?;
        let mut parser = serde_json::Deserializer::from_str(body);
        let message = BodyReader(&limits).deserialize(&mut parser).and_then(|message| parser.end().map(|()| message));
        let message = message.map_err(|error| limits.cause().unwrap_or_else(|| cause_of(&error)))?;
        // The canonical form of a page may be longer than what came in (ports as integers): it must fit all the same.
        let extension = message.info.extension.as_ref();
        let group = extension.is_some_and(|extension| extension.group.is_some());
        limits.trailer().agrees(body.as_bytes(), extension.is_some(), group)?;
        let tells = message.info.extension.as_ref().is_some_and(|extension| extension.roster.is_some());
        if tells && message.encode().len() + limits.trailer().longer() > frame::DATAGRAM_MAX {
            Err(DecodeError::TooLong)
        } else {
            Ok(message)
        }
    }
}

fn cause_of(error: &serde_json::Error) -> DecodeError {
    match error.classify() {
        Category::Data => DecodeError::Shape,
        Category::Io | Category::Syntax | Category::Eof => DecodeError::Json,
    }
}

/// The outermost object: exactly one known kind.
struct BodyReader<'a>(&'a Limits);

impl<'de> DeserializeSeed<'de> for BodyReader<'_> {
    type Value = Message;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Message, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BodyReader<'_> {
    type Value = Message;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Message, M::Error> {
        let limits = self.0;
        let mut unknown = UnknownNames::default();
        let mut found: Option<(Kind, Info)> = None;
        while let Some(name) = limits.next_name(&mut map)? {
            limits.note(|seen| seen.outermost += 1);
            match Kind::ALL.into_iter().find(|kind| kind.as_str() == name) {
                Some(_) if found.is_some() => return Err(limits.refuse(DecodeError::Kind)),
                Some(kind) => found = Some((kind, map.next_value_seed(InfoReader(limits))?)),
                None => unknown.skip(limits, name, 1, &mut map)?,
            }
        }
        let (kind, info) = found.ok_or_else(|| limits.refuse(DecodeError::Kind))?;
        Ok(Message { kind, info })
    }
}
