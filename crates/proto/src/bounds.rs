//! The ranges of what may be configured, so that no value makes the engine panic or work without end.

use std::time::Duration;

use crate::config::Config;
use crate::limit::Rate;

/// Longest time of any sort: a year. A thousand of them in microseconds are far from the end of [`crate::Instant`].
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// Shortest time after which something is done again: at zero it would be done for ever.
const SHORTEST: Duration = Duration::from_millis(1);
/// Most heartbeats that may be missed.
const MISSED_MAX: u32 = 1_000;
/// Greatest rate and burst: the engine counts in microseconds, and a token takes one of them at least.
const RATE_MAX: u32 = 1_000_000;

/// A time that may be nothing.
fn delay(value: Duration) -> Duration {
    value.min(LONGEST)
}

/// A time after which something is done again.
fn interval(value: Duration) -> Duration {
    value.clamp(SHORTEST, LONGEST)
}

fn rate(value: Rate) -> Rate {
    Rate { per_second: value.per_second.clamp(1, RATE_MAX), burst: value.burst.clamp(1, RATE_MAX) }
}

impl Config {
    /// The same with each value in its range.
    pub(crate) fn bounded(self) -> Self {
        Self {
            heartbeat: interval(self.heartbeat),
            heartbeat_share: delay(self.heartbeat_share),
            missed_heartbeats: self.missed_heartbeats.clamp(1, MISSED_MAX),
            searches: self.searches.map(delay),
            answer_jitter_share: delay(self.answer_jitter_share),
            answer_jitter_max: delay(self.answer_jitter_max),
            answer_interval: interval(self.answer_interval),
            probe_interval: interval(self.probe_interval),
            watch_interval: interval(self.watch_interval),
            watch_silence: interval(self.watch_silence),
            try_interval: interval(self.try_interval),
            suspect_after: interval(self.suspect_after),
            verdict_after: interval(self.verdict_after),
            verdict_doubt: delay(self.verdict_doubt),
            refused_after: interval(self.refused_after),
            lost_search: interval(self.lost_search),
            lost_search_for: delay(self.lost_search_for),
            confirm_after: interval(self.confirm_after),
            base_search_after: interval(self.base_search_after),
            base_search_stagger: delay(self.base_search_stagger),
            base_lifetime: interval(self.base_lifetime),
            grace: delay(self.grace),
            lateness: interval(self.lateness),
            forget_after: interval(self.forget_after),
            multicast_rate: rate(self.multicast_rate),
            unicast_rate: rate(self.unicast_rate),
            page_rate: rate(self.page_rate),
            verify_rate: rate(self.verify_rate),
            stranger_rate: rate(self.stranger_rate),
            sender_rate: rate(self.sender_rate),
            source_rate: rate(self.source_rate),
            proven_after: interval(self.proven_after),
            ..self
        }
    }

    /// So many intervals, a year at most.
    pub(crate) fn times(interval: Duration, count: u32) -> Duration {
        delay(interval.saturating_mul(count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_suits_a_network_stays_as_it_is() {
        let usual = Config::default();
        assert_eq!(format!("{:?}", usual.clone().bounded()), format!("{usual:?}"));
    }
}
