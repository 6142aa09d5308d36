//! All hosts start together: soon everybody knows everybody.

use kimchi_peers_sim::{Broken, Conditions, Goal, Host, World, millis, seconds, seed};

fn cold_start(seed: u64, hosts: usize, spread: std::time::Duration) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, hosts, Conditions::default());
    world.boot_all(&all, spread);
    world.run_until(|world| world.hosts().iter().all(Host::is_on), seconds(2))?;
    world.reach(Goal::everybody(), seconds(2))?;
    world.check_at_rest()?;
    // The searches of the first seconds and one answer a second for all who asked.
    world.run_for(seconds(8))?;
    let most = all.iter().map(|host| world.tally(*host).multicasts()).max().unwrap_or(0);
    // One of them may have told the table to all, ten hosts a page, twice.
    let pages = 2 * hosts as u64 / 10;
    assert!(most <= 10 + pages, "one host sent {most} multicast packets");
    let all_sent = world.total().multicasts();
    assert!(all_sent <= 3 * hosts as u64, "{all_sent} multicast packets of {hosts} hosts");
    world.check_at_rest()
}

#[test]
fn ten_hosts_within_a_second() -> Result<(), Broken> {
    cold_start(*seed(1), 10, seconds(1))
}

#[test]
fn fifty_hosts_within_a_second() -> Result<(), Broken> {
    cold_start(*seed(2), 50, seconds(1))
}

/// Hosts that come 20 ms apart are neither a storm nor single: no seed may be told from the others by it.
#[test]
fn at_any_pace_a_boot_costs_the_same() -> Result<(), Broken> {
    for (number, spread) in [(1, 1_000), (10, 1_000), (46, 1_000), (2, 300), (3, 2_500)] {
        let seed = seed(number);
        let (mut world, all) = World::lan(*seed, 50, Conditions::default());
        let last = world.boot_all(&all, millis(spread));
        world.run_for(last)?;
        let took = world.reach(Goal::everybody(), seconds(1))?;
        world.run_for(seconds(4))?;
        let multicasts = world.total().multicasts();
        assert!(multicasts <= 3 * 50, "{multicasts} multicast packets in {spread} ms, {took:?}");
    }
    Ok(())
}

#[test]
fn two_hundred_hosts_within_a_second() -> Result<(), Broken> {
    cold_start(*seed(3), 200, seconds(1))
}

#[test]
fn a_hundred_hosts_in_the_same_instant() -> Result<(), Broken> {
    cold_start(*seed(4), 100, millis(0))
}

#[test]
fn at_twenty_percent_loss() -> Result<(), Broken> {
    let seed = seed(5);
    let (mut world, all) = World::lan(*seed, 50, Conditions::lossy(0.2));
    world.boot_all(&all, seconds(1));
    world.run_until(|world| world.hosts().iter().all(Host::is_on), seconds(2))?;
    // Of 2,450 pairs some miss every search and answer of the first seconds; the next heartbeats repair that.
    world.reach(Goal::everybody(), seconds(35))?;
    Ok(())
}
