//! What a scenario measured, as a table.

use std::fmt;
use std::time::Duration;

use crate::tally::Tally;
use crate::world::World;

/// The measurements of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which scenario.
    pub scenario: &'static str,
    /// How many hosts.
    pub hosts: usize,
    /// The seed that repeats the run.
    pub seed: u64,
    /// What was measured, in order.
    pub rows: Vec<(String, String)>,
}

impl Report {
    /// An empty report.
    pub fn new(scenario: &'static str, hosts: usize, seed: u64) -> Self {
        Self { scenario, hosts, seed, rows: Vec::new() }
    }

    /// Adds a measured time.
    pub fn time(&mut self, label: &str, time: Duration) {
        self.row(label, format!("{:.1} ms", time.as_secs_f64() * 1000.0));
    }

    /// Adds a value.
    pub fn row(&mut self, label: &str, value: impl fmt::Display) {
        self.rows.push((label.to_owned(), value.to_string()));
    }

    /// Adds what was sent since `before`.
    pub fn packets(&mut self, phase: &str, before: &Tally, after: &Tally) {
        let (multicast, unicast) = (after.multicasts() - before.multicasts(), after.unicasts() - before.unicasts());
        let each = |count: u64| count as f64 / self.hosts.max(1) as f64;
        let (all, one) = (format!("{phase}: packets multicast / unicast"), format!("{phase}: packets a host"));
        let value = format!("{:.2} / {:.2}", each(multicast), each(unicast));
        self.row(&all, format!("{multicast} / {unicast}"));
        self.row(&one, value);
    }

    /// Adds what must be zero, and the whole run's length.
    pub fn verdicts(&mut self, world: &World) {
        let total = world.total();
        self.row("false downs", total.false_downs);
        self.row("false goodbyes believed", total.false_goodbyes);
        self.row("datagrams handled", total.received);
        self.row("simulated time", format!("{:.1} s", world.now().as_secs_f64()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "scenario {}, {} hosts, seed {}", self.scenario, self.hosts, self.seed)?;
        let width = self.rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
        for (label, value) in &self.rows {
            writeln!(out, "  {label:width$}  {value}")?;
        }
        Ok(())
    }
}
