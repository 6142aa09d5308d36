//! An attacker floods the link with searches.

use kimchi_peers_sim::{
    Broken, Conditions, Fault, Goal, Memory, Role, SegmentIndex, Spec, World, millis, seconds, seed,
};

fn storm(seed: u64, hosts: usize, names: u32) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, hosts, Conditions::default());
    let attacker = world.add_host(Spec::new(Role::Attacker, SegmentIndex(0)));
    world.boot_all(&all, seconds(1));
    world.apply(Fault::Boot(attacker, Memory::Cold));
    world.run_for(seconds(30))?;
    let before: Vec<_> = all.iter().map(|host| world.tally(*host)).collect();
    world.apply(Fault::Storm(attacker, 10_000, seconds(10), names));
    world.run_for(seconds(10) + millis(100))?;
    for (host, before) in all.iter().zip(before) {
        let tally = world.tally(*host);
        let sent = tally.multicasts() - before.multicasts();
        assert!(sent <= 12, "{host} sent {sent} packets in 10 s");
        // Probes of the neighbours go on, a question and an answer a second.
        let asked = tally.unicasts() - before.unicasts();
        assert!((20..=26).contains(&asked), "{host} sent {asked} unicast packets in 10 s");
    }
    // The table is full of the attacker's names, and yet nobody of ours is lost or missed.
    let start = world.now();
    world.apply(Fault::Boot(all[0], Memory::Cold));
    world.reach(Goal::known_by_all(all[0]), seconds(2))?;
    world.reach(Goal::knows_all(all[0]), seconds(2).saturating_sub(world.now() - start))?;
    world.run_for(seconds(200))?;
    assert_eq!(world.total().false_downs, 0);
    Ok(())
}

#[test]
fn a2_own_output_is_bounded() -> Result<(), Broken> {
    storm(*seed(1), 4, 1)
}

#[test]
fn a2_own_output_is_bounded_also_under_a_hundred_thousand_names() -> Result<(), Broken> {
    storm(*seed(2), 4, 100_000)
}
