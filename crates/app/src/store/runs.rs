//! The table `run`: when this daemon ran.

use rusqlite::{Connection, Row, params};

use super::checksum::Checksum;
use super::rows::{Rows, read_rows};
use super::standing::Run;

/// A daemon that fell silent for longer, between two transactions that are at most a quarter of an hour apart, was suspended with
/// its host: nothing is known of that time.
const GAP_MAX_MS: i64 = 45 * 60 * 1000;
/// Rows kept; many only where a daemon starts again and again.
const MOST: i64 = 5_000;

const SELECT: &str = "SELECT start, until, checksum FROM run WHERE until >= ?1 ORDER BY start";
const INSERT: &str = "INSERT OR REPLACE INTO run (start, until, checksum) VALUES (?1, ?2, ?3)";
const PRUNE: &str =
    "DELETE FROM run WHERE until < ?1 OR start <= (SELECT start FROM run ORDER BY start DESC LIMIT 1 OFFSET ?2)";

impl Run {
    /// A run that begins now.
    pub(super) const fn begin(now: i64) -> Self {
        Self { start: now, until: now }
    }

    /// The run as of now; a new one where the host slept in between.
    pub(super) const fn go_on(self, now: i64) -> Self {
        if now.saturating_sub(self.until) > GAP_MAX_MS {
            Self::begin(now)
        } else {
            Self { until: if now > self.until { now } else { self.until }, ..self }
        }
    }
}

/// Writes a run over what was written of it before.
pub(super) fn save(connection: &Connection, run: Run) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT)?.execute(params![run.start, run.until, checksum(run)]).map(drop)
}

/// Deletes runs that ended before `oldest`, and more than are kept.
pub(super) fn prune(connection: &Connection, oldest: i64) -> rusqlite::Result<()> {
    connection.execute(PRUNE, [oldest, MOST]).map(drop)
}

/// The runs that ended at `since` or later, with the present one, in order and without overlap.
pub(super) fn load(connection: &Connection, since: i64, present: Run) -> Rows<Run> {
    let mut rows = read_rows(connection, SELECT, [since], read);
    rows.good.push(present);
    rows.good.sort_unstable_by_key(|run| run.start);
    rows.good.dedup_by(|later, earlier| {
        let overlap = later.start <= earlier.until;
        if overlap {
            earlier.until = earlier.until.max(later.until);
        }
        overlap
    });
    rows
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<Run>> {
    let run = Run { start: row.get(0)?, until: row.get(1)? };
    let intact = row.get::<_, String>(2)? == checksum(run);
    Ok(intact.then_some(run))
}

fn checksum(run: Run) -> String {
    Checksum::of("run").integer(run.start).integer(run.until).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_on_unless_the_host_slept() {
        let run = Run::begin(1_000).go_on(2_000);
        assert_eq!(run, Run { start: 1_000, until: 2_000 });
        assert_eq!(run.go_on(500), run, "the clock was set back");
        let woken = 2_000 + GAP_MAX_MS + 1;
        assert_eq!(run.go_on(woken), Run::begin(woken));
    }
}
