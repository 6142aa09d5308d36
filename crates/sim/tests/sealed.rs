//! Networks whose hosts sign: the protocol is as fast and as calm as without, and a group's key can be changed while they run.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests throughout")]

use kimchi_peers_proto::{GroupKey, Keyring, Trust};
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, HostIndex, World, millis, seconds, seed};

fn keyring(numbers: &[u8]) -> Keyring {
    let mut keyring = Keyring::default();
    for number in numbers {
        keyring.add(GroupKey::from_bytes([*number; 32])).unwrap();
    }
    keyring
}

/// The classes of all rows at all hosts, the lowest one.
fn lowest(world: &World, all: &[HostIndex]) -> Option<Trust> {
    let rows = all.iter().filter_map(|host| world.host(*host)?.node()).flat_map(|node| node.table().iter());
    rows.map(|peer| peer.trust).min()
}

#[test]
fn a_rotation_at_twenty_percent_loss_leaves_every_row_verified() -> Result<(), Broken> {
    let (mut world, all) = World::sealed_lan(*seed(1), 5, Conditions::lossy(0.2), keyring(&[1]));
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    assert_eq!(lowest(&world, &all), Some(Trust::Verified));
    for keys in [&[1, 2][..], &[2, 1], &[2]] {
        for host in &all {
            world.apply(Fault::Keyring(*host, keyring(keys)));
            for _ in 0..50 {
                world.run_for(millis(100))?;
                assert_eq!(lowest(&world, &all), Some(Trust::Verified), "after {keys:?} at {host}");
            }
        }
    }
    world.check_at_rest()
}

#[test]
fn a_boot_of_fifty_that_sign_is_as_fast() -> Result<(), Broken> {
    for number in 1..=5 {
        let (mut world, all) = World::sealed_lan(*seed(number), 50, Conditions::default(), Keyring::default());
        let last = world.boot_all(&all, seconds(1));
        world.run_for(last)?;
        world.reach(Goal::everybody(), seconds(2))?;
        world.run_for(seconds(30))?;
        assert_eq!(lowest(&world, &all), Some(Trust::Pinned));
        world.check_at_rest()?;
    }
    Ok(())
}

#[test]
fn ten_minutes_at_twenty_percent_loss_and_nobody_dies() -> Result<(), Broken> {
    let (mut world, all) = World::sealed_lan(*seed(3), 10, Conditions::lossy(0.2), keyring(&[1]));
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(600))?;
    assert_eq!(world.total().downs, 0);
    assert_eq!(lowest(&world, &all), Some(Trust::Verified));
    world.check_at_rest()
}

#[test]
fn a_crash_is_noticed_as_fast() -> Result<(), Broken> {
    let (mut world, all) = World::sealed_lan(*seed(4), 10, Conditions::default(), keyring(&[1]));
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(40))?;
    world.apply(Fault::Crash(all[4]));
    world.reach(Goal::known_by_all(all[4]), millis(3_200))?;
    Ok(())
}
