//! A host says goodbye.

use kimchi_peers_proto::Kind;
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, World, millis, seconds, seed};

#[test]
fn all_know_it_at_once() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 50, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    world.apply(Fault::Quit(all[7]));
    world.reach(Goal::known_by_all(all[7]), millis(1))?;
    world.run_for(seconds(1))?;
    assert!(!world.host(all[7]).expect("the host").is_on(), "the program ended");
    assert_eq!(world.tally(all[7]).multicasts_of(Kind::Quit), 3);
    assert_eq!(world.total().downs, 49);
    assert_eq!(world.total().suspects, 0);
    world.check_at_rest()
}

#[test]
fn three_copies_survive_loss() -> Result<(), Broken> {
    let first = seed(20);
    for seed in *first..*first + 10 {
        let (mut world, all) = World::lan(seed, 20, Conditions::lossy(0.2));
        world.boot_all(&all, seconds(1));
        world.run_for(seconds(30))?;
        world.apply(Fault::Quit(all[3]));
        world.run_for(millis(200))?;
        // One in 125 misses all three copies, and notices by silence.
        assert!(world.total().downs >= 17, "seed {seed}: {} noticed", world.total().downs);
        world.reach(Goal::known_by_all(all[3]), seconds(40))?;
    }
    Ok(())
}
