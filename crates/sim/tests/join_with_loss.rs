//! One host joins where every fifth datagram is lost.

use std::time::Duration;

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, Settings, World, millis, scenario, seconds, seed};

/// Whoever misses the search and the announcement is told by others whose digest differs from its own.
#[test]
fn the_list_is_complete_within_seconds() -> Result<(), Broken> {
    let first = seed(10);
    let mut times = Vec::new();
    for seed in *first..*first + 50 {
        let (mut world, all) = World::lan(seed, 50, Conditions::lossy(0.2));
        let (newcomer, others) = (&all[0], &all[1..]);
        world.boot_all(others, seconds(1));
        world.run_for(seconds(60))?;
        world.apply(Fault::Boot(*newcomer, Memory::Cold));
        let start = world.now();
        let by_all = world.reach(Goal::known_by_all(*newcomer), seconds(4))?;
        world.reach(Goal::knows_all(*newcomer), seconds(4))?;
        times.push((world.now() - start, by_all));
        assert_eq!(world.total().false_downs, 0, "seed {seed}");
    }
    times.sort();
    println!("median {:?}, worst {:?}", times[times.len() / 2], times.last());
    let slow = times.iter().filter(|(all, _)| *all > seconds(2)).count();
    assert_eq!(slow, 0, "{times:?}");
    Ok(())
}

/// The medians and the worst of what the newcomers of a scenario took: until all list them, until they list all.
fn joins(name: &str, hosts: usize, seeds: u64) -> [(Duration, Duration); 2] {
    let settings = Settings { hosts, loss: 0.2, ..Settings::default() };
    let mut times = [Vec::new(), Vec::new()];
    let first = seed(20);
    for seed in *first..*first + seeds {
        let (outcome, _) =
            scenario(name).unwrap_or_else(|| panic!("{name}: no scenario")).run(&Settings { seed, ..settings });
        let report = outcome.unwrap_or_else(|broken| panic!("{broken}"));
        for (label, value) in &report.rows {
            let kind =
                ["everybody lists the newcomer", "the newcomer lists everybody"].iter().position(|name| name == label);
            let milliseconds = value.split(' ').next().and_then(|number| number.parse::<f64>().ok());
            if let (Some(kind), Some(time)) = (kind, milliseconds) {
                times[kind].push(Duration::from_secs_f64(time / 1000.0));
            }
        }
    }
    times.map(|mut times| {
        times.sort();
        (times[times.len() / 2], times[times.len() - 1])
    })
}

/// Nobody has measured the loss yet, and those who joined before were killed a moment ago.
#[test]
fn also_where_the_loss_has_just_begun_joins_are_complete_within_seconds() {
    for hosts in [10, 50] {
        let [(by_all, worst_by_all), (all, worst_all)] = joins("join-again", hosts, 10);
        assert!(by_all <= millis(400) && worst_by_all <= seconds(2), "{by_all:?} {worst_by_all:?}");
        assert!(all <= millis(100) && worst_all <= seconds(2), "{all:?} {worst_all:?}");
    }
}
