//! One host joins a settled network: one search, one answer, one announcement and a pull, whatever its size.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, World, millis, seconds, seed};

fn join(seed: u64, hosts: usize, memory: Memory) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, hosts, Conditions::default());
    let (newcomer, others) = (&all[0], &all[1..]);
    if memory == Memory::Warm {
        world.boot_all(&all, seconds(1));
        world.run_for(seconds(20))?;
        world.apply(Fault::Quit(*newcomer));
        world.run_for(seconds(10))?;
    } else {
        world.boot_all(others, seconds(1));
        world.run_for(seconds(30))?;
    }
    let (before, own) = (world.total(), world.tally(*newcomer));
    world.apply(Fault::Boot(*newcomer, memory));
    world.reach(Goal::known_by_all(*newcomer), millis(1))?;
    world.reach(Goal::knows_all(*newcomer), millis(30))?;
    let (multicasts, unicasts) =
        (world.total().multicasts() - before.multicasts(), world.total().unicasts() - before.unicasts());
    // A search, an answer and at most a heartbeat or two of others.
    assert!(multicasts <= 3, "{multicasts} multicast packets");
    let pages = if memory == Memory::Warm { 0 } else { hosts as u64 / 3 + 2 };
    assert!(unicasts <= pages, "{unicasts} unicast packets");
    world.run_for(seconds(8))?;
    world.check_at_rest()?;
    assert_eq!(world.total().false_downs, 0);
    let announced = world.tally(*newcomer).multicasts() - own.multicasts();
    assert!(announced <= 2, "the newcomer sent {announced} multicast packets");
    Ok(())
}

#[test]
fn two_hosts() -> Result<(), Broken> {
    join(*seed(1), 2, Memory::Cold)
}

#[test]
fn ten_fifty_and_two_hundred_hosts() -> Result<(), Broken> {
    join(*seed(2), 10, Memory::Cold)?;
    join(*seed(3), 50, Memory::Cold)?;
    join(*seed(4), 200, Memory::Cold)
}

#[test]
fn who_remembers_all_needs_no_pull() -> Result<(), Broken> {
    join(*seed(5), 10, Memory::Warm)?;
    join(*seed(6), 200, Memory::Warm)
}

/// The next hosts in the ring of identities just died and nobody knows it yet: others answer in their turn.
#[test]
fn the_elected_hosts_are_dead() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(7), 50, Conditions::default());
    let (newcomer, others) = (all[0], &all[1..]);
    world.boot_all(others, seconds(1));
    world.run_for(seconds(20))?;
    let own = world.host(newcomer).expect("a host").id;
    let mut ring: Vec<_> = others.iter().map(|host| (world.host(*host).expect("a host").id, *host)).collect();
    ring.sort();
    let first = ring.partition_point(|(id, _)| *id < own);
    for (_, dead) in ring.iter().cycle().skip(first).take(3) {
        world.apply(Fault::Crash(*dead));
    }
    world.apply(Fault::Boot(newcomer, Memory::Cold));
    let living = |world: &World| {
        let listed = |host: &&kimchi_peers_sim::HostIndex| kimchi_peers_sim::model::lists(world, newcomer, **host);
        others.iter().filter(listed).count() >= 46
    };
    world.run_until(living, millis(30)).map(drop)
}
