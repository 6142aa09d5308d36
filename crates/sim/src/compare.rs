//! Three protocols in the same world: the request as written, that with a heartbeat, and the engine.

use std::fmt::Write as _;
use std::time::Duration;

use crate::check::{Broken, Invariants};
use crate::fault::Fault;
use crate::goal::Goal;
use crate::host::{Host, HostIndex, Life, Memory, Program, Role, Spec};
use crate::net::Conditions;
use crate::plot::{Axis, Line, Plot};
use crate::world::World;
use crate::{millis, seconds};

/// The three, in the order of the table.
const PROTOCOLS: [(&str, Role); 3] = [
    ("as requested", Role::Naive { heartbeat: false }),
    ("with heartbeat", Role::Naive { heartbeat: true }),
    ("kimchi-peers", Role::Extended),
];
/// Where everybody answers everybody, a mass boot of N hosts delivers N^3 datagrams: more hosts than this take too long.
const NAIVE_MAX: usize = 200;
/// How long a mass boot is looked at, and how often.
const BOOT: Duration = seconds(4);
const LOOK_EVERY: Duration = millis(20);
/// How often a join is looked at, and how long at most.
const JOIN_LOOK_EVERY: Duration = millis(1);
const JOIN_LIMIT: Duration = seconds(4);
/// How long it is waited until all have noticed a crash.
const CRASH_LIMIT: Duration = seconds(60);

