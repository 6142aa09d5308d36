//! Two networks with one host on both.

use kimchi_peers_sim::model::{lists, row};
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, HostIndex, Role, Spec, World, seconds, seed};

fn two_lans(seed: u64) -> (World, Vec<HostIndex>, Vec<HostIndex>, HostIndex) {
    let mut world = World::new(seed);
    let (left, right) = (world.add_segment(Conditions::default()), world.add_segment(Conditions::default()));
    let of_left = (0..8).map(|_| world.add_host(Spec::new(Role::Extended, left))).collect();
    let of_right = (0..8).map(|_| world.add_host(Spec::new(Role::Extended, right))).collect();
    let both = world.add_host(Spec { segments: vec![left, right], ..Spec::new(Role::Extended, left) });
    (world, of_left, of_right, both)
}

#[test]
fn each_side_knows_its_own_and_the_middle_knows_both() -> Result<(), Broken> {
    let (mut world, left, right, both) = two_lans(*seed(1));
    world.boot_all(&[left.clone(), right.clone(), vec![both]].concat(), seconds(1));
    world.run_for(seconds(300))?;
    world.check_at_rest()?;
    assert!(!lists(&world, left[0], right[0]));
    assert!(lists(&world, both, left[0]) && lists(&world, both, right[0]));
    assert_eq!(world.total().downs, 0);
    let ours = world.host(both).expect("a host").addresses().collect::<Vec<_>>();
    assert_eq!(row(&world, left[0], both).expect("a row").addresses(), ours[..1]);
    assert_eq!(row(&world, right[0], both).expect("a row").addresses(), ours[1..]);
    Ok(())
}

#[test]
fn one_cable_of_the_middle_is_unplugged() -> Result<(), Broken> {
    let (mut world, left, right, both) = two_lans(*seed(2));
    world.boot_all(&[left.clone(), right.clone(), vec![both]].concat(), seconds(1));
    world.run_for(seconds(60))?;
    world.apply(Fault::Link(both, 3, false));
    world.reach(Goal::everybody(), seconds(40))?;
    world.check_at_rest()?;
    world.apply(Fault::Link(both, 3, true));
    world.reach(Goal::everybody(), seconds(2))?;
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}

#[test]
fn two_hosts_that_share_both_networks_keep_one_row_with_two_addresses() -> Result<(), Broken> {
    let mut world = World::new(*seed(3));
    let segments = vec![world.add_segment(Conditions::default()), world.add_segment(Conditions::default())];
    let spec = Spec { segments: segments.clone(), ..Spec::new(Role::Extended, segments[0]) };
    let all: Vec<HostIndex> = (0..6).map(|_| world.add_host(spec.clone())).collect();
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(600))?;
    world.check_at_rest()?;
    assert_eq!((world.total().downs, world.total().clones_of_me), (0, 0));
    assert_eq!(row(&world, all[0], all[1]).expect("a row").addresses().len(), 2);
    Ok(())
}
