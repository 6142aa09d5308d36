//! Whether this host itself hears well: what its link loses, and whether it is cut off.

use std::time::Duration;

use crate::time::Instant;

/// Share of first tries that a link is taken to miss before anything was measured: 10 % loss each way.
const MISSED_AT_FIRST: f64 = 0.19;
/// Weight of one try in the moving average: half of it is made of the last 22 tries.
const WEIGHT: f64 = 1.0 / 32.0;
/// Share of the average that may still be taken from the start value when it is told to others: ten tries are measured.
const ASSUMED_MAX: f64 = 0.73;
/// Below this loss a link is quiet, and fewer copies do.
const QUIET: f64 = 0.03;
/// Above this loss a verdict takes longer, up to twice as long at twice the loss.
const BAD: f64 = 0.25;
/// What all are told is said until fewer than this many hosts are expected to have missed every copy, but not more often
/// than so.
const MISSED_BY: f64 = 0.01;
const COPIES_MAX: u32 = 8;
/// Fewest copies of a verdict, where nothing is lost and where something is.
const VERDICTS: (u32, u32) = (3, 5);
/// Who heard nobody for so long does not declare anybody dead: a neighbour probes it once a second.
const DEAF_AFTER: Duration = Duration::from_secs(2);
/// A host that is woken so late is short of time: answers wait for it rather than fail to come.
const STRAINED: Duration = Duration::from_millis(50);
/// Most late wake-ups that count, and how long one does.
const STRAIN_MAX: u32 = 3;
const STRAIN_LASTS: Duration = Duration::from_secs(1);

/// How well one link is heard.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    missed: f64,
    /// How much of `missed` is still what was taken for granted at first, 1 to 0.
    assumed: f64,
    /// How often this host was woken late lately, and when that changed last.
    strain: u32,
    strain_since: Instant,
    /// When any extended peer was heard there last.
    pub(crate) heard: Option<Instant>,
    /// Whether nobody is heard there although peers are listed.
    pub(crate) isolated: bool,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            missed: MISSED_AT_FIRST,
            assumed: 1.0,
            strain: 0,
            strain_since: Instant::ZERO,
            heard: None,
            isolated: false,
        }
    }
}

impl Health {
    /// Takes in whether the first try at a living peer was answered.
    pub(crate) fn measure(&mut self, answered: bool) {
        let missed = if answered { 0.0 } else { 1.0 };
        self.missed += (missed - self.missed) * WEIGHT;
        self.assumed *= 1.0 - WEIGHT;
    }

    /// The share of datagrams lost one way: a try is answered where neither question nor answer is lost.
    pub(crate) fn loss(&self) -> f64 {
        one_way(self.missed)
    }

    /// The same as it was measured alone, without the start value; `None` before ten tries.
    pub(crate) fn measured_loss(&self) -> Option<f64> {
        let measured = 1.0 - self.assumed;
        (self.assumed < ASSUMED_MAX)
            .then(|| one_way(((self.missed - MISSED_AT_FIRST * self.assumed) / measured).clamp(0.0, 1.0)))
    }

    /// How much longer than usual a verdict takes: 1 to 2.
    pub(crate) fn stretch(&self) -> f64 {
        (self.loss() / BAD).clamp(1.0, 2.0)
    }

    /// How often a suspicion is sent.
    pub(crate) fn copies(&self) -> u32 {
        if self.loss() < QUIET { 3 } else { 4 }
    }

    /// How often a verdict is sent on a link of `hosts` hosts: who misses every copy finds out later than the others.
    pub(crate) fn verdicts(&self, hosts: usize) -> u32 {
        if self.loss() < QUIET { VERDICTS.0 } else { copies_for(hosts, self.loss()).max(VERDICTS.1) }
    }

    /// How often something is said that all of `hosts` hosts shall hear: once where nothing was ever seen to be lost.
    pub(crate) fn words(&self, hosts: usize) -> u32 {
        self.measured_loss().filter(|loss| *loss >= QUIET).map_or(1, |loss| copies_for(hosts, loss))
    }

    /// Time between two tries, as a multiple of the configured one: where nothing is lost, half of the tries do.
    pub(crate) fn pace(&self, tries: u32) -> u32 {
        if self.loss() < QUIET && tries >= 4 { 2 } else { 1 }
    }

    /// Takes in how late this host was woken.
    pub(crate) fn note_wake_up(&mut self, now: Instant, late: Duration) {
        if late > STRAINED {
            (self.strain, self.strain_since) = ((self.strain + 1).min(STRAIN_MAX), now);
        } else if now.since(self.strain_since) > STRAIN_LASTS {
            (self.strain, self.strain_since) = (self.strain.saturating_sub(1), now);
        }
    }