/// A plot as a file: its name and what is in it.
type File = (&'static str, String);

/// What one protocol did in a network of one size.
#[derive(Debug)]
struct Measured {
    protocol: &'static str,
    hosts: usize,
    /// Share of known pairs over time in a mass boot, in percent by seconds.
    curve: Vec<(f64, f64)>,
    /// What a host sent in the mass boot: to the group until its end, and in all until everybody knew everybody.
    boot_multicasts: f64,
    boot_packets: f64,
    /// What all sent for one join until it was complete: to the group, and to one host.
    join: (u64, u64),
    /// Milliseconds that the join took.
    join_time: Option<f64>,
    /// Seconds until all knew of a crash; `None` where they did not.
    crash: Option<f64>,
}

/// Compares the protocols in networks of these sizes. Gives a table in Markdown and the plots, each with its file name.
///
/// # Errors
/// What an invariant found broken.
pub fn compare(sizes: &[usize], seed: u64) -> Result<(String, Vec<File>), Broken> {
    let mut all = Vec::new();
    for (protocol, role) in PROTOCOLS {
        for hosts in sizes.iter().copied().filter(|hosts| role == Role::Extended || *hosts <= NAIVE_MAX) {
            all.push(measure(protocol, role, hosts, seed)?);
        }
    }
    Ok((table(&all, seed), plots(&all, sizes)))
}

fn measure(protocol: &'static str, role: Role, hosts: usize, seed: u64) -> Result<Measured, Broken> {
    let mut world = World::new(seed);
    let lan = world.add_segment(Conditions::default());
    let mut spec = Spec::new(role, lan);
    spec.config.peers_max = spec.config.peers_max.max(2 * hosts);
    let all: Vec<HostIndex> = (0..=hosts).map(|_| world.add_host(spec.clone())).collect();
    world.invariants(Invariants::Sampled(hosts.div_ceil(20).max(1)));
    let Some((newcomer, others)) = all.split_first() else { return Err(world.broken_by(None, "no host".to_owned())) };
    world.boot_all(others, seconds(1));
    let (mut curve, mut until_known) = (Vec::new(), None);
    while world.now() < BOOT {
        world.run_for(LOOK_EVERY)?;
        let known = known_pairs(&world, hosts);
        curve.push((world.now().as_secs_f64(), known));
        if known >= 100.0 {
            until_known.get_or_insert_with(|| packets(&world));
        }
    }
    let a_host = |packets: u64| packets as f64 / hosts as f64;
    let (boot_multicasts, boot_packets) =
        (a_host(world.total().multicasts()), a_host(until_known.unwrap_or_else(|| packets(&world))));
    world.run_for(seconds(36))?;
    let (join, join_time) = join(&mut world, *newcomer, hosts)?;
    world.run_for(seconds(19))?;
    let crash = crash(&mut world, *newcomer)?;
    Ok(Measured { protocol, hosts, curve, boot_multicasts, boot_packets, join, join_time, crash })
}

/// What all sent, to the group and to one host, until the newcomer and the others knew each other; and how long it took.
fn join(world: &mut World, newcomer: HostIndex, others: usize) -> Result<((u64, u64), Option<f64>), Broken> {
    let (before, beats, start) = (world.total(), heartbeats(world), world.now());
    world.apply(Fault::Boot(newcomer, Memory::Cold));
    let mut took = None;
    while took.is_none() && world.now() - start < JOIN_LIMIT {
        world.run_for(JOIN_LOOK_EVERY)?;
        if known_pairs(world, others + 1) >= 100.0 {
            took = Some((world.now() - start).as_secs_f64() * 1_000.0);
        }
    }
    let (after, beaten) = (world.total(), heartbeats(world) - beats);
    Ok(((after.multicasts() - before.multicasts() - beaten, after.unicasts() - before.unicasts()), took))
}

/// Seconds until nobody lists a host that is gone without a word.
fn crash(world: &mut World, host: HostIndex) -> Result<Option<f64>, Broken> {
    world.apply(Fault::Crash(host));
    let start = world.now();
    while world.now() - start < CRASH_LIMIT {
        world.run_for(LOOK_EVERY)?;
        if is_forgotten(world, host) {
            return Ok(Some((world.now() - start).as_secs_f64()));
        }
    }
    Ok(None)
}

fn is_forgotten(world: &World, gone: HostIndex) -> bool {
    let address = world.host(gone).and_then(|host| host.addresses().next());
    let lists = |host: &Host| match &host.program {
        Program::Naive(naive) => address.is_some_and(|address| naive.lists(host.clock(world.now), address)),
        Program::None | Program::Extended(_) | Program::Base(_) => false,
    };
    let rivals_forgot = !world.hosts().iter().any(lists);
    rivals_forgot && Goal::known_by_all(gone).holds(world)
}

/// The share of all pairs that know each other, in percent.
fn known_pairs(world: &World, hosts: usize) -> f64 {
    let listed = |host: &Host| match &host.program {
        Program::Extended(node) => node.table().live_extended(),
        Program::Naive(naive) => naive.listed(host.clock(world.now)),
        Program::None | Program::Base(_) => 0,
    };
    let running = world.hosts().iter().filter(|host| host.life == Life::Running);
    let known: usize = running.map(listed).sum();
    100.0 * known as f64 / (hosts * hosts.saturating_sub(1)).max(1) as f64
}

fn packets(world: &World) -> u64 {
    let total = world.total();
    total.multicasts() + total.unicasts()
}

/// Packets that are sent whether or not anybody joins: heartbeats.
fn heartbeats(world: &World) -> u64 {
    world.hosts().iter().map(|host| if let Program::Naive(naive) = &host.program { naive.beaten() } else { 0 }).sum()
}

fn table(all: &[Measured], seed: u64) -> String {
    let mut text = String::from(
        "| protocol | hosts | mass boot: multicast packets a host | all packets a host until all known | all known after \
         | join: multicast packets of all | unicast packets of all | join complete after | crash known by all after \
         |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for one in all {
        let known = |percent: f64| {
            let reached = one.curve.iter().find(|(_, share)| *share >= percent);
            reached.map_or_else(|| format!("not in {} s", BOOT.as_secs()), |(at, _)| format!("{at:.2} s"))
        };
        let crash =
            one.crash.map_or_else(|| format!("not in {} s", CRASH_LIMIT.as_secs()), |time| format!("{time:.1} s"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} | {:.1} | {} | {} | {} | {} | {crash} |",
            one.protocol,
            one.hosts,
            one.boot_multicasts,
            one.boot_packets,
            known(100.0),
            one.join.0,
            one.join.1,
            one.join_time.map_or_else(|| "-".to_owned(), |time| format!("{time:.0} ms"))
        );
    }
    let _ = writeln!(
        text,
        "\nSeed {seed}. All hosts boot at random times within the first second. The rivals are left out above {NAIVE_MAX} \
         hosts: N of them that boot together deliver about N^3 datagrams. Multicast packets of a mass boot are those of its \
         first {} s. A join is counted until it is complete, to the next millisecond, with whatever else is sent meanwhile.",
        BOOT.as_secs()
    );
    text
}

fn plots(all: &[Measured], sizes: &[usize]) -> Vec<File> {
    let hosts = Axis { label: "hosts", logarithmic: true };
    let over_hosts = |title: &str, label, value: &dyn Fn(&Measured) -> Option<f64>| {
        let line = |(name, _): &(&'static str, Role)| Line {
            name: (*name).to_owned(),
            points: all
                .iter()
                .filter(|one| one.protocol == *name)
                .filter_map(|one| Some((one.hosts as f64, value(one)?)))
                .collect(),
        };
        let up = Axis { label, logarithmic: true };
        Plot { title: title.to_owned(), across: hosts, up, lines: PROTOCOLS.iter().map(line).collect() }.to_svg()
    };
    // The greatest network in which all three were measured.
    let common = sizes.iter().copied().filter(|size| *size <= NAIVE_MAX).max();
    let curve = |one: &Measured| Line { name: one.protocol.to_owned(), points: one.curve.clone() };
    let convergence = Plot {
        title: format!("Mass boot of {} hosts within one second", common.unwrap_or_default()),
        across: Axis { label: "seconds since the first boot", logarithmic: false },
        up: Axis { label: "pairs that know each other, %", logarithmic: false },
        lines: all.iter().filter(|one| Some(one.hosts) == common).map(curve).collect(),
    };
    vec![
        ("convergence.svg", convergence.to_svg()),
        (
            "boot-packets.svg",
            over_hosts("Mass boot: what each host sends to all", "multicast packets a host", &|one| {
                Some(one.boot_multicasts)
            }),
        ),
        (
            "join-packets.svg",
            over_hosts("One host joins: what all send to all", "multicast packets of all hosts", &|one| {
                Some(one.join.0 as f64)
            }),
        ),
        ("crash.svg", over_hosts("One host is gone: time until all know", "seconds", &|one| one.crash)),
    ]
}
