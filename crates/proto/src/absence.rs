//! An absence that a host announces with its goodbye: for how long, and what for.
//!
//! It is told in seconds from now, since no two hosts agree on the time of day, and only by the host itself: a goodbye that is
//! signed, newer than all that was heard, and from an address of the row.

use thiserror::Error;

use crate::text::Note;
use crate::time::Instant;
use crate::writing;

/// Longest absence that is announced, in seconds: 30 days, as long as a peer that is down is remembered.
pub const ABSENCE_MAX: u32 = 30 * 86_400;

/// `away`, `why`: when a host that leaves means to be back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    seconds: u32,
    reason: Note,
}

/// Why an absence cannot be announced: other hosts would drop the goodbye that tells it. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an absence takes 1 to {ABSENCE_MAX} seconds, which are 30 days")]
pub struct InvalidAbsence;

/// What a peer that left had announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// When it means to be back.
    pub until: Instant,
    /// What for.
    pub reason: Note,
}

impl Absence {
    /// An absence of so many seconds, 1 to [`ABSENCE_MAX`], for that reason.
    ///
    /// # Errors
    /// [`InvalidAbsence`].
    pub fn new(seconds: u32, reason: Note) -> Result<Self, InvalidAbsence> {
        if (1..=ABSENCE_MAX).contains(&seconds) { Ok(Self { seconds, reason }) } else { Err(InvalidAbsence) }
    }

    /// `away`: in so many seconds this host means to be back.
    pub fn seconds(&self) -> u32 {
        self.seconds
    }

    /// `why`: what for.
    pub fn reason(&self) -> &Note {
        &self.reason
    }

    pub(crate) fn write(&self, body: &mut String) {
        body.push_str(",\"away\":");
        writing::decimal(body, self.seconds.into());
        for text in [",\"why\":\"", self.reason.as_str(), "\""] {
            body.push_str(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_would_drop_cannot_be_made() {
        let with = |seconds| Absence::new(seconds, "firmware".parse().unwrap());
        assert_eq!(
            (with(0), with(ABSENCE_MAX + 1), with(u32::MAX)),
            (Err(InvalidAbsence), Err(InvalidAbsence), Err(InvalidAbsence))
        );
        assert_eq!(with(ABSENCE_MAX).map(|absence| absence.seconds()), Ok(ABSENCE_MAX));
        assert_eq!(with(1).map(|absence| absence.reason().to_string()), Ok("firmware".to_owned()));
    }
}
