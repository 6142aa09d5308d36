//! One host joins a settled network.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, World, millis, seconds, seed};

fn join(seed: u64, hosts: usize) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, hosts, Conditions::default());
    let (newcomer, others) = (&all[0], &all[1..]);
    world.boot_all(others, seconds(1));
    world.run_for(seconds(30))?;
    let before = world.total();
    world.apply(Fault::Boot(*newcomer, Memory::Cold));
    world.reach(Goal::known_by_all(*newcomer), millis(1))?;
    // Answers are spread over half a millisecond a host, at most half a second; who just spoke waits for a second.
    world.reach(Goal::knows_all(*newcomer), millis(1_100))?;
    world.run_for(seconds(8))?;
    world.check_at_rest()?;
    assert_eq!(world.total().downs, 0);
    let sent = world.total().multicasts() - before.multicasts();
    assert!(sent <= 4 + 5 * hosts as u64, "{sent} multicast packets");
    Ok(())
}

#[test]
fn two_hosts() -> Result<(), Broken> {
    join(*seed(1), 2)
}

#[test]
fn fifty_hosts() -> Result<(), Broken> {
    join(*seed(2), 50)
}

#[test]
fn two_hundred_hosts() -> Result<(), Broken> {
    join(*seed(3), 200)
}
