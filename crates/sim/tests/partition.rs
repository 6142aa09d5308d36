//! The network falls apart and comes together again.

use kimchi_peers_proto::{Hearing, Instant, PeerKey, Reach};
use kimchi_peers_sim::model::{lists, row};
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, HostIndex, SegmentIndex, World, millis, seconds, seed};

const LAN: SegmentIndex = SegmentIndex(0);

#[test]
fn both_sides_notice_and_find_each_other_again() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 40, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    world.apply(Fault::Partition(LAN, all[..15].to_vec()));
    let took = world.reach(Goal::everybody(), seconds(5))?;
    println!("cut: {} ms", took.as_millis());
    world.check_at_rest()?;
    world.run_for(seconds(300))?;
    world.apply(Fault::Heal(LAN));
    // Each lost host is searched for by the one that would be its neighbour.
    let took = world.reach(Goal::everybody(), seconds(5))?;
    println!("healed: {} ms", took.as_millis());
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
    world.after(seconds(2), Fault::Heal(LAN));
    world.run_for(seconds(60))?;
    assert_eq!(world.total().downs, 0);
    world.check_at_rest()
}

/// What hosts tell of the way between two of them, and how often it changed.
fn reach(world: &World, lister: HostIndex, listed: HostIndex) -> Reach {
    row(world, lister, listed).map_or(Reach::Both, |peer| peer.reach)
}

/// What a host tells of who hears whom.
fn told(world: &World, by: HostIndex, hearer: HostIndex, heard: HostIndex) -> Hearing {
    let (Some(node), Some(hearer), Some(heard)) =
        (world.host(by).and_then(|host| host.node()), world.host(hearer), world.host(heard))
    else {
        return Hearing::Unknown;
    };
    let matrix = node.matrix(Instant::ZERO + world.now());
    let place = |id| matrix.hosts.iter().position(|host| host.key == Some(PeerKey::Identity(id)));
    let row = place(hearer.id).and_then(|place| matrix.rows.iter().find(|row| row.host == place));
    let cell = row.zip(place(heard.id)).and_then(|(row, place)| row.cells.get(place));
    cell.copied().unwrap_or(Hearing::Unknown)
}

#[test]
fn a_one_way_link_is_told_at_both_ends_and_nobody_flaps_for_an_hour() -> Result<(), Broken> {
    for hosts in [3, 10] {
        let (mut world, all) = World::lan(*seed(3), hosts, Conditions::default());
        world.boot_all(&all, seconds(1));
        world.run_for(seconds(30))?;
        world.apply(Fault::OneWay(LAN, all[0], all[1]));
        world.run_for(seconds(180))?;
        assert!(lists(&world, all[1], all[0]) && lists(&world, all[0], all[1]));
        assert_eq!(reach(&world, all[1], all[0]), Reach::NotHeard, "{hosts} hosts");
        let tells =
            |world: &World| [(1, 0), (0, 1)].map(|(hearer, heard)| told(world, all[2], all[hearer], all[heard]));
        assert_eq!(tells(&world), [Hearing::NotHeard, Hearing::Heard], "a third host tells which way it is");
        let before = world.total();
        world.run_for(seconds(3600))?;
        let after = world.total();
        assert_eq!((after.downs, after.ups), (0, before.ups + after.suspects - before.suspects), "{hosts} hosts");
        // A suspicion is told by one host alone, ever more rarely.
        assert!(after.suspects - before.suspects < 40, "{hosts} hosts: {}", after.suspects - before.suspects);
        assert_eq!(reach(&world, all[1], all[0]), Reach::NotHeard);
        world.check_at_rest()?;
        world.apply(Fault::Heal(LAN));
        world.run_for(seconds(30))?;
        assert_eq!(reach(&world, all[1], all[0]), Reach::Both, "{hosts} hosts");
        assert_eq!(tells(&world), [Hearing::Heard; 2]);
        world.check_at_rest()?;
    }
    Ok(())
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
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}
