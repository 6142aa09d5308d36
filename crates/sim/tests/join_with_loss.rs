//! One host joins where every fifth datagram is lost.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, World, seconds, seed};

/// Whoever misses the search and the announcement is told by others whose digest differs from its own.
#[test]
fn the_list_is_complete_within_seconds() -> Result<(), Broken> {
    let first = seed(10);
    let mut times = Vec::new();
    for seed in *first..*first + 50 {
        let (mut world, all) = World::lan(seed, 50, Conditions::lossy(0.2));
        let (newcomer, others) = (&all[0], &all[1..]);
        world.boot_all(others, seconds(1));
        world.run_for(seconds(60))?;
        world.apply(Fault::Boot(*newcomer, Memory::Cold));
        let start = world.now();
        let by_all = world.reach(Goal::known_by_all(*newcomer), seconds(4))?;
        world.reach(Goal::knows_all(*newcomer), seconds(4))?;
        times.push((world.now() - start, by_all));
        assert_eq!(world.total().false_downs, 0, "seed {seed}");
    }
    times.sort();
    println!("median {:?}, worst {:?}", times[times.len() / 2], times.last());
    let slow = times.iter().filter(|(all, _)| *all > seconds(2)).count();
    assert_eq!(slow, 0, "{times:?}");
    Ok(())
}
