//! The scenarios that the program runs by name. To add one, write a function and a line of [`SCENARIOS`].

use std::time::Duration;

use crate::check::{Broken, Invariants};
use crate::fault::Fault;
use crate::goal::Goal;
use crate::host::{HostIndex, Memory, Role, Spec};
use crate::net::{Conditions, SegmentIndex};
use crate::report::Report;
use crate::start;
use crate::trace::Trace;
use crate::trouble;
use crate::world::World;
use crate::{millis, seconds};

/// What a scenario is run with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How many hosts.
    pub hosts: usize,
    /// The seed.
    pub seed: u64,
    /// Independent loss, 0 to 1.
    pub loss: f64,
    /// For scenarios of steady life: how long.
    pub lasting: Duration,
    /// Whether the trace is kept and printed.
    pub trace: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hosts: 50, seed: 1, loss: 0.0, lasting: seconds(600), trace: false }
    }
}

/// Up to so many hosts, each is looked at closely at every step.
const LOOK_AT_ALL_MAX: usize = 250;
/// Of more, about so many are.
const SAMPLE: usize = 50;

/// For so long hosts that start are left alone before anything happens.
const SETTLED: Duration = seconds(40);
const SETTLED_AT_ONCE: Duration = seconds(12);
/// Between two faults of one day.
const BETWEEN: Duration = seconds(10);

/// A run's world together with what it measured; the world may hold a trace.
pub(crate) type Outcome = Result<Report, Broken>;

/// A scenario that can be run by name.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    run: fn(&mut World, &[HostIndex], Report, &Settings) -> Outcome,
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "cold-start", about: "all hosts boot within one second", run: cold_start },
    Scenario { name: "join", about: "one host joins a settled network", run: join },
    Scenario { name: "leave", about: "one host says goodbye", run: leave },
    Scenario { name: "crash", about: "one host is gone without a word", run: crash },
    Scenario { name: "half-power-cut", about: "every other host is gone at once", run: half_power_cut },
    Scenario { name: "partition", about: "the network is cut in halves for two minutes and healed", run: partition },
    Scenario {
        name: "one-day",
        about: "one network: a join, a crash, a cut for ten seconds and its end, and half of all hosts gone",
        run: one_day,
    },
    Scenario {
        name: "loss",
        about: "steady life at --loss (20 % unless given): nobody may be taken for dead",
        run: loss,
    },
    Scenario { name: "steady", about: "steady life: what a quiet network costs", run: steady },
    Scenario {
        name: "bursts",
        about: "bursts of exactly 2 s in which all is lost, one host a minute",
        run: trouble::bursts,
    },
    Scenario {
        name: "rack",
        about: "a third of the hosts loses power and comes back warm after a minute",
        run: trouble::rack,
    },
    Scenario { name: "one-way", about: "one host hears nothing of another, for --seconds", run: trouble::one_way },
    Scenario { name: "slow", about: "a tenth of the hosts handles everything 300 ms late", run: trouble::slow },
    Scenario { name: "mixed", about: "a tenth of the hosts are base peers, for --seconds", run: trouble::mixed },
    Scenario {
        name: "join-again",
        about: "five hosts join one after the other, each killed soon after, where --loss has just begun",
        run: start::join_again,
    },
    Scenario { name: "slow-start", about: "hosts with a memory start 155 ms apart", run: start::slow_start },
    Scenario {
        name: "crowded-start",
        about: "hosts start 20 ms apart on one machine with two processors, on which each thing they do takes 0.2 ms",
        run: start::crowded_start,
    },
    Scenario {
        name: "gone",
        about: "all hosts boot, and of those they remember four in five are gone; then one joins and leaves",
        run: start::gone,
    },
    Scenario { name: "storm", about: "an attacker floods 10,000 searches a second for ten seconds", run: storm },
];

/// The scenario called `name`.
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

