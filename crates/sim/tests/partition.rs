//! The network falls apart and comes together again.

use kimchi_peers_sim::model::lists;
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, SegmentIndex, World, millis, seconds, seed};

const LAN: SegmentIndex = SegmentIndex(0);

#[test]
fn both_sides_notice_and_find_each_other_again() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 40, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    world.apply(Fault::Partition(LAN, all[..15].to_vec()));
    world.reach(Goal::everybody(), seconds(35))?;
    world.check_at_rest()?;
    world.run_for(seconds(300))?;
    world.apply(Fault::Heal(LAN));
    // The next heartbeat of each host repairs all.
    world.reach(Goal::everybody(), seconds(12))?;
    world.run_for(seconds(60))?;
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}

#[test]
fn a_short_cut_is_not_noticed() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(2), 20, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    world.apply(Fault::Partition(LAN, all[..10].to_vec()));
    world.after(seconds(15), Fault::Heal(LAN));
    world.run_for(seconds(60))?;
    assert_eq!(world.total().downs, 0);
    world.check_at_rest()
}

#[test]
fn a_one_way_link_is_lost_in_that_way_alone() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(3), 10, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    world.apply(Fault::OneWay(LAN, all[0], all[1]));
    world.reach(Goal::everybody(), seconds(40))?;
    world.run_for(seconds(120))?;
    world.check_at_rest()?;
    assert!(!lists(&world, all[1], all[0]) && lists(&world, all[0], all[1]));
    assert_eq!(world.total().downs, 1, "neither flaps");
    world.apply(Fault::Heal(LAN));
    world.reach(Goal::everybody(), seconds(12))?;
    world.check_at_rest()
}

#[test]
fn a_flapping_interface_is_back_within_a_second() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(4), 20, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    world.apply(Fault::Flap(all[0], 2, 10, seconds(3)));
    world.run_for(seconds(57))?;
    world.reach(Goal::everybody(), millis(1_100))?;
    world.run_for(seconds(60))?;
    assert_eq!(world.total().downs, 0);
    world.check_at_rest()
}
