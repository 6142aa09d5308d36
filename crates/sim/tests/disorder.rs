//! Datagrams overtake each other and come late.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Reordering, World, millis, seconds, seed};

fn live(seed: u64, conditions: Conditions) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, 20, conditions);
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(600))?;
    world.check_at_rest()?;
    let total = world.total();
    assert_eq!((total.downs, total.clones_of_me), (0, 0), "seed {seed}");
    world.apply(Fault::Quit(all[0]));
    // A heartbeat from before the goodbye may arrive after it: the host stays gone.
    world.reach(Goal::known_by_all(all[0]), seconds(6))?;
    world.run_for(seconds(20))?;
    world.check_at_rest()?;
    assert_eq!(world.total().downs, 19, "seed {seed}: nobody flapped");
    Ok(())
}

#[test]
fn half_of_them_late_by_up_to_a_second() -> Result<(), Broken> {
    let reordering = Some(Reordering { chance: 0.5, delay: seconds(1) });
    live(*seed(1), Conditions { reordering, ..Conditions::default() })
}

#[test]
fn some_of_them_late_by_up_to_five_seconds() -> Result<(), Broken> {
    let reordering = Some(Reordering { chance: 0.2, delay: seconds(5) });
    live(*seed(2), Conditions { reordering, ..Conditions::default() })
}

/// A round trip of two seconds is the longest that a verdict leaves time for.
#[test]
fn all_of_them_by_a_second() -> Result<(), Broken> {
    live(*seed(3), Conditions { latency: seconds(1), jitter: millis(100), ..Conditions::default() })
}
