//! A host is gone without a word.

use std::time::Duration;

use kimchi_peers_sim::{
    Broken, Conditions, Fault, Goal, HostIndex, Memory, SegmentIndex, World, millis, seconds, seed,
};

fn settled(seed: u64, hosts: usize, conditions: Conditions) -> Result<(World, Vec<HostIndex>), Broken> {
    let (mut world, all) = World::lan(seed, hosts, conditions);
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(40))?;
    world.reach(Goal::everybody(), seconds(10))?;
    Ok((world, all))
}

/// Lets one host after the other die, and comes back; nobody else may be taken for dead.
fn crash(seed: u64, hosts: usize, fault: fn(HostIndex) -> Fault, within: Duration) -> Result<(), Broken> {
    let (mut world, all) = settled(seed, hosts, Conditions::default())?;
    for victim in all.iter().take(5) {
        let downs = world.total().downs;
        world.apply(fault(*victim));
        world.reach(Goal::known_by_all(*victim), within)?;
        assert_eq!(world.total().downs - downs, hosts as u64 - 1);
        world.run_for(seconds(7))?;
        world.apply(Fault::Boot(*victim, Memory::Warm));
        world.reach(Goal::everybody(), seconds(2))?;
        world.run_for(millis(12_300))?;
    }
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}

#[test]
fn all_notice_within_3200_ms_at_any_size() -> Result<(), Broken> {
    for hosts in [2, 3, 10, 50, 200] {
        crash(*seed(1), hosts, Fault::Crash, millis(3_200))?;
    }
    Ok(())
}

#[test]
fn where_the_kernel_lives_all_notice_within_1500_ms() -> Result<(), Broken> {
    for hosts in [2, 3, 10, 50, 200] {
        crash(*seed(2), hosts, Fault::Kill, millis(1_500))?;
    }
    Ok(())
}

#[test]
fn also_where_a_fifth_is_lost() -> Result<(), Broken> {
    let (mut world, all) = settled(*seed(3), 50, Conditions::lossy(0.2))?;
    for victim in all.iter().take(10) {
        world.apply(Fault::Crash(*victim));
        let took = world.reach(Goal::known_by_all(*victim), seconds(5))?;
        println!("at 20 % loss: {} ms", took.as_millis());
    }
    assert_eq!(world.total().false_downs, 0);
    Ok(())
}

/// A host that cannot hear those who find a death out learns of it from the neighbours that it compares tables with, and
/// need not find it out again for itself.
#[test]
fn who_hears_no_verdict_is_reminded() -> Result<(), Broken> {
    for number in 5..10 {
        let seed = seed(number);
        let (mut world, all) = settled(*seed, 30, Conditions::default())?;
        let mut ring: Vec<_> = all.iter().map(|host| (world.host(*host).expect("a host").id, *host)).collect();
        ring.sort();
        let [(_, before), (_, victim), (_, behind)] = [ring[0], ring[1], ring[2]];
        // Far from them in the ring, so that nothing of the probes is missing.
        let (_, unaware) = ring[15];
        for judge in [before, behind] {
            world.apply(Fault::OneWay(SegmentIndex(0), judge, unaware));
        }
        world.apply(Fault::Crash(victim));
        let took = world.reach(Goal::known_by_all(victim), millis(4_800))?;
        println!("reminded after {} ms", took.as_millis());
        world.run_for(seconds(10))?;
        assert_eq!(world.total().false_downs, 0);
    }
    Ok(())
}

#[test]
fn who_comes_back_is_up_at_once() -> Result<(), Broken> {
    let (mut world, all) = settled(*seed(4), 20, Conditions::default())?;
    for pause in [1, 2, 3, 20, 100] {
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