    /// How much more time than usual answers and tries get, 1 to 4: whoever is short of time makes it worse for itself by
    /// asking more often.
    pub(crate) fn slowdown(&self) -> u32 {
        1 + self.strain
    }

    /// Whether any peer was heard since `since`, and not too long ago: otherwise it is us.
    pub(crate) fn hears(&self, since: Instant, now: Instant) -> bool {
        self.heard.is_some_and(|heard| heard > since && now.since(heard) < DEAF_AFTER)
    }
}

/// The least number of copies of which hardly any of `hosts` hosts misses all.
fn copies_for(hosts: usize, loss: f64) -> u32 {
    let missed = |copies: &u32| hosts as f64 * loss.powf(f64::from(*copies));
    (1..COPIES_MAX).find(|copies| missed(copies) <= MISSED_BY).unwrap_or(COPIES_MAX)
}

/// The share lost one way, of the share of tries that missed.
fn one_way(missed: f64) -> f64 {
    1.0 - (1.0 - missed).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(missed_of_ten: usize) -> Health {
        let mut health = Health::default();
        (0..1000).for_each(|number| health.measure(number % 10 >= missed_of_ten));
        health
    }

    #[test]
    fn the_loss_is_that_of_one_way() {
        assert!((Health::default().loss() - 0.1).abs() < 0.001);
        assert!(settled(0).loss() < 0.001);
        // A fifth lost each way: 36 of 100 tries are missed.
        assert!((settled(4).loss() - 0.225).abs() < 0.03);
    }

    #[test]
    fn what_was_never_measured_is_not_told() {
        let mut health = Health::default();
        (0..9).for_each(|_| health.measure(true));
        assert_eq!(health.measured_loss(), None);
        health.measure(true);
        assert!(health.measured_loss().is_some_and(|loss| loss < 0.001), "nothing was lost");
        assert!(health.loss() > 0.05, "it is still careful itself");
        (0..10).for_each(|_| health.measure(false));
        assert!(health.measured_loss().is_some_and(|loss| (0.3..0.45).contains(&loss)), "half of all tries");
        assert!(settled(10).measured_loss().is_some_and(|loss| loss > 0.99));
    }

    #[test]
    fn a_bad_link_gets_time_and_a_quiet_one_fewer_packets() {
        assert_eq!((settled(0).copies(), settled(0).pace(4), settled(0).pace(3)), (3, 2, 1));
        assert_eq!((settled(2).copies(), settled(2).pace(9)), (4, 1));
        assert!((settled(3).stretch() - 1.0).abs() < 0.001, "16 % one way is no bad link");
        assert!(settled(7).stretch() > 1.5);
        assert!((settled(10).stretch() - 2.0).abs() < 0.001);
    }

    #[test]
    fn who_is_short_of_time_asks_less_until_it_is_in_time_again() {
        let mut health = Health::default();
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        health.note_wake_up(at(10_000), STRAINED);
        assert_eq!(health.slowdown(), 1, "a busy machine is that late every now and then");
        (0..9).for_each(|turn| health.note_wake_up(at(10_000 + turn), STRAINED * 2));
        assert_eq!(health.slowdown(), 4);
        (0..90).for_each(|turn| health.note_wake_up(at(10_010 + turn * 10), Duration::ZERO));
        assert_eq!(health.slowdown(), 4, "a second is not over");
        (0..90).for_each(|turn| health.note_wake_up(at(11_000 + turn * 50), Duration::ZERO));
        assert_eq!(health.slowdown(), 1);
    }

    #[test]
    fn the_more_hosts_and_the_more_loss_the_more_words() {
        let quiet = settled(0);
        assert_eq!((quiet.verdicts(10), quiet.verdicts(1_000), quiet.words(1_000)), (3, 3, 1));
        let bad = settled(4);
        assert_eq!([10, 50, 200, 1_000].map(|hosts| bad.verdicts(hosts)), [5, 6, 7, 8]);
        assert_eq!(settled(10).verdicts(1_000), COPIES_MAX);
        assert_eq!(Health::default().words(1_000), 1, "what was never measured is not taken for loss here");
        assert_eq!([2, 50, 1_000].map(|hosts| copies_for(hosts, 0.2)), [4, 6, 8]);
        assert_eq!([2, 50, 1_000].map(|hosts| copies_for(hosts, 0.05)), [2, 3, 4]);
    }

    #[test]
    fn who_hears_nobody_knows_nothing() {
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        let health = Health { heard: Some(at(1_000)), ..Health::default() };
        assert!(health.hears(at(500), at(1_500)));
        assert!(!health.hears(at(1_000), at(1_500)) && !health.hears(at(500), at(3_001)));
        assert!(!Health::default().hears(at(0), at(1)));
    }
}
