//! Lines of the log that others can cause: at most so many a minute, and the rest counted.

use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// What may be told within a minute.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u32,
    began: Option<Instant>,
    used: u32,
    left_out: u64,
}

impl Budget {
    /// One of so many lines a minute.
    pub(crate) const fn of(most: u32) -> Self {
        Self { most, began: None, used: 0, left_out: 0 }
    }

    /// Whether a line may be told now, and if so how many were left out before it.
    pub(crate) fn spend(&mut self, now: Instant) -> Option<u64> {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= MINUTE) {
            (self.began, self.used) = (Some(now), 0);
        }
        if self.used == self.most {
            self.left_out += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted_and_told_with_the_next_line() {
        let start = Instant::now();
        let mut budget = Budget::of(2);
        let mut spend = |seconds: u64| budget.spend(start + Duration::from_secs(seconds));
        assert_eq!([0, 1, 2, 59].map(&mut spend), [Some(0), Some(0), None, None]);
        assert_eq!([60, 61, 62, 200].map(&mut spend), [Some(2), Some(0), None, Some(1)]);
    }
}
