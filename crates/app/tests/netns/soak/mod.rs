//! Eight daemons and one fault after the other, for as long as is wished: `SOAK_MINUTES=60`, and `SOAK_SEED` to see one again.
//!
//! Four of the hosts keep their process from the beginning to the end; what they hold must not grow.

mod faults;
mod member;
mod samples;

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::host::Host;
use super::inside_within;
use super::lan::Lan;
use super::wait::seconds;
use faults::{ALL, Fault, STRANGER};
use member::Member;
use samples::Usage;

const HOSTS: usize = 8;
/// So many of them are never killed.
const LASTING: usize = 4;
/// The longest a network may take to be whole again once the last fault is over: heartbeats of a network so small come every ten
/// seconds, and the machine may be busy.
const HEALS_WITHIN: Duration = Duration::from_secs(90);
/// After that, until what was allocated for it is given back.
const SETTLES_IN: Duration = Duration::from_secs(5);

/// What is done in one round: to which host, and what.
type Round = Vec<(usize, Fault)>;

/// A network under faults.
struct Soak<'a> {
    lan: &'a Lan,
    stranger: &'a Host,
    members: Vec<Member<'a>>,
    random: Rng,
    slowest: Duration,
}

impl<'a> Soak<'a> {
    fn new(lan: &'a Lan, hosts: &'a [Host], stranger: &'a Host, seed: u64) -> Self {
        let members = hosts.iter().zip(1..).map(|(host, number)| Member::new(host, number)).collect();
        Self { lan, stranger, members, random: Rng::with_seed(seed), slowest: Duration::ZERO }
    }

    /// Each fault once, several at a time.
    fn all_at_once(&mut self) -> Vec<Round> {
        let mut faults = ALL.to_vec();
        let mut rounds = Vec::new();
        while !faults.is_empty() {
            let mut round = Vec::new();
            let order = self.shuffled();
            for host in order {
                let fits = |fault: &Fault| host >= LASTING || !fault.ends_the_process();
                if let Some(place) = faults.iter().position(fits) {
                    round.push((host, faults.remove(place)));
                }
            }
            rounds.push(round);
        }
        rounds
    }

    /// One to three faults, each at another host.
    fn some(&mut self) -> Round {
        let count = self.random.usize(1..=3);
        let hosts: Vec<usize> = self.shuffled().into_iter().take(count).collect();
        let mut choose = |host: usize| loop {
            let fault = ALL[self.random.usize(..ALL.len())];
            if host >= LASTING || !fault.ends_the_process() {
                return (host, fault);
            }
        };
        hosts.into_iter().map(&mut choose).collect()
    }

    fn shuffled(&mut self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..HOSTS).collect();
        self.random.shuffle(&mut order);
        order
    }

    /// Plants a round, ends it after `hold`, and waits until all list each other again.
    fn play(&mut self, round: &Round, hold: Duration) {
        for (host, fault) in round {
            let other = self.lan.address(self.members[(host + 1) % HOSTS].number());
            let member = &mut self.members[*host];
            member.plant(*fault);
            fault.begin(member, self.lan, &other, self.stranger);
        }
        std::thread::sleep(hold);
        for (host, fault) in round {
            fault.end(&mut self.members[*host], self.lan);
        }
        let start = Instant::now();
        self.wait_whole();
        self.slowest = self.slowest.max(start.elapsed());
    }

    fn wait_whole(&self) {
        let names: Vec<&str> = self.members.iter().map(|member| member.host().name()).collect();
        for member in &self.members {
            let others: Vec<&str> = names.iter().copied().filter(|name| *name != member.host().name()).collect();
            member.daemon().wait_names(HEALS_WITHIN, &others);
        }
    }

    fn sample(&mut self) {
        for member in &mut self.members {
            let usage = Usage::of(member.daemon());
            member.samples.push(usage);
        }
    }

    /// Nothing has grown in those that lived through all, no log tells of what was not planted, and all end when they are asked to.
    fn judge(&mut self) {
        for member in &mut self.members {
            member.terminate();
        }
        for (place, member) in self.members.iter().enumerate() {
            let (early, late) = member.samples.early_and_late();
            let kind = if place < LASTING { "lasting" } else { "restarted" };
            println!("{} ({kind}): {early:?} -> {late:?}, {} warnings", member.host().name(), member.warnings);
        }
        println!("whole again at the latest {:?} after the last fault was over", self.slowest);
        let trends: Vec<_> = self.members[..LASTING].iter().map(|member| member.samples.trends()).collect();
        assert!(trends.iter().all(Vec::is_empty), "{trends:?}");
    }
}

#[test]
fn eight_daemons_under_one_fault_after_the_other_do_not_grow_and_list_each_other_at_the_end() {
    let from_environment = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let minutes = from_environment("SOAK_MINUTES").unwrap_or(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |age| age.as_secs());
    let seed = from_environment("SOAK_SEED").unwrap_or(now);
    inside_within(seconds(minutes * 60 + 600), || {
        println!("SOAK_SEED={seed} SOAK_MINUTES={minutes}");
        let lan = Lan::new(1);
        let hosts: Vec<Host> = (1..=HOSTS).map(|number| lan.host(u8::try_from(number).expect("few"))).collect();
        let stranger = lan.host(STRANGER);
        let mut soak = Soak::new(&lan, &hosts, &stranger, seed);
        soak.wait_whole();
        soak.sample();
        for round in soak.all_at_once() {
            println!("{round:?}");
            soak.play(&round, seconds(3));
            soak.sample();
        }
        let start = Instant::now();
        for minute in 0..minutes {
            let (round, hold) = (soak.some(), seconds(soak.random.u64(1..=25)));
            soak.play(&round, hold);
            std::thread::sleep(SETTLES_IN);
            soak.sample();
            println!("minute {minute}: {round:?} for {hold:?}, whole after {:?} at most so far", soak.slowest);
            println!("  now {:?}", soak.members[0].samples.last());
            std::thread::sleep(seconds(60 * (minute + 1)).saturating_sub(start.elapsed()));
        }
        soak.wait_whole();
        soak.judge();
    });
}
