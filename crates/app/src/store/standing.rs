//! Whether a peer was there, read off its history entry by entry.
//!
//! ```text
//! history      up ---------- down ----- up ------------------------
//! own runs  ======]     [=========================]        [=======
//! known     u u u u - - - - - d d d d d u u u u u - - - - - u u u u
//! ```

use super::record::HistoryEntry;

/// The cause of an entry that says: it went while this daemon did not run, or nobody knows when after.
const NOT_HEARD_SINCE_START: &str = "not_heard_since_start";

/// One run of this daemon, in Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: i64,
    pub(super) until: i64,
}

/// What the newest entry says of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Nothing: no entry yet, or the peer was forgotten.
    #[default]
    Unknown,
    Up,
    Down,
    /// Away as announced, until this time; after it the peer is down.
    Planned(i64),
}

/// Milliseconds that are known, by what the peer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    pub(super) up: i64,
    pub(super) down: i64,
    pub(super) planned: i64,
}

impl Sums {
    /// Adds other sums.
    pub(super) fn add(&mut self, other: Self) {
        self.up = self.up.saturating_add(other.up);
        self.down = self.down.saturating_add(other.down);
        self.planned = self.planned.saturating_add(other.planned);
    }

    /// The share of them that falls on `part` of `whole` milliseconds, if they are spread evenly.
    pub(super) fn share(self, part: i64, whole: i64) -> Self {
        let share =
            |sum: i64| i64::try_from(i128::from(sum) * i128::from(part) / i128::from(whole.max(1))).unwrap_or(0);
        Self { up: share(self.up), down: share(self.down), planned: share(self.planned) }
    }
}

/// A walk through the time of one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Walk {
    /// How far it has come.
    at: i64,
    pub(super) standing: Standing,
    /// The first run that may reach beyond `at`.
    run: usize,
}

impl Walk {
    /// A walk that begins here.
    pub(super) const fn new(at: i64, standing: Standing) -> Self {
        Self { at, standing, run: 0 }
    }

    /// Goes on to the time of an entry and takes over what it says. `runs` are in order and do not overlap, the same in each
    /// call; `known` is told of each span of which something is known, in order. Returns whether the peer went down unannounced.
    pub(super) fn take(&mut self, entry: &HistoryEntry, runs: &[Run], known: &mut impl FnMut(i64, i64, Sums)) -> bool {
        let Some(standing) = says(entry) else { return false };
        if entry.cause.as_deref() == Some(NOT_HEARD_SINCE_START) {
            let started = runs.partition_point(|run| run.start <= entry.time);
            let start = started.checked_sub(1).and_then(|index| runs.get(index)).map_or(entry.time, |run| run.start);
            self.advance(start, runs, known);
            self.at = self.at.max(entry.time);
        } else {
            self.advance(entry.time, runs, known);
        }
        let went = self.standing == Standing::Up && standing == Standing::Down;
        self.standing = standing;
        went
    }

    /// Goes on to `to`. Times that lie behind, as after the clock was set back, change nothing.
    pub(super) fn advance(&mut self, to: i64, runs: &[Run], known: &mut impl FnMut(i64, i64, Sums)) {
        while let Some(run) = runs.get(self.run).filter(|run| run.start < to) {
            let (from, end) = (run.start.max(self.at), run.until.min(to));
            if from < end {
                self.tell(from, end, known);
            }
            if run.until > to {
                break;
            }
            self.run += 1;
        }
        self.at = self.at.max(to);
    }

    fn tell(&self, from: i64, to: i64, known: &mut impl FnMut(i64, i64, Sums)) {
        let length = to - from;
        match self.standing {
            Standing::Unknown => {}
            Standing::Up => known(from, to, Sums { up: length, ..Sums::default() }),
            Standing::Down => known(from, to, Sums { down: length, ..Sums::default() }),
            Standing::Planned(until) => {
                let turn = until.clamp(from, to);
                if from < turn {
                    known(from, turn, Sums { planned: turn - from, ..Sums::default() });
                }
                if turn < to {
                    known(turn, to, Sums { down: to - turn, ..Sums::default() });
                }
            }
        }
    }
}

