//! An interface gets another address.

use kimchi_peers_sim::model::row;
use kimchi_peers_sim::{Broken, Conditions, Fault, SegmentIndex, World, seconds, seed};

#[test]
fn all_have_the_new_address_at_once_and_drop_the_old_one() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 20, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    let address = world.net().segment(SegmentIndex(0)).expect("a segment").address(999);
    world.apply(Fault::Renumber(all[0], 2, address));
    world.run_for(seconds(1))?;
    for lister in &all[1..] {
        assert_eq!(row(&world, *lister, all[0]).expect("a row").addresses(), [address]);
    }
    world.run_for(seconds(300))?;
    assert_eq!((world.total().downs, world.total().clones_of_me), (0, 0));
    world.check_at_rest()
}

#[test]
fn at_twenty_percent_loss_too() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(2), 20, Conditions::lossy(0.2));
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    let address = world.net().segment(SegmentIndex(0)).expect("a segment").address(999);
    world.apply(Fault::Renumber(all[0], 2, address));
    world.run_for(seconds(120))?;
    for lister in &all[1..] {
        assert_eq!(row(&world, *lister, all[0]).expect("a row").addresses(), [address]);
    }
    assert_eq!((world.total().false_downs, world.total().clones_of_me), (0, 0));
    world.check_at_rest()
}
