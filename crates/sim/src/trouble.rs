//! Scenarios of trouble that is not a plain death: racks, bursts, one-way links, slow hosts, base peers.

use crate::fault::Fault;
use crate::goal::Goal;
use crate::host::{HostIndex, Memory, Role, Spec};
use crate::net::{Burst, Conditions, SegmentIndex};
use crate::report::Report;
use crate::scenario::{Outcome, Settings, finish, live, settle};
use crate::world::World;
use crate::{millis, seconds};

const LAN: SegmentIndex = SegmentIndex(0);

pub(crate) fn bursts(world: &mut World, hosts: &[HostIndex], report: Report, settings: &Settings) -> Outcome {
    let burst = Some(Burst { every: seconds(60), lasting: seconds(2), fixed: true, loss: 1.0 });
    world.apply(Fault::Weather(LAN, Conditions { burst, ..Conditions::lossy(settings.loss) }));
    live(world, hosts, report, settings.lasting)
}

pub(crate) fn rack(world: &mut World, hosts: &[HostIndex], mut report: Report, _: &Settings) -> Outcome {
    settle(world, hosts)?;
    let (rack, _) = hosts.split_at(hosts.len() / 3);
    let before = world.total();
    rack.iter().for_each(|host| world.apply(Fault::Crash(*host)));
    let took = world.reach(Goal::everybody(), seconds(300))?;
    report.time("outage noticed by all", took);
    report.packets("until then", &before, &world.total());
    world.run_for(seconds(60))?;
    let before = world.total();
    rack.iter().for_each(|host| world.apply(Fault::Boot(*host, Memory::Warm)));
    let took = world.reach(Goal::everybody(), seconds(60))?;
    report.time("all know all again", took);
    report.packets("until then", &before, &world.total());
    world.run_for(seconds(60))?;
    finish(world, report)
}

pub(crate) fn one_way(world: &mut World, hosts: &[HostIndex], mut report: Report, settings: &Settings) -> Outcome {
    settle(world, hosts)?;
    let [deaf, mute, ..] = hosts else { return Ok(report) };
    let before = world.total();
    world.apply(Fault::OneWay(LAN, *mute, *deaf));
    world.run_for(settings.lasting)?;
    let after = world.total();
    report.row("times a peer went down", after.downs - before.downs);
    report.row("times a peer came up", after.ups - before.ups);
    world.apply(Fault::Heal(LAN));
    let took = world.reach(Goal::everybody(), seconds(300))?;
    report.time("healed", took);
    finish(world, report)
}

pub(crate) fn slow(world: &mut World, hosts: &[HostIndex], report: Report, settings: &Settings) -> Outcome {
    hosts.iter().step_by(10).for_each(|host| world.apply(Fault::Slow(*host, millis(300))));
    live(world, hosts, report, settings.lasting)
}

pub(crate) fn mixed(world: &mut World, hosts: &[HostIndex], report: Report, settings: &Settings) -> Outcome {
    let base: Vec<_> = (0..hosts.len().div_ceil(10)).map(|_| world.add_host(Spec::new(Role::Base, LAN))).collect();
    let all: Vec<_> = hosts.iter().copied().chain(base).collect();
    live(world, &all, report, settings.lasting)
}
