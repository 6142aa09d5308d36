//! A host is gone without a word.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, World, seconds, seed};

fn crash(seed: u64, hosts: usize, conditions: Conditions) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, hosts, conditions);
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    world.apply(Fault::Crash(all[1]));
    world.reach(Goal::known_by_all(all[1]), seconds(35))?;
    assert_eq!(world.total().false_downs, 0);
    assert_eq!(world.total().downs, hosts as u64 - 1);
    world.check_at_rest()
}

#[test]
fn all_notice_within_35_s() -> Result<(), Broken> {
    crash(*seed(1), 10, Conditions::default())?;
    crash(*seed(2), 100, Conditions::default())
}

#[test]
fn also_where_a_fifth_is_lost() -> Result<(), Broken> {
    let (seed, hosts) = (seed(3), 50);
    let (mut world, all) = World::lan(*seed, hosts, Conditions::lossy(0.2));
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    world.apply(Fault::Crash(all[1]));
    world.reach(Goal::known_by_all(all[1]), seconds(35))?;
    assert_eq!(world.total().false_downs, 0);
    Ok(())
}

#[test]
fn who_comes_back_is_up_at_once() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(4), 20, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    for pause in [1, 20, 28, 100] {
        world.apply(Fault::Crash(all[1]));
        world.run_for(seconds(pause))?;
        world.apply(Fault::Boot(all[1], Memory::Warm));
        world.reach(Goal::known_by_all(all[1]), seconds(1))?;
        world.reach(Goal::everybody(), seconds(2))?;
        world.run_for(seconds(60))?;
        world.check_at_rest()?;
    }
    assert_eq!(world.total().false_downs, 0);
    Ok(())
}
