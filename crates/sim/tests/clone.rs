//! A copied image: two hosts with one identity.

use kimchi_peers_proto::Conflict;
use kimchi_peers_sim::model::row;
use kimchi_peers_sim::{
    Broken, Conditions, Fault, Goal, HostIndex, Memory, Role, SegmentIndex, Spec, World, seconds, seed,
};

fn flagged(world: &World, lister: HostIndex, listed: HostIndex) -> bool {
    row(world, lister, listed)
        .is_some_and(|peer| peer.is_live() && matches!(peer.conflict.as_deref(), Some(Conflict::Identity(_))))
}

fn clone(seed: u64, started_together: bool) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, 10, Conditions::default());
    let copy = world.add_host(Spec { identity: Some(all[0]), ..Spec::new(Role::Extended, SegmentIndex(0)) });
    world.boot_all(&all, seconds(1));
    if !started_together {
        world.run_for(seconds(100))?;
    }
    world.apply(Fault::Boot(copy, Memory::Cold));
    let others = &all[1..];
    let both =
        |world: &World| others.iter().all(|lister| flagged(world, *lister, all[0]) && flagged(world, *lister, copy));
    // Two that speak in step, a second apart, look like one whose datagrams overtook each other; jitter parts them.
    world.run_until(both, seconds(240))?;
    world.run_for(seconds(30))?;
    let before = world.total();
    world.run_for(seconds(600))?;
    let after = world.total();
    assert!(both(&world), "seed {seed}: both are still flagged and listed");
    assert_eq!((after.ups, after.downs), (before.ups, before.downs), "seed {seed}: neither flaps");
    assert!(world.tally(all[0]).clones_of_me > 0 && world.tally(copy).clones_of_me > 0, "seed {seed}: both know");
    world.apply(Fault::Quit(copy));
    world.reach(Goal::known_by_all(copy), seconds(60))?;
    world.run_for(seconds(120))?;
    let free = others.iter().all(|lister| row(&world, *lister, all[0]).is_some_and(|peer| peer.conflict.is_none()));
    assert!(free, "seed {seed}: the conflict ends with the copy");
    world.check_at_rest()
}

#[test]
fn a_copy_that_starts_later() -> Result<(), Broken> {
    clone(*seed(1), false)
}

#[test]
fn a_copy_that_starts_together_with_it() -> Result<(), Broken> {
    clone(*seed(2), true)
}
