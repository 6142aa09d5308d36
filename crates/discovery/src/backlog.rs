//! A host that cannot keep up lets go of what waited too long, and works with what is new.
//!
//! Whoever handles a long queue in its order is late with everything: it learns of hosts that are gone by now, answers
//! questions that nobody asks any more, and is asked again. With two hundred hosts on two processors that never ended. What
//! is let go is lost as a packet is lost, and repaired in the same way: one page of a neighbour whose digest differs brings
//! ten rows for one signature.

use std::time::Duration;

use kimchi_peers_proto::Instant;

/// So long a queue may stand before what is in it counts as old. Between a suspicion and its verdict there is 1.1 s, and an
/// answer to all waits 500 ms at most. Read at full speed, a full receive buffer is empty in that time.
const STANDING_MAX: Duration = Duration::from_secs(1);

/// How long the queue of one socket has stood.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Since when it was not seen empty, while it is being read.
    standing_since: Option<Instant>,
    skipped: u64,
}

impl Backlog {
    /// Whether what is read now has waited so long that it is skipped.
    pub(crate) fn is_old(&self, now: Instant) -> bool {
        self.standing_since.is_some_and(|since| now.since(since) >= STANDING_MAX)
    }

    /// Notes that a batch was read, which left more in the queue or emptied it.
    ///
    /// A queue that filled while the program was stopped stands from its first batch on: it is new to this host.
    pub(crate) fn note(&mut self, now: Instant, emptied: bool) {
        self.standing_since = if emptied { None } else { Some(self.standing_since.unwrap_or(now)) };
    }

    /// Counts one datagram that was skipped.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// How many datagrams were skipped.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::from_micros(milliseconds * 1_000)
    }

    #[test]
    fn a_queue_that_stands_for_a_second_is_old_until_it_was_empty() {
        let mut backlog = Backlog::default();
        backlog.note(at(5_000), false);
        backlog.note(at(5_900), false);
        assert!(!backlog.is_old(at(5_999)));
        assert!(backlog.is_old(at(6_000)));
        backlog.note(at(6_000), true);
        assert!(!backlog.is_old(at(9_000)));
    }

    #[test]
    fn what_came_while_the_program_was_stopped_is_read() {
        let mut backlog = Backlog::default();
        backlog.note(at(5_000), true);
        assert!(!backlog.is_old(at(65_000)));
        backlog.note(at(65_000), false);
        assert!(!backlog.is_old(at(65_400)), "there is a second to read it");
    }
}
