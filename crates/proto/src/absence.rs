//! An absence that a host announces with its goodbye: for how long, and what for.
//!
//! It is told in seconds from now, since no two hosts agree on the time of day, and only by the host itself: a goodbye that is
//! signed, newer than all that was heard, and from an address of the row.

use crate::text::Note;
use crate::time::Instant;
use crate::writing;

/// Longest absence that is announced, in seconds: 30 days, as long as a peer that is down is remembered.
pub const ABSENCE_MAX: u32 = 30 * 86_400;

/// `away`, `why`: when a host that leaves means to be back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// `away`: in so many seconds; 1 to [`ABSENCE_MAX`].
    pub seconds: u32,
    /// `why`: what for.
    pub reason: Note,
}

/// What a peer that left had announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Away {
    /// When it means to be back.
    pub until: Instant,
    /// What for.
    pub reason: Note,
}

impl Absence {
    pub(crate) fn write(&self, body: &mut String) {
        body.push_str(",\"away\":");
        writing::decimal(body, self.seconds.into());
        for text in [",\"why\":\"", self.reason.as_str(), "\""] {
            body.push_str(text);
        }
    }
}
