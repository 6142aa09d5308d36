//! Scenarios of starts that are neither a mass boot nor a quiet join.

use std::time::Duration;

use crate::fault::Fault;
use crate::goal::Goal;
use crate::host::{HostIndex, Memory, Role, Spec};
use crate::model::lists;
use crate::net::{Conditions, SegmentIndex};
use crate::report::Report;
use crate::scenario::{Outcome, Settings, finish, settle};
use crate::world::World;
use crate::{millis, seconds};

const LAN: SegmentIndex = SegmentIndex(0);
/// How many join one after the other.
const NEWCOMERS: usize = 5;
/// So many hosts are remembered for each one that is there.
const GONE: usize = 4;
/// The processors of a crowded machine, and what anything takes on it: what 200 daemons on two cores were seen to need.
const PROCESSORS: usize = 2;
const WORK: Duration = Duration::from_micros(200);

/// What becomes lossy is a network that was quiet before, so nobody has measured any loss when the first one joins.
pub(crate) fn join_again(world: &mut World, hosts: &[HostIndex], mut report: Report, settings: &Settings) -> Outcome {
    let newcomers = more_hosts(world, NEWCOMERS);
    world.apply(Fault::Weather(LAN, Conditions::default()));
    settle(world, hosts)?;
    world.apply(Fault::Weather(LAN, Conditions::lossy(settings.loss)));
    for newcomer in newcomers {
        let start = world.now();
        world.apply(Fault::Boot(newcomer, Memory::Cold));
        let by_all = world.reach(Goal::known_by_all(newcomer), seconds(60))?;
        report.time("everybody lists the newcomer", by_all);
        // It may list one that was killed just now as well.
        let listed = |world: &World| hosts.iter().all(|host| lists(world, newcomer, *host));
        world.run_until(listed, seconds(60))?;
        report.time("the newcomer lists everybody", world.now() - start);
        world.apply(Fault::Kill(newcomer));
        world.run_for(millis(500))?;
    }
    world.apply(Fault::Weather(LAN, Conditions::default()));
    world.run_for(seconds(30))?;
    finish(world, report)
}

/// Hosts start one after the other, 155 ms apart, and know each other from yesterday.
pub(crate) fn slow_start(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    let before = world.total();
    let pause = millis(155) * u32::try_from(hosts.len()).unwrap_or(u32::MAX);
    world.boot_all_warm(hosts, hosts, pause)?;
    let took = world.reach(Goal::everybody(), seconds(60))?;
    report.time("all know all, after the last boot", took);
    report.packets("until then", &before, &world.total());
    world.run_for(seconds(12))?;
    finish(world, report)
}

/// Hosts start one after the other on a machine that is too small for them.
pub(crate) fn crowded_start(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    world.crowd(PROCESSORS, WORK);
    let before = world.total();
    for host in hosts {
        world.apply(Fault::Boot(*host, Memory::Cold));
        world.run_for(millis(20))?;
    }
    let took = world.reach(Goal::everybody(), seconds(60))?;
    report.time("all know all, after the last boot", took);
    report.packets("until then", &before, &world.total());
    world.run_for(seconds(12))?;
    report.packets("in all", &before, &world.total());
    finish(world, report)
}

/// Most of those whom everybody remembers are gone. Two seconds later one joins, and one leaves.
pub(crate) fn gone(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    let gone = more_hosts(world, GONE * hosts.len());
    let newcomer = more_hosts(world, 1);
    let known: Vec<HostIndex> = hosts.iter().chain(&gone).copied().collect();
    let before = world.total();
    world.boot_all_warm(hosts, &known, seconds(1))?;
    world.run_for(seconds(2))?;
    report.packets("in 3 s", &before, &world.total());
    for newcomer in newcomer {
        let start = world.now();
        world.apply(Fault::Boot(newcomer, Memory::Cold));
        let by_all = world.reach(Goal::known_by_all(newcomer), seconds(60))?;
        report.time("everybody lists the newcomer", by_all);
        world.reach(Goal::knows_all(newcomer), seconds(60))?;
        report.time("the newcomer lists everybody", world.now() - start);
        world.run_for(seconds(1))?;
        world.apply(Fault::Quit(newcomer));
        let left = world.reach(Goal::known_by_all(newcomer), seconds(60))?;
        report.time("its goodbye is heard by all", left);
    }
    world.run_for(seconds(20))?;
    world.reach(Goal::everybody(), seconds(10))?;
    finish(world, report)
}

fn more_hosts(world: &mut World, count: usize) -> Vec<HostIndex> {
    (0..count).map(|_| world.add_host(Spec::new(Role::Extended, LAN))).collect()
}
