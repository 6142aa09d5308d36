//! The wall clock, for the number of the run, the names of files put aside, and the age of what is kept.

use std::time::{SystemTime, UNIX_EPOCH};

use kimchi_peers::Instant;

/// Seconds since 1970; 0 if the clock is set before.
pub(super) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Milliseconds since 1970; 0 if the clock is set before.
pub(super) fn unix_milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A wall clock that differs by so much more or less from the clock that nobody sets was set; it drifts by seconds a day.
const LEAP_MS: i64 = 60_000;
/// So long a clock must have gone on without being set, before anything is thrown away because of what it says. A clock that is wrong
/// by a year is noticed and set in that time.
const STEADY_AFTER_MS: i64 = 24 * 3_600_000;

/// Whether the wall clock can be believed when it says that something is long ago.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steadiness {
    /// What the wall clock shows more than the other one, in milliseconds.
    difference: i64,
    /// When it was set last, or first looked at, on the other clock.
    since: i64,
}

impl Steadiness {
    /// Begins to watch.
    pub(super) fn new(wall: i64, at: Instant) -> Self {
        let at = milliseconds(at);
        Self { difference: wall.saturating_sub(at), since: at }
    }

    /// Whether it has not been set for a day. To be asked often: what was set and set back in between is not seen.
    pub(super) fn look(&mut self, wall: i64, at: Instant) -> bool {
        let at = milliseconds(at);
        let difference = wall.saturating_sub(at);
        if difference.saturating_sub(self.difference).saturating_abs() > LEAP_MS {
            self.since = at;
        }
        self.difference = difference;
        at.saturating_sub(self.since) >= STEADY_AFTER_MS
    }
}

fn milliseconds(at: Instant) -> i64 {
    i64::try_from(at.as_micros() / 1000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const YEAR: i64 = 365 * 24 * HOUR;
    const BEGIN: i64 = 1_700_000_000_000;

    #[test]
    fn a_clock_is_believed_when_nobody_has_set_it_for_a_day() {
        let at = |hours: i64| Instant::from_micros(u64::try_from((hours + 1) * HOUR * 1000).unwrap());
        let mut clock = Steadiness::new(BEGIN, at(0));
        // A second lost in each hour is no leap.
        let wall = |hours: i64| BEGIN + hours * (HOUR - 1000);
        assert!((1..24).all(|hour| !clock.look(wall(hour), at(hour))));
        assert!((24..200).all(|hour| clock.look(wall(hour), at(hour))));
        assert!(!clock.look(wall(200) + YEAR, at(200)), "set forth by a year");
        assert!(!clock.look(wall(201), at(201)), "and back");
        assert!((202..225).all(|hour| !clock.look(wall(hour), at(hour))));
        assert!(clock.look(wall(225), at(225)));
    }
}
