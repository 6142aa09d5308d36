//! How late this host comes to what it has to do, and whether it was stopped or is only slow.
//!
//! Who shares a processor with too many others hears an answer long after it was sent, and so do the others. If each of them
//! went by the clock alone, all of them would answer: the more there is to do, the more would be said. So what one host leaves
//! to another takes longer where this host itself is late.

use std::time::Duration;

use crate::time::Instant;

/// More than that is no lack of processor time but a stopped program.
const LATE_MAX: Duration = Duration::from_secs(1);
/// After so long without anything that was as late, half of it counts.
const HALVED_AFTER: Duration = Duration::from_millis(250);
/// A host that does nothing for so long, although something is due, was stopped: others may have taken it for dead.
const STOPPED: Duration = Duration::from_secs(1);

/// What this host did when.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    /// The longest that anything waited for this host lately, and when that was.
    longest: Duration,
    longest_at: Instant,
    /// When this host did anything last, and when it first did something again after it had done nothing for long.
    newest: Instant,
    resumed: Instant,
}

impl Lateness {
    /// Takes in that this host does something now.
    pub(crate) fn note(&mut self, now: Instant) {
        if now.since(self.newest) > STOPPED {
            self.resumed = now;
        }
        self.newest = now;
    }

    /// Takes in that it does now what was due at `due`.
    pub(crate) fn note_due(&mut self, now: Instant, due: Instant) {
        let late = now.since(due).min(LATE_MAX);
        if late >= self.lately(now) {
            (self.longest, self.longest_at) = (late, now);
        }
    }

    /// How late this host does what is due.
    pub(crate) fn lately(&self, now: Instant) -> Duration {
        let halvings = now.since(self.longest_at).as_micros() / HALVED_AFTER.as_micros();
        let parts = u32::try_from(halvings).ok().and_then(|halvings| 1_u32.checked_shl(halvings));
        parts.map_or(Duration::ZERO, |parts| self.longest / parts)
    }

    /// Whether this host had done nothing for long when it came to what was due at `due`. Who is only slow does something all the
    /// time: it hears that it is missed, and contradicts.
    pub(crate) fn was_stopped(&self, due: Instant) -> bool {
        self.resumed.since(due) > STOPPED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::from_micros(milliseconds * 1_000)
    }

    fn millis(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn what_was_late_counts_less_and_less() {
        let mut lateness = Lateness::default();
        lateness.note_due(at(10_080), at(10_000));
        assert_eq!([10_080, 10_329, 10_330, 10_580].map(|now| lateness.lately(at(now))), [80, 80, 40, 20].map(millis));
        lateness.note_due(at(10_580), at(10_570));
        assert_eq!(lateness.lately(at(10_580)), millis(20), "the greater one counts");
        lateness.note_due(at(10_600), at(10_500));
        assert_eq!(lateness.lately(at(10_600)), millis(100));
        assert_eq!(lateness.lately(at(90_000)), Duration::ZERO);
    }

    #[test]
    fn a_night_of_sleep_is_no_lack_of_processor_time() {
        let mut lateness = Lateness::default();
        lateness.note_due(at(30_000_000), at(1_000));
        assert_eq!(lateness.lately(at(30_000_000)), LATE_MAX);
        assert_eq!(Lateness::default().lately(Instant::LATEST), Duration::ZERO);
    }

    #[test]
    fn who_does_something_all_the_time_is_slow_and_not_stopped() {
        let mut lateness = Lateness::default();
        (0..40).for_each(|turn| lateness.note(at(10_000 + turn * 300)));
        assert!(!lateness.was_stopped(at(10_100)), "what was due then comes 12 s late");
    }

    #[test]
    fn who_was_stopped_knows_it_after_reading_what_came_meanwhile() {
        let mut lateness = Lateness::default();
        lateness.note(at(10_000));
        (0..9).for_each(|turn| lateness.note(at(15_000 + turn)));
        assert!(lateness.was_stopped(at(10_800)));
        assert!(!lateness.was_stopped(at(14_500)), "that was due just now");
    }
}
