//! A stretch of time cut into equal slices, each with a letter that tells where a peer was.

use super::standing::Sums;

/// A strip that is drawn from its beginning on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strip {
    since: i64,
    /// Milliseconds of one slice.
    slice: i64,
    slices: usize,
    /// What is known of the slice that is being drawn.
    current: Sums,
    pub(super) total: Sums,
    letters: String,
}

impl Strip {
    /// An empty strip of `slices` slices of `slice` milliseconds each.
    pub(super) fn new(since: i64, slice: i64, slices: usize) -> Self {
        let (slice, letters) = (slice.max(1), String::with_capacity(slices));
        Self { since, slice, slices, current: Sums::default(), total: Sums::default(), letters }
    }

    /// Draws what is known of a span. Spans come in order; what lies outside the strip is left out.
    pub(super) fn add(&mut self, from: i64, to: i64, sums: Sums) {
        let mut at = from.max(self.since);
        while at < to {
            let Ok(index) = usize::try_from((at - self.since) / self.slice) else { return };
            if index >= self.slices {
                return;
            }
            while self.letters.len() < index {
                self.close();
            }
            let end = (at - (at - self.since) % self.slice + self.slice).min(to);
            let share = sums.share(end - at, to - from);
            self.current.add(share);
            self.total.add(share);
            at = end;
        }
    }

    /// The letters of all slices, oldest first.
    pub(super) fn finish(mut self) -> String {
        while self.letters.len() < self.slices {
            self.close();
        }
        self.letters
    }

    fn close(&mut self) {
        let Sums { up, down, planned } = std::mem::take(&mut self.current);
        self.letters.push(match (up > 0, down > 0, planned > 0) {
            (false, false, false) => '-',
            (true, false, false) => 'u',
            (true, ..) => 'p',
            (false, false, true) => 'l',
            (false, true, _) => 'd',
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Sums = Sums { up: 1, down: 0, planned: 0 };
    const DOWN: Sums = Sums { up: 0, down: 1, planned: 0 };
    const PLANNED: Sums = Sums { up: 0, down: 0, planned: 1 };

    fn of(length: i64, sums: Sums) -> Sums {
        Sums { up: sums.up * length, down: sums.down * length, planned: sums.planned * length }
    }

    fn strip(spans: &[(i64, i64, Sums)]) -> (String, Sums) {
        let mut strip = Strip::new(1000, 100, 8);
        spans.iter().for_each(|&(from, to, sums)| strip.add(from, to, of(to - from, sums)));
        let total = strip.total;
        (strip.finish(), total)
    }

    #[test]
    fn each_slice_has_its_letter() {
        let (letters, total) = strip(&[
            (500, 1250, UP),
            (1250, 1400, DOWN),
            (1400, 1500, PLANNED),
            (1500, 1510, PLANNED),
            (1510, 1520, DOWN),
            (1700, 2500, UP),
        ]);
        assert_eq!(letters, "uupdld-u");
        assert_eq!(total, Sums { up: 350, down: 160, planned: 110 });
    }

    #[test]
    fn nothing_known_is_said_as_such() {
        assert_eq!(strip(&[]), ("--------".to_owned(), Sums::default()));
        assert_eq!(strip(&[(0, 1000, UP), (1800, 9000, UP)]), ("--------".to_owned(), Sums::default()));
    }

    #[test]
    fn a_mixed_span_is_spread_evenly() {
        let mut strip = Strip::new(0, 100, 4);
        strip.add(0, 400, Sums { up: 300, down: 100, planned: 0 });
        assert_eq!(strip.total, Sums { up: 300, down: 100, planned: 0 });
        assert_eq!(strip.finish(), "pppp");
    }
}
