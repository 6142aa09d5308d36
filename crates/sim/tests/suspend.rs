//! A host sleeps, is stopped, is slow, or its clock leaps: it blames itself, not its peers.

use std::time::Duration;

use kimchi_peers_proto::Kind;
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, World, millis, seconds, seed};

const HOURS: Duration = seconds(2 * 3600);

fn sleep(
    seed: u64,
    conditions: Conditions,
    fault: impl Fn(kimchi_peers_sim::HostIndex) -> Fault,
    lasting: Duration,
) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, 12, conditions);
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    let searches = world.tally(all[0]).multicasts_of(Kind::Search);
    world.apply(fault(all[0]));
    world.run_for(lasting)?;
    let others: u64 = all.iter().skip(1).map(|host| world.tally(*host).downs).sum();
    let before = world.tally(all[0]);
    world.run_for(seconds(10))?;
    assert_eq!(world.tally(all[0]).downs, before.downs, "seed {seed}: nobody is marked down after {lasting:?}");
    let searched = world.tally(all[0]).multicasts_of(Kind::Search) > searches;
    // A sleep that ends before the next wake-up was due cannot be seen from inside the engine, and needs no care.
    assert!(searched || lasting < seconds(15), "seed {seed}: it searched after {lasting:?}");
    world.reach(Goal::everybody(), seconds(2))?;
    world.run_for(seconds(60))?;
    assert_eq!(world.total().false_downs, 0, "seed {seed}");
    assert_eq!(world.tally(all[0]).downs, 0, "seed {seed}");
    assert!(others == 0 || lasting > seconds(2), "seed {seed}: a short sleep goes unnoticed");
    world.check_at_rest()
}

#[test]
fn suspended_from_a_second_to_hours() -> Result<(), Broken> {
    for lasting in [seconds(1), seconds(8), seconds(26), seconds(31), seconds(40), seconds(600), HOURS] {
        sleep(*seed(1), Conditions::default(), |host| Fault::Suspend(host, lasting), lasting)?;
    }
    Ok(())
}

#[test]
fn suspended_where_a_fifth_is_lost() -> Result<(), Broken> {
    for lasting in [seconds(31), seconds(600)] {
        sleep(*seed(2), Conditions::lossy(0.2), |host| Fault::Suspend(host, lasting), lasting)?;
    }
    Ok(())
}

#[test]
fn stopped_while_datagrams_wait_in_the_socket() -> Result<(), Broken> {
    for lasting in [seconds(1), seconds(31), seconds(600)] {
        sleep(*seed(3), Conditions::default(), |host| Fault::Stop(host, lasting), lasting)?;
    }
    Ok(())
}

#[test]
fn a_clock_that_leaps_ahead() -> Result<(), Broken> {
    for leap in [seconds(1), seconds(25), seconds(60), HOURS] {
        sleep(*seed(4), Conditions::default(), |host| Fault::ClockJump(host, leap), millis(1))?;
    }
    Ok(())
}

#[test]
fn a_slow_host_is_up_and_sees_all_up() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(5), 12, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(60))?;
    world.apply(Fault::Slow(all[0], millis(1_500)));
    world.run_for(seconds(600))?;
    assert_eq!(world.total().downs, 0);
    world.check_at_rest()
}
