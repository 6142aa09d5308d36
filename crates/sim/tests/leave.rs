//! A host says goodbye.

use kimchi_peers_proto::{Absence, Kind};
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, World, millis, seconds, seed};

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
fn an_announced_absence_is_known_by_all_and_over_with_the_return() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(3), 20, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    let away = |world: &World| {
        let nodes = all.iter().filter_map(|host| world.host(*host)?.node());
        nodes.flat_map(|node| node.table().iter()).filter(|peer| peer.away.is_some()).count()
    };
    let absence = Absence::new(600, "firmware".parse().expect("a note")).expect("ten minutes");
    world.apply(Fault::Leave(all[7], absence));
    world.reach(Goal::known_by_all(all[7]), millis(1))?;
    world.run_for(seconds(60))?;
    assert_eq!(away(&world), 19);
    world.check_at_rest()?;
    world.apply(Fault::Boot(all[7], Memory::Warm));
    world.reach(Goal::everybody(), seconds(5))?;
    assert_eq!(away(&world), 0);
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
