//! Far more hosts than their processors can carry: they are late, and do not make it worse.

use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, Memory, World, millis, seconds, seed};

/// Hosts that start 20 ms apart on two processors, on which each thing they do takes 0.2 ms; multicast packets a host until all
/// know all.
fn start(seed: u64, hosts: usize) -> Result<f64, Broken> {
    let (mut world, all) = World::lan(seed, hosts, Conditions::default());
    world.crowd(2, millis(1) / 5);
    for host in &all {
        world.apply(Fault::Boot(*host, Memory::Cold));
        world.run_for(millis(20))?;
    }
    world.reach(Goal::everybody(), seconds(20))?;
    let multicasts = world.total().multicasts() as f64 / hosts as f64;
    world.run_for(seconds(15))?;
    world.reach(Goal::everybody(), seconds(10))?;
    assert_eq!(world.total().false_downs, 0);
    Ok(multicasts)
}

/// Each of them answered what another had answered long ago: 12 packets a host at 100 hosts, 51 at 200.
#[test]
fn who_is_late_reads_what_others_said_before_it_speaks() -> Result<(), Broken> {
    for (hosts, most) in [(100, 4.0), (200, 5.0)] {
        let multicasts = start(*seed(1), hosts)?;
        assert!(multicasts <= most, "{multicasts:.1} multicast packets a host of {hosts}");
    }
    Ok(())
}
