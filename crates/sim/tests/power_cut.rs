//! Half of the hosts lose power at once, and come back at once.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, HostIndex, Memory, World, seconds, seed};

#[test]
fn the_other_half_notices_and_gets_them_back() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 60, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    world.apply(Fault::HalfPowerCut);
    world.reach(Goal::everybody(), seconds(35))?;
    world.check_at_rest()?;
    let off: Vec<HostIndex> =
        all.iter().copied().filter(|host| !world.host(*host).is_some_and(|host| host.is_on())).collect();
    assert_eq!((off.len(), world.total().downs), (30, 30 * 30));
    for host in &off {
        world.apply(Fault::Boot(*host, Memory::Warm));
    }
    world.reach(Goal::everybody(), seconds(2))?;
    world.run_for(seconds(60))?;
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}
