//! What one host says of others: that it misses them, that they are dead, that it heard them. The wire of that; the
//! meaning stands in `suspicion.rs` and `verdict.rs`.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::id::PeerId;
use crate::message::INTEGER_MAX;
use crate::roster::integer;

/// Most claims of all three sorts in one datagram: with the four members of INFO and those of `kp` they stay within the
/// members that a receiver takes, and with names of usual length within a datagram.
pub const CLAIMS_MAX: usize = 12;

/// A host, and the newest datagram of it that the speaker knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Its identity.
    pub id: PeerId,
    /// Its incarnation, 1 to 2^53 - 1.
    pub epoch: u64,
    /// The number of its datagram within that, 0 to 2^53 - 1.
    pub sequence: u64,
}

/// What a `notify` says of other hosts; at most [`CLAIMS_MAX`] entries in all, never none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// `suspect`: they do not answer the sender. Whoever hears them shall say so, they themselves first.
    pub suspect: Vec<Claim>,
    /// `dead`: nobody said so.
    pub dead: Vec<Claim>,
    /// `heard`: the sender heard them since the receiver missed them.
    pub heard: Vec<Claim>,
}

impl Claim {
    /// Epoch and number together, in the order of datagrams.
    pub(crate) fn newest(&self) -> (u64, u64) {
        (self.epoch, self.sequence)
    }
}

impl fmt::Display for Claim {
    /// Identity, epoch and number with commas between.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{},{},{}", self.id, self.epoch, self.sequence)
    }
}

impl FromStr for Claim {
    type Err = ();

    /// Reads what `Display` writes and nothing else.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut fields = text.split(',');
        let mut field = || fields.next().ok_or(());
        let claim = Self {
            id: field()?.parse().map_err(drop)?,
            epoch: integer(field()?, 1, INTEGER_MAX)?,
            sequence: integer(field()?, 0, INTEGER_MAX)?,
        };
        if fields.next().is_none() { Ok(claim) } else { Err(()) }
    }
}

impl Claims {
    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.suspect.len() + self.dead.len() + self.heard.len()
    }

    /// Writes the members, those without an entry left out.
    pub(crate) fn write(&self, body: &mut String) {
        for (name, claims) in [("suspect", &self.suspect), ("dead", &self.dead), ("heard", &self.heard)] {
            if claims.is_empty() {
                continue;
            }
            let _ = write!(body, r#","{name}":["#);
            for (index, claim) in claims.iter().enumerate() {
                let _ = write!(body, r#"{}"{claim}""#, if index == 0 { "" } else { "," });
            }
            body.push(']');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8,3,7";

    #[test]
    fn a_claim_is_read_and_written_in_one_form() {
        let claim: Claim = TEXT.parse().unwrap();
        assert_eq!((claim.to_string().as_str(), claim.newest()), (TEXT, (3, 7)));
        for (part, other) in [
            (",3,7", ",03,7"),
            (",3,", ",0,"),
            (",3,", ",,"),
            (",7", ",-7"),
            (",7", ",7,"),
            (",3,7", ",3"),
            ("AAE", "AA"),
        ] {
            assert!(TEXT.replacen(part, other, 1).parse::<Claim>().is_err(), "{other}");
        }
    }
}
