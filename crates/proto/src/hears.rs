//! Whom a host hears itself, in the few bytes of a heartbeat: how many, and whom it lists and does not hear. The wire of
//! that; the meaning stands in `matrix.rs`.

use std::fmt;
use std::str::FromStr;

use crate::base64;
use crate::id::PeerId;
use crate::roster::{integer, narrow};

/// Greatest number of hosts that is told.
const HEARD_MAX: u64 = 99_999;
/// Letters and bytes of the beginning of an identity. Two of 10,000 hosts have one beginning once in five million times.
const LETTERS: usize = 8;
const BYTES: usize = 6;
/// Most beginnings in one heartbeat: what a string of the wire takes.
pub(crate) const UNHEARD_MAX: usize = 31;
/// Bytes of the member without beginnings, at its longest: comma, name, quotes, colon, five digits and the slash.
const MEMBER_LENGTH: usize = 17;

/// Whom a host hears itself on one link, of those extended peers that it lists there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hears {
    /// How many it hears; at most 99,999.
    pub heard: u32,
    /// Whom it lists and does not hear, in the order of their identities, none twice: as many as fit, 31 at most.
    pub unheard: Vec<IdBeginning>,
}

/// The first six bytes of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdBeginning(u64);

impl From<&PeerId> for IdBeginning {
    fn from(id: &PeerId) -> Self {
        Self(id.prefix() >> 16)
    }
}

impl IdBeginning {
    fn letters(self) -> [u8; LETTERS] {
        let bytes = self.0.to_be_bytes();
        base64::letters(bytes.get(bytes.len() - BYTES..).unwrap_or_default())
    }
}

impl Hears {
    /// How many beginnings fit into so many bytes beside the rest of the member.
    pub(crate) const fn fitting(bytes: usize) -> usize {
        let fitting = bytes.saturating_sub(MEMBER_LENGTH) / LETTERS;
        if fitting < UNHEARD_MAX { fitting } else { UNHEARD_MAX }
    }

    /// Whether all that the sender lists are accounted for, `hosts` with the sender itself.
    pub(crate) fn covers(&self, hosts: u32) -> bool {
        u64::from(self.heard) + self.unheard.len() as u64 + 1 == u64::from(hosts)
    }
}

impl fmt::Display for Hears {
    /// The number; a slash and the beginnings one after the other, if there are any.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.heard)?;
        if !self.unheard.is_empty() {
            out.write_str("/")?;
        }
        for beginning in &self.unheard {
            out.write_str(std::str::from_utf8(&beginning.letters()).unwrap_or_default())?;
        }
        Ok(())
    }
}

impl FromStr for Hears {
    type Err = ();

    /// Reads what `Display` writes and nothing else.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (heard, unheard) = match text.split_once('/') {
            None => (text, &[][..]),
            Some((_, "")) => return Err(()),
            Some((heard, unheard)) => (heard, unheard.as_bytes()),
        };
        let heard = integer(heard, 0, HEARD_MAX).and_then(narrow)?;
        if !unheard.len().is_multiple_of(LETTERS) || unheard.len() / LETTERS > UNHEARD_MAX {
            return Err(());
        }
        let beginning = |letters: &[u8]| {
            let bytes: [u8; BYTES] = base64::bytes(letters).ok_or(())?;
            Ok(IdBeginning(bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))))
        };
        let unheard: Vec<IdBeginning> = unheard.chunks(LETTERS).map(beginning).collect::<Result<_, ()>>()?;
        let in_order = unheard.windows(2).all(|pair| matches!(pair, [one, next] if one < next));
        if in_order { Ok(Self { heard, unheard }) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(first: u8, last: u8) -> PeerId {
        PeerId::from_bytes(std::array::from_fn(|index| if index < BYTES { first } else { last }))
    }

    #[test]
    fn it_is_read_and_written_in_one_form() {
        let unheard: Vec<IdBeginning> = (1..=31).map(|first| IdBeginning::from(&id(first, 9))).collect();
        for count in [0, 1, 2, 31] {
            let hears = Hears { heard: 99_999, unheard: unheard[..count].to_vec() };
            let text = hears.to_string();
            assert_eq!(text.parse(), Ok(hears), "{text}");
            assert!(text.len() <= 5 + 1 + count * LETTERS && text.len() <= 256, "{text}");
        }
        let one = Hears { heard: 7, unheard: vec![IdBeginning::from(&id(0, 1))] };
        assert_eq!(one.to_string(), "7/AAAAAAAA");
        for text in [
            "",
            "-1",
            "07",
            "100000",
            "7/",
            "7/AAAAAAA",
            "7/AAAAAAAAA",
            "7/AAAAAAA=",
            "7,AAAAAAAA",
            "7/AAAAAAAAAAAAAAAA",
            "7/AQEBAQEBAAAAAAAA",
            "/AAAAAAAA",
            "7/AAAA/AAA",
            " 7",
        ] {
            assert_eq!(text.parse::<Hears>(), Err(()), "{text}");
        }
        assert_eq!(format!("1/{}", "AAAAAAAA".repeat(32)).parse::<Hears>(), Err(()));
    }

    #[test]
    fn a_beginning_is_that_of_the_text() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let id = PeerId::from_bytes(std::array::from_fn(|_| random.u8(..)));
            let letters = IdBeginning::from(&id).letters();
            assert!(id.to_string().as_bytes().starts_with(&letters));
        }
    }

    #[test]
    fn as_many_as_fit_are_told() {
        assert_eq!([0, 17, 24, 25, 264, 265, 10_000].map(Hears::fitting), [0, 0, 0, 1, 30, 31, 31]);
        let longest = Hears { heard: 99_999, unheard: vec![IdBeginning(1)] };
        assert_eq!(format!(",\"hears\":\"{longest}\"").len(), MEMBER_LENGTH + LETTERS);
        let hears = Hears { heard: 3, unheard: vec![IdBeginning(1)] };
        assert!(hears.covers(5) && !hears.covers(4) && !hears.covers(6));
    }
}
