//! Whether the wall clock can be believed. Discovery itself counts the time that passes and never reads it.

use super::running::span;
use super::{Facts, Finding};

/// Milliseconds that a clock which is kept in step may be moved in a day.
const LEAP: u64 = 5_000;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    let leap = daemon.clock_leap.unsigned_abs();
    if leap < LEAP {
        return vec![Finding::ok(
            "clock",
            "the wall clock agrees with the time that passed; peers tell nothing of theirs",
        )];
    }
    let way = if daemon.clock_leap > 0 { "forward" } else { "back" };
    let evidence = format!(
        "the wall clock was put {way} by {} since the daemon started, so times that were noted before are shown wrongly; who is \
         seen does not depend on it",
        span(leap / 1000)
    );
    vec![Finding::warning("clock", evidence).mend("timedatectl status")]
}
