//! One host joins where every fifth datagram is lost.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, World, seconds, seed};

/// Whoever misses all searches and answers hears the next heartbeat: one is due every 11 s at most, and four in a row
/// get lost for one pair in 600.
#[test]
fn the_list_is_complete_within_35_s() -> Result<(), Broken> {
    let first = seed(10);
    for seed in *first..*first + 10 {
        let (mut world, all) = World::lan(seed, 50, Conditions::lossy(0.2));
        let (newcomer, others) = (&all[0], &all[1..]);
        world.boot_all(others, seconds(1));
        world.run_for(seconds(60))?;
        world.apply(Fault::Boot(*newcomer, Memory::Cold));
        let start = world.now();
        let by_all = world.reach(Goal::known_by_all(*newcomer), seconds(35))?;
        world.reach(Goal::knows_all(*newcomer), seconds(35).saturating_sub(world.now() - start))?;
        println!("seed {seed}: by all {by_all:?}, all {:?}", world.now() - start);
        assert_eq!(world.total().false_downs, 0, "seed {seed}");
    }
    Ok(())
}
