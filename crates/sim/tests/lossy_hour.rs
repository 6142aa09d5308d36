//! Steady life on a bad link: nobody is taken for dead who is not.

use kimchi_peers_sim::{Broken, Burst, Conditions, Quiet, Weather, World, millis, seconds, seed};

fn live(seed: u64, conditions: Conditions, hours: u64) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, 20, conditions);
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(hours * 3600))?;
    let total = world.total();
    assert_eq!(total.false_downs, 0, "seed {seed}: taken for dead");
    assert_eq!(total.downs, 0, "seed {seed}");
    world.check_at_rest()
}

#[test]
fn an_hour_at_twenty_percent_independent_loss() -> Result<(), Broken> {
    live(*seed(1), Conditions::lossy(0.2), 1)
}

#[test]
fn an_hour_with_bursts_of_half_a_second_on_average() -> Result<(), Broken> {
    let burst = Burst { every: seconds(60), lasting: millis(500), fixed: false, loss: 1.0 };
    live(*seed(2), Conditions { burst: Some(burst), ..Conditions::lossy(0.01) }, 1)
}

/// Two bursts may overlap: that of a host that is probed, and that of the host that probes it.
#[test]
fn an_hour_with_bursts_of_exactly_two_seconds() -> Result<(), Broken> {
    let burst = Burst { every: seconds(60), lasting: seconds(2), fixed: true, loss: 1.0 };
    live(*seed(3), Conditions { burst: Some(burst), ..Conditions::default() }, 1)
}

#[test]
fn quiet_days_are_counted() -> Result<(), Broken> {
    let mut all = Quiet::default();
    for seed in 0..2 {
        all.add(&Quiet::live(12, 1, Weather { loss: 0.2, bursts: false }, seed)?);
    }
    assert!((all.host_days - 1.0).abs() < 1e-9 && all.false_deaths == 0 && all.datagrams > 100_000, "{all}");
    Ok(())
}
