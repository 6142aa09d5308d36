//! A host starts with what it knew in its last run, some of it no longer true.

use kimchi_peers_proto::{Config, Reason, State};
use kimchi_peers_sim::model::row;
use kimchi_peers_sim::{
    Broken, Conditions, Fault, Goal, HostIndex, Memory, Role, SegmentIndex, Spec, World, millis, seconds, seed,
};

fn state(world: &World, lister: HostIndex, listed: HostIndex) -> Option<(State, Option<Reason>)> {
    row(world, lister, listed).map(|peer| (peer.state, peer.reason))
}

#[test]
fn the_living_are_confirmed_and_the_dead_dropped_within_20_s() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 30, Conditions::default());
    let base = world.add_host(Spec::new(Role::Base, SegmentIndex(0)));
    world.boot_all(&all, seconds(1));
    world.boot_all(&[base], seconds(1));
    world.run_for(seconds(60))?;
    for host in [all[0], all[1], all[2], all[3], base] {
        world.apply(Fault::Crash(host));
    }
    world.run_for(seconds(3600))?;
    world.apply(Fault::Boot(all[0], Memory::Warm));
    assert_eq!(state(&world, all[0], all[1]), Some((State::Unknown, None)));
    let living: Vec<HostIndex> = all[4..].to_vec();
    let confirmed = |world: &World| living.iter().all(|host| state(world, all[0], *host) == Some((State::Up, None)));
    world.run_until(confirmed, millis(1_100))?;
    let dead = [all[1], all[2], all[3], base];
    let dropped =
        |world: &World| dead.iter().all(|host| state(world, all[0], *host) == Some((State::Down, Some(Reason::Lost))));
    world.run_until(dropped, seconds(20))?;
    world.run_for(seconds(60))?;
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}

#[test]
fn at_twenty_percent_loss_no_living_one_is_dropped() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(2), 30, Conditions::lossy(0.2));
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(120))?;
    for host in &all[..5] {
        world.apply(Fault::Boot(*host, Memory::Warm));
        world.run_for(seconds(30))?;
    }
    assert_eq!(world.total().false_downs, 0);
    world.reach(Goal::everybody(), seconds(30))?;
    world.check_at_rest()
}

/// All start slowly, and each remembers all that are still to come.
#[test]
fn a_slow_start_of_many_that_remember_each_other_asks_little() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(4), 100, Conditions::default());
    let pause = millis(155);
    world.boot_all_warm(&all, &all, pause * 100)?;
    world.reach(Goal::everybody(), seconds(1))?;
    // Half of the time each host was there, for 2.3 probes and answers a second.
    let probing = 100.0 * 15.5 / 2.0 * 2.3;
    let unicasts = world.total().unicasts();
    assert!(unicasts as f64 <= probing + 25.0 * 100.0, "{unicasts} unicast packets");
    world.run_for(seconds(20))?;
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}

#[test]
fn who_was_gone_stays_known_whatever_the_age_of_the_machine() -> Result<(), Broken> {
    for days in [0, 29, 31, 400] {
        let mut world = World::new(*seed(3));
        let segment = world.add_segment(Conditions::default());
        let uptime = Some(seconds(days * 86_400));
        // Two days of probes would take long and prove nothing here.
        let config = Config { watch: false, ..Config::default() };
        let all: Vec<HostIndex> = (0..3)
            .map(|_| world.add_host(Spec { uptime, config: config.clone(), ..Spec::new(Role::Extended, segment) }))
            .collect();
        world.boot_all(&all, seconds(1));
        world.run_for(seconds(30))?;
        world.apply(Fault::Quit(all[2]));
        world.run_for(seconds(30))?;
        world.apply(Fault::Boot(all[0], Memory::Warm));
        world.run_for(seconds(86_400 * 2))?;
        assert_eq!(state(&world, all[0], all[2]), Some((State::Down, Some(Reason::Left))), "up for {days} days");
    }
    Ok(())
}
