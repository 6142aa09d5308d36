//! The token bucket that bounds what a host sends on one link, whatever it receives.

use std::time::Duration;

use crate::time::Instant;

/// A bound on a rate: so many at once, and so many a second after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Sustained rate per second; at least 1.
    pub per_second: u32,
    /// How many may go at once after a pause; at least 1.
    pub burst: u32,
}

/// A token bucket. It keeps the time at which it would be full again, so it needs no timer and never drifts.
#[derive(Debug, Clone)]
pub(crate) struct TokenBucket {
    rate: Rate,
    full_at: Instant,
}

impl TokenBucket {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, full_at: Instant::ZERO }
    }

    fn token(&self) -> Duration {
        Duration::from_secs(1) / self.rate.per_second.max(1)
    }

    /// When the next token can be taken; `now` or earlier means at once.
    pub(crate) fn ready_at(&self) -> Instant {
        self.full_at - self.token() * (self.rate.burst.max(1) - 1)
    }

    /// Takes one token if there is one.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if self.ready_at() > now {
            return false;
        }
        self.full_at = self.full_at.max(now) + self.token();
        true
    }
}

/// How many buckets a [`RateTable`] has.
const BUCKETS: usize = 256;

/// Token buckets for more senders than anybody counts, in a fixed array: who shares a bucket shares its tokens.
#[derive(Debug)]
pub(crate) struct RateTable(Box<[TokenBucket]>);

impl RateTable {
    pub(crate) fn new(rate: Rate) -> Self {
        Self(vec![TokenBucket::new(rate); BUCKETS].into_boxed_slice())
    }

    /// Takes one token of the bucket that `hash` falls into.
    pub(crate) fn take(&mut self, now: Instant, hash: u64) -> bool {
        let slot = usize::try_from(hash % BUCKETS as u64).unwrap_or(0);
        self.0.get_mut(slot).is_some_and(|bucket| bucket.take(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = TokenBucket::new(Rate { per_second: 2, burst: 3 });
        let start = Instant::from_micros(10_000_000);
        assert_eq!((0..10).filter(|_| bucket.take(start)).count(), 3);
        assert_eq!(bucket.ready_at(), start + Duration::from_millis(500));
        assert!(!bucket.take(start + Duration::from_millis(499)));
        assert!(bucket.take(start + Duration::from_millis(500)));
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| bucket.take(later)).count(), 3);
    }

    #[test]
    fn each_bucket_of_a_table_has_its_own_tokens() {
        let mut table = RateTable::new(Rate { per_second: 1, burst: 2 });
        let now = Instant::from_micros(10_000_000);
        let taken = |table: &mut RateTable, hash| (0..5).filter(|_| table.take(now, hash)).count();
        assert_eq!((taken(&mut table, 3), taken(&mut table, 4)), (2, 2));
        assert_eq!(taken(&mut table, 3 + BUCKETS as u64), 0, "it shares the bucket");
    }
}
