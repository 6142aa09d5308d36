//! Every datagram arrives ten times: nothing changes but the number of datagrams.

use kimchi_peers_sim::{Broken, Conditions, Duplication, Fault, Goal, World, seconds, seed};

#[test]
fn ten_copies_are_one() -> Result<(), Broken> {
    let duplication = Some(Duplication { chance: 1.0, copies: 10 });
    let (mut world, all) = World::lan(*seed(1), 30, Conditions { duplication, ..Conditions::default() });
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(120))?;
    world.check_at_rest()?;
    let total = world.total();
    assert_eq!((total.ups, total.downs, total.suspects), (30 * 29, 0, 0));
    assert_eq!(total.clones_of_me, 0, "a copy of a datagram is no copy of a host");
    world.apply(Fault::Quit(all[0]));
    world.reach(Goal::known_by_all(all[0]), seconds(1))?;
    world.run_for(seconds(60))?;
    world.check_at_rest()
}
