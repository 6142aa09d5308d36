//! Waiting for a condition: polling with a generous limit, so that no test depends on a tight timing.

use std::time::{Duration, Instant};

/// How often a condition is looked at. A probe often starts a process, and the machine may have two cores.
const PAUSE: Duration = Duration::from_millis(50);

/// Seconds, for short lines in tests.
pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Looks until the probe finds something; panics with what was awaited when the limit has passed.
pub(crate) fn until_some<T>(limit: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < limit, "not seen within {limit:?}: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Looks until the condition holds.
pub(crate) fn until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    until_some(limit, what, || condition().then_some(()));
}

/// Looks until the two are equal; the failure shows the last value seen.
pub(crate) fn until_equal<T: PartialEq + std::fmt::Debug>(
    limit: Duration,
    what: &str,
    wanted: &T,
    mut probe: impl FnMut() -> T,
) {
    let start = Instant::now();
    loop {
        let seen = probe();
        if seen == *wanted {
            return;
        }
        assert!(start.elapsed() < limit, "not seen within {limit:?}: {what}\n wanted {wanted:?}\n   seen {seen:?}");
        std::thread::sleep(PAUSE);
    }
}