/// What an entry says of where the peer is, if it says anything about that.
fn says(entry: &HistoryEntry) -> Option<Standing> {
    match entry.event.as_str() {
        "up" => Some(Standing::Up),
        "down" => Some(entry.planned_until.map_or(Standing::Down, Standing::Planned)),
        "removed" => Some(Standing::Unknown),
        // Doubt is no absence yet: what follows tells.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(time: i64, event: &str, cause: &str, planned_until: Option<i64>) -> HistoryEntry {
        let (event, cause) = (event.to_owned(), Some(cause.to_owned()));
        HistoryEntry { time, event, cause, planned_until, ..HistoryEntry::default() }
    }

    /// One letter for each ten milliseconds from 0 to 200, and how often the peer went down.
    fn walked(entries: &[HistoryEntry], runs: &[(i64, i64)]) -> (String, usize) {
        let runs: Vec<Run> = runs.iter().map(|&(start, until)| Run { start, until }).collect();
        let mut letters = ['-'; 20];
        let mut known = |from: i64, to: i64, sums: Sums| {
            let letter = if sums.up > 0 {
                'u'
            } else if sums.planned > 0 {
                'l'
            } else {
                'd'
            };
            assert_eq!(sums.up + sums.down + sums.planned, to - from);
            (from / 10..to / 10).for_each(|place| letters[usize::try_from(place).unwrap()] = letter);
        };
        let mut walk = Walk::new(0, Standing::Unknown);
        let went = entries.iter().filter(|entry| walk.take(entry, &runs, &mut known)).count();
        walk.advance(200, &runs, &mut known);
        (letters.iter().collect(), went)
    }

    #[test]
    fn only_what_was_seen_is_known() {
        let runs = [(0, 50), (100, 150), (150, 200)];
        let entries =
            [entry(20, "up", "search", None), entry(120, "down", "quit", None), entry(160, "up", "notify", None)];
        assert_eq!(walked(&entries, &runs), ("--uuu-----uudddduuuu".to_owned(), 1));
        assert_eq!(walked(&[], &runs), ("-".repeat(20), 0));
        assert_eq!(walked(&entries, &[]), ("-".repeat(20), 1));
    }

    #[test]
    fn nobody_knows_when_it_went_that_was_not_heard_since_the_start() {
        let entries = [entry(20, "up", "search", None), entry(140, "down", "not_heard_since_start", None)];
        assert_eq!(walked(&entries, &[(0, 50), (100, 200)]), ("--uuu---------dddddd".to_owned(), 1));
    }

    #[test]
    fn an_announced_absence_is_none_until_it_is_overdue() {
        let entries = [entry(20, "up", "search", None), entry(50, "down", "planned", Some(120))];
        assert_eq!(walked(&entries, &[(0, 200)]), (format!("--uuu{}{}", "l".repeat(7), "d".repeat(8)), 0));
    }

    #[test]
    fn what_is_forgotten_is_not_known_and_doubt_is_no_absence() {
        let entries = [
            entry(20, "up", "search", None),
            entry(50, "suspect", "silence", None),
            entry(70, "down", "verdict", None),
            entry(100, "removed", "expired", None),
            entry(150, "changed", "notify", None),
        ];
        assert_eq!(walked(&entries, &[(0, 200)]), ("--uuuuuddd----------".to_owned(), 1));
    }

    #[test]
    fn a_clock_that_was_set_back_counts_nothing_twice() {
        let entries =
            [entry(100, "up", "search", None), entry(50, "down", "quit", None), entry(150, "up", "search", None)];
        assert_eq!(walked(&entries, &[(0, 200)]), ("----------ddddduuuuu".to_owned(), 1));
    }

    #[test]
    fn a_share_of_sums_is_in_proportion() {
        let sums = Sums { up: 90, down: 9, planned: 0 };
        assert_eq!(sums.share(1, 3), Sums { up: 30, down: 3, planned: 0 });
        assert_eq!(Sums { up: i64::MAX, ..sums }.share(1, 0).up, i64::MAX);
    }
}
