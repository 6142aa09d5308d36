//! What happened, one line per event with its offset from the start. The same seed gives the same bytes.

use std::fmt::{self, Write as _};

use kimchi_peers_proto::Instant;

/// The record of a run. Off by default, because writing lines costs more than simulating.
#[derive(Debug, Default)]
pub enum Trace {
    /// Nothing is recorded.
    #[default]
    Off,
    /// The lines are folded into one number; costs no memory.
    Digest(Digest),
    /// The lines are kept.
    Text(String),
}

/// A running FNV-1a hash of the lines, and how many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// The hash of all bytes so far.
    pub hash: u64,
    /// How many lines.
    pub lines: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: 0 }
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            self.lines += u64::from(byte == b'\n');
        }
        Ok(())
    }
}

impl Trace {
    /// A trace that folds its lines into one number.
    pub fn digest() -> Self {
        Self::Digest(Digest::default())
    }

    /// A trace that keeps its lines.
    pub fn text() -> Self {
        Self::Text(String::new())
    }

    /// Records one line; `arguments` are only formatted when somebody wants them.
    pub(crate) fn line(&mut self, at: Instant, arguments: fmt::Arguments<'_>) {
        // Writing to a String or into a hash cannot fail.
        let _ = match self {
            Self::Off => Ok(()),
            Self::Digest(digest) => writeln!(digest, "{at} {arguments}"),
            Self::Text(text) => writeln!(text, "{at} {arguments}"),
        };
    }
}
