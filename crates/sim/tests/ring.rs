//! Neighbours watch each other: who dies is missed by all within seconds, and nobody else.

use std::time::Duration;

use kimchi_peers_sim::{
    Broken, Conditions, Fault, Goal, HostIndex, Role, SegmentIndex, Slander, Spec, World, millis, seconds, seed,
};

const LAN: SegmentIndex = SegmentIndex(0);

fn settled(seed: u64, hosts: usize, conditions: Conditions) -> Result<(World, Vec<HostIndex>), Broken> {
    let (mut world, all) = World::lan(seed, hosts, conditions);
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(40))?;
    world.reach(Goal::everybody(), seconds(20))?;
    Ok((world, all))
}

fn half_dies(seed: u64, hosts: usize) -> Result<Duration, Broken> {
    let (mut world, _) = settled(seed, hosts, Conditions::default())?;
    world.apply(Fault::HalfPowerCut);
    let took = world.reach(Goal::everybody(), seconds(5))?;
    assert_eq!(world.total().false_downs, 0);
    Ok(took)
}

#[test]
fn half_of_all_die_at_once_and_the_others_know_within_5_s() -> Result<(), Broken> {
    for (number, hosts) in (0..).zip([4, 10, 50, 200]) {
        println!("half of {hosts}: {} ms", half_dies(*seed(1) + number, hosts)?.as_millis());
    }
    Ok(())
}

#[test]
fn a_partition_is_noticed_and_found_healed_within_5_s() -> Result<(), Broken> {
    for (number, hosts) in (0..).zip([6, 30, 100, 200]) {
        let (mut world, all) = settled(*seed(20) + number, hosts, Conditions::default())?;
        world.apply(Fault::Partition(LAN, all[..hosts / 3].to_vec()));
        let cut = world.reach(Goal::everybody(), seconds(5))?;
        world.run_for(seconds(60))?;
        world.apply(Fault::Heal(LAN));
        let healed = world.reach(Goal::everybody(), seconds(5))?;
        println!("{hosts} hosts: cut {} ms, healed {} ms", cut.as_millis(), healed.as_millis());
        world.check_at_rest()?;
        assert_eq!(world.total().false_downs, 0);
    }
    Ok(())
}

#[test]
fn who_is_cut_off_blames_nobody_and_says_so() -> Result<(), Broken> {
    let (mut world, all) = settled(*seed(3), 20, Conditions::default())?;
    world.apply(Fault::Partition(LAN, vec![all[0]]));
    world.run_for(millis(3_300))?;
    assert_eq!(world.tally(all[0]).downs, 0);
    assert_eq!(world.total().downs, 19, "the others miss it");
    let isolated = |world: &World| {
        let node = world.host(all[0]).and_then(|host| host.node());
        node.is_some_and(|node| node.links().all(|link| link.isolated))
    };
    assert!(isolated(&world));
    world.run_for(seconds(15))?;
    assert_eq!((world.tally(all[0]).downs, isolated(&world)), (0, true));
    world.apply(Fault::Heal(LAN));
    world.reach(Goal::everybody(), seconds(5))?;
    assert!(!isolated(&world));
    world.check_at_rest()
}

#[test]
fn no_burst_of_two_seconds_kills_anybody() -> Result<(), Broken> {
    let (mut world, all) = settled(*seed(4), 20, Conditions::lossy(0.01))?;
    let mut random = fastrand::Rng::with_seed(*seed(4));
    for round in 0..400_u32 {
        let mut some = all.clone();
        random.shuffle(&mut some);
        some.truncate(random.usize(1..5));
        match round % 3 {
            // Both ways, or what is sent to them, or what they send.
            0 => world.apply(Fault::Partition(LAN, some)),
            way => {
                let pairs = some.iter().flat_map(|one| all.iter().map(move |other| (*one, *other)));
                for (one, other) in pairs.filter(|(one, other)| one != other) {
                    let (from, to) = if way == 1 { (other, one) } else { (one, other) };
                    world.apply(Fault::OneWay(LAN, from, to));
                }
            }
        }
        world.run_for(seconds(2))?;
        world.apply(Fault::Heal(LAN));
        world.run_for(millis(random.u64(2_500..6_000)))?;
    }
    assert_eq!(world.total().downs, 0);
    world.check_at_rest()
}

/// Ten hosts for two hours each: 0.8 host-days.
#[test]
fn nobody_is_taken_for_dead_where_a_fifth_is_lost() -> Result<(), Broken> {
    let (mut world, _) = settled(*seed(5), 10, Conditions::lossy(0.2))?;
    world.run_for(seconds(2 * 3600))?;
    let total = world.total();
    println!("{} suspicions, {} deaths", total.suspects, total.downs);
    assert_eq!(total.downs, 0);
    let loss = world.host(HostIndex(0)).and_then(|host| host.node()?.links().next()?.loss);
    assert!(loss.is_some_and(|loss| (0.1..0.35).contains(&loss)), "{loss:?}");
    world.check_at_rest()
}

#[test]
fn a_quiet_host_sends_two_packets_a_second() -> Result<(), Broken> {
    for hosts in [2, 10, 100] {
        let (mut world, all) = settled(*seed(6), hosts, Conditions::default())?;
        let before = world.total();
        world.run_for(seconds(60))?;
        let after = world.total();
        let each = |count: u64| count as f64 / 60.0 / all.len() as f64;
        let unicasts = each(after.unicasts() - before.unicasts());
        println!(
            "{hosts} hosts: {unicasts:.2} unicast, {:.2} multicast",
            each(after.multicasts() - before.multicasts())
        );
        assert!(unicasts < 2.5, "{hosts} hosts: {unicasts}");
        assert_eq!(after.suspects, 0);
    }
    Ok(())
}

fn slander(seed: u64, slander: Slander, most_believers: u64) -> Result<(), Broken> {
    let (mut world, mut all) = World::lan(seed, 20, Conditions::default());
    world.boot_all(&all, seconds(1));
    let liar = world.add_host(Spec::new(Role::Extended, LAN));
    world.boot_all(&[liar], seconds(1));
    world.run_for(seconds(60))?;
    for victim in &all[..6] {
        world.apply(Fault::Slander(liar, *victim, slander));
        world.run_for(millis(20))?;
        world.reach(Goal::everybody(), millis(1))?;
        world.run_for(seconds(3))?;
    }
    assert!(world.total().false_downs <= most_believers, "{} believed it", world.total().false_downs);
    all.push(liar);
    world.check_at_rest()
}

#[test]
fn a_forged_suspicion_is_refuted() -> Result<(), Broken> {
    slander(*seed(7), Slander::Suspicion, 0)
}

/// Those who missed no suspicion give the victim time to contradict a verdict, and it does so at once.
#[test]
fn a_forged_verdict_is_refuted_by_its_subject() -> Result<(), Broken> {
    slander(*seed(8), Slander::Verdict, 0)
}
