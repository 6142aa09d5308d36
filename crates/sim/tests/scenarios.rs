//! The program's scenarios, sweeps and comparison run and measure what they say.

use kimchi_peers_sim::{
    Broken, Conditions, Fault, Goal, Invariants, Memory, SCENARIOS, Settings, World, compare, scenario, seconds, seed,
    sweep,
};

#[test]
fn every_scenario_keeps_the_promises() {
    let settings = Settings { hosts: 12, seed: *seed(3), lasting: seconds(60), ..Settings::default() };
    for scenario in SCENARIOS.iter().filter(|scenario| scenario.name != "storm") {
        let (outcome, trace) = scenario.run(&settings);
        let report = outcome.unwrap_or_else(|broken| panic!("{}: {broken}", scenario.name));
        assert!(report.rows.len() >= 4 && trace.is_empty(), "{report}");
        let doubted = report.rows.iter().find(|(label, _)| label == "peers doubted");
        assert!(scenario.name != "steady" || doubted.is_some_and(|(_, count)| count == "0"), "{report}");
    }
}

#[test]
fn a_sweep_tells_the_median_and_the_worst() -> Result<(), Broken> {
    let settings = Settings { hosts: 6, seed: *seed(1), ..Settings::default() };
    let table = sweep(scenario("join").expect("a scenario"), &settings, 3)?;
    assert!(table.contains("median") && table.contains("the newcomer lists everybody, ms"), "{table}");
    Ok(())
}

#[test]
fn the_rivals_do_what_they_are_said_to() -> Result<(), Broken> {
    let (table, plots) = compare(&[10, 20], *seed(1))?;
    let row = |protocol: &str, hosts: &str| {
        let is_it = |line: &&str| line.starts_with(&format!("| {protocol} | {hosts} |"));
        table.lines().find(is_it).unwrap_or_default().to_owned()
    };
    // Each search is answered by everybody, and nobody ever forgets.
    assert!(row("as requested", "20").contains("| 21 | 0 | 1 ms | not in 60 s |"), "{table}");
    // It forgets after 30 s of silence, and the crash comes 9 s after the last heartbeat.
    assert!(row("with heartbeat", "10").contains("| 11 | 0 | 1 ms | 21.0 s |"), "{table}");
    assert!(!row("kimchi-peers", "20").contains("not in"), "{table}");
    // Ours costs a search and an answer at any size.
    assert!(["10", "20"].iter().all(|hosts| row("kimchi-peers", hosts).contains(" s | 2 | ")), "{table}");
    assert_eq!(plots.len(), 4);
    assert!(plots.iter().all(|(name, svg)| name.ends_with(".svg") && svg.contains("kimchi-peers")));
    Ok(())
}

/// A sample must find what a look at all finds: here a table that lacks somebody on a host that is not in the sample.
#[test]
fn a_sampled_world_still_sees_who_is_missing() -> Result<(), Broken> {
    for which in [Invariants::All, Invariants::Sampled(10)] {
        let (mut world, all) = World::lan(*seed(1), 30, Conditions::default());
        world.invariants(which);
        world.boot_all(&all, seconds(1));
        world.run_for(seconds(20))?;
        world.check_at_rest()?;
        // All others list it as before.
        world.apply(Fault::Boot(all[4], Memory::Cold));
        assert!(!Goal::everybody().holds(&world));
        assert!(world.check_at_rest().is_err());
        world.reach(Goal::everybody(), seconds(2))?;
        world.check_at_rest()?;
    }
    Ok(())
}

/// A network that is made at once is one that has been there for a while: all list all, nobody is doubted, and who comes
/// and goes is noticed as ever.
#[test]
fn a_network_made_at_once_is_at_rest() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 60, Conditions::default());
    let (newcomer, others) = all.split_first().expect("hosts");
    world.settle_all(others)?;
    assert_eq!(world.total().multicasts() + world.total().unicasts(), 0, "nothing is sent meanwhile");
    world.reach(Goal::everybody(), seconds(0))?;
    world.run_for(seconds(120))?;
    world.check_at_rest()?;
    assert_eq!((world.total().downs, world.total().suspects), (0, 0));
    let probes = world.total().unicasts() as f64 / (120.0 * others.len() as f64);
    assert!((2.2..2.6).contains(&probes), "{probes} unicast a host and second");
    world.apply(Fault::Boot(*newcomer, Memory::Cold));
    world.reach(Goal::everybody(), seconds(1))?;
    world.apply(Fault::Crash(*newcomer));
    world.reach(Goal::everybody(), seconds(5))?;
    world.check_at_rest()
}