impl Scenario {
    /// Runs it, and gives the trace if one was asked for.
    ///
    /// # Errors
    /// What an invariant found broken, or what was not reached in time.
    pub fn run(&self, settings: &Settings) -> (Result<Report, Broken>, String) {
        let (mut world, hosts) = World::lan(settings.seed, settings.hosts, Conditions::lossy(settings.loss));
        if settings.hosts > LOOK_AT_ALL_MAX {
            world.invariants(Invariants::Sampled(settings.hosts / SAMPLE));
        }
        if settings.trace {
            world.trace = Trace::text();
        }
        let report = Report::new(self.name, settings.hosts, settings.seed);
        let outcome = (self.run)(&mut world, &hosts, report, settings);
        let trace = if let Trace::Text(text) = world.trace { text } else { String::new() };
        (outcome, trace)
    }
}

/// Boots all hosts within a second and waits until their start is over. Those of a large network are made to know each
/// other without a boot.
pub(crate) fn settle(world: &mut World, hosts: &[HostIndex]) -> Result<(), Broken> {
    if hosts.len() > LOOK_AT_ALL_MAX {
        world.settle_all(hosts)?;
        world.run_for(SETTLED_AT_ONCE)?;
    } else {
        world.boot_all(hosts, seconds(1));
        world.run_for(SETTLED)?;
    }
    world.reach(Goal::everybody(), seconds(40)).map(drop)
}

pub(crate) fn finish(world: &World, mut report: Report) -> Outcome {
    world.check_at_rest()?;
    report.verdicts(world);
    Ok(report)
}

fn cold_start(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    let before = world.total();
    // Hosts that have not booted yet are expected nowhere, so the last boot comes first.
    let last = world.boot_all(hosts, seconds(1));
    world.run_for(last)?;
    let took = world.reach(Goal::everybody(), seconds(60))?;
    report.time("all know all, after the last boot", took);
    report.packets("until then", &before, &world.total());
    world.run_for(seconds(8))?;
    report.packets("boot in all", &before, &world.total());
    finish(world, report)
}

fn join(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    let Some((newcomer, others)) = hosts.split_first() else { return Ok(report) };
    settle(world, others)?;
    let before = world.total();
    let start = world.now();
    joins(world, *newcomer, &mut report)?;
    world.run_for(seconds(8).saturating_sub(world.now() - start))?;
    report.packets("in 8 s", &before, &world.total());
    finish(world, report)
}

fn joins(world: &mut World, newcomer: HostIndex, report: &mut Report) -> Result<(), Broken> {
    let (before, start) = (world.total(), world.now());
    world.apply(Fault::Boot(newcomer, Memory::Cold));
    let by_all = world.reach(Goal::known_by_all(newcomer), seconds(60))?;
    world.reach(Goal::knows_all(newcomer), seconds(60))?;
    report.time("everybody lists the newcomer", by_all);
    report.time("the newcomer lists everybody", world.now() - start);
    report.packets("until then", &before, &world.total());
    Ok(())
}

fn gone(world: &mut World, host: HostIndex, mut report: Report, fault: Fault) -> Outcome {
    is_missed(world, host, &mut report, fault)?;
    finish(world, report)
}

fn is_missed(world: &mut World, host: HostIndex, report: &mut Report, fault: Fault) -> Result<(), Broken> {
    let before = world.total();
    world.apply(fault);
    let noticed = world.reach(Goal::known_by_all(host), seconds(300))?;
    report.time("noticed by all", noticed);
    report.packets("until then", &before, &world.total());
    Ok(())
}

fn leave(world: &mut World, hosts: &[HostIndex], report: Report, _: &Settings) -> Outcome {
    settle(world, hosts)?;
    let Some(host) = hosts.first() else { return Ok(report) };
    gone(world, *host, report, Fault::Quit(*host))
}

fn crash(world: &mut World, hosts: &[HostIndex], report: Report, _: &Settings) -> Outcome {
    settle(world, hosts)?;
    let Some(host) = hosts.first() else { return Ok(report) };
    gone(world, *host, report, Fault::Crash(*host))
}

