//! Somebody says goodbye in another's name.

use kimchi_peers_sim::{
    Broken, Conditions, Fault, Forgery, Goal, Memory, Role, SegmentIndex, Spec, World, seconds, seed,
};

fn forge(seed: u64, forgery: Forgery, most_believers: u64, back_within: u64) -> Result<(), Broken> {
    let (mut world, all) = World::lan(seed, 20, Conditions::default());
    let attacker = world.add_host(Spec::new(Role::Attacker, SegmentIndex(0)));
    world.boot_all(&all, seconds(1));
    world.apply(Fault::Boot(attacker, Memory::Cold));
    world.run_for(seconds(60))?;
    for victim in &all[..5] {
        world.apply(Fault::ForgedQuit(attacker, *victim, forgery));
        world.run_for(kimchi_peers_sim::millis(1))?;
        world.reach(Goal::everybody(), seconds(back_within))?;
        world.run_for(seconds(7))?;
    }
    assert!(world.total().false_goodbyes <= most_believers, "{} believed it", world.total().false_goodbyes);
    world.run_for(seconds(60))?;
    world.check_at_rest()
}

#[test]
fn from_another_address_nobody_believes_it() -> Result<(), Broken> {
    forge(*seed(1), Forgery::Plain, 0, 1)
}

/// The victim's own kernel drops it as martian, so the victim cannot contradict: its next heartbeat does.
#[test]
fn from_the_victims_address_the_next_heartbeat_refutes_it() -> Result<(), Broken> {
    forge(*seed(2), Forgery::Spoofed, 5 * 19, 11)
}