fn half_power_cut(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    settle(world, hosts)?;
    lose_half(world, &mut report)?;
    finish(world, report)
}

fn lose_half(world: &mut World, report: &mut Report) -> Result<(), Broken> {
    let before = world.total();
    world.apply(Fault::HalfPowerCut);
    let took = world.reach(Goal::everybody(), seconds(300))?;
    report.time("half of all gone, noticed by all", took);
    report.packets("until then", &before, &world.total());
    Ok(())
}

fn partition(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    settle(world, hosts)?;
    fall_apart(world, hosts, &mut report, seconds(120))?;
    finish(world, report)
}

fn fall_apart(world: &mut World, hosts: &[HostIndex], report: &mut Report, apart: Duration) -> Result<(), Broken> {
    let (segment, (island, _)) = (SegmentIndex(0), hosts.split_at(hosts.len() / 2));
    world.apply(Fault::Partition(segment, island.to_vec()));
    let took = world.reach(Goal::everybody(), seconds(300))?;
    report.time("cut noticed by all", took);
    world.run_for(apart)?;
    let before = world.total();
    world.apply(Fault::Heal(segment));
    let took = world.reach(Goal::everybody(), seconds(300))?;
    report.time("healed", took);
    report.packets("healing", &before, &world.total());
    Ok(())
}

/// Thousands of hosts take longer to settle than all that happens then, so here all of it happens to one network.
fn one_day(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    let [newcomer, others @ ..] = hosts else { return Ok(report) };
    settle(world, others)?;
    joins(world, *newcomer, &mut report)?;
    world.run_for(BETWEEN)?;
    is_missed(world, *newcomer, &mut report, Fault::Crash(*newcomer))?;
    world.run_for(BETWEEN)?;
    fall_apart(world, others, &mut report, BETWEEN)?;
    world.run_for(BETWEEN)?;
    lose_half(world, &mut report)?;
    finish(world, report)
}

pub(crate) fn live(world: &mut World, hosts: &[HostIndex], mut report: Report, lasting: Duration) -> Outcome {
    settle(world, hosts)?;
    let before = world.total();
    world.run_for(lasting)?;
    let after = world.total();
    let each_second = |count: u64| count as f64 / lasting.as_secs_f64();
    report.row("multicast/s of the LAN", format!("{:.2}", each_second(after.multicasts() - before.multicasts())));
    report.row("unicast/s of the LAN", format!("{:.2}", each_second(after.unicasts() - before.unicasts())));
    report.row("bytes/s of the LAN", format!("{:.0}", each_second(after.bytes - before.bytes)));
    report.row("peers doubted", after.suspects - before.suspects);
    report.verdicts(world);
    if after.false_downs > 0 {
        return Err(world.broken_by(None, format!("{} peers were taken for dead", after.false_downs)));
    }
    Ok(report)
}

fn steady(world: &mut World, hosts: &[HostIndex], report: Report, settings: &Settings) -> Outcome {
    live(world, hosts, report, settings.lasting)
}

fn loss(world: &mut World, hosts: &[HostIndex], report: Report, settings: &Settings) -> Outcome {
    let loss = if settings.loss > 0.0 { settings.loss } else { 0.2 };
    world.apply(Fault::Weather(SegmentIndex(0), Conditions::lossy(loss)));
    live(world, hosts, report, settings.lasting)
}

fn storm(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    let attacker = world.add_host(Spec::new(Role::Attacker, SegmentIndex(0)));
    settle(world, hosts)?;
    world.apply(Fault::Boot(attacker, Memory::Cold));
    let sent = |world: &World| hosts.iter().map(|host| world.tally(*host).multicasts()).collect::<Vec<_>>();
    let before = sent(world);
    world.apply(Fault::Storm(attacker, 10_000, seconds(10), 1));
    world.run_for(seconds(10) + millis(100))?;
    let most = sent(world).iter().zip(before).map(|(after, before)| after - before).max().unwrap_or(0);
    report.row("most multicast packets of one host in 10 s", most);
    report.verdicts(world);
    Ok(report)
}
