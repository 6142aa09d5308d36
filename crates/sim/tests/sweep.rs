//! Many seeds of random faults: no promise is broken on the way, and all is well in the end.

use kimchi_peers_sim::{
    Broken, Conditions, Fault, Forgery, Goal, HostIndex, Memory, Reordering, Role, SegmentIndex, Spec, World, millis,
    seconds, seed,
};

const LAN: SegmentIndex = SegmentIndex(0);

fn fault(random: &mut fastrand::Rng, ours: &[HostIndex], attacker: HostIndex) -> Fault {
    let host = ours[random.usize(..ours.len())];
    let other = ours[random.usize(..ours.len())];
    let pause = millis(random.u64(100..60_000));
    match random.u32(0..18) {
        0 | 1 => Fault::Crash(host),
        2 | 3 => Fault::Boot(host, Memory::Warm),
        4 => Fault::Boot(host, Memory::Cold),
        5 => Fault::Quit(host),
        6 => Fault::Suspend(host, pause),
        7 => Fault::Stop(host, pause),
        8 => Fault::Slow(host, millis(random.u64(0..3_000))),
        9 => Fault::ClockJump(host, pause),
        10 => Fault::Partition(LAN, ours[..random.usize(..ours.len())].to_vec()),
        11 => Fault::Heal(LAN),
        12 => Fault::OneWay(LAN, host, other),
        13 => Fault::Flap(host, 2, random.u32(1..5), millis(random.u64(50..5_000))),
        14 => Fault::ForgedQuit(attacker, host, Forgery::Plain),
        15 => Fault::Weather(LAN, Conditions::lossy(random.f64() * 0.3)),
        16 => {
            let reordering = Some(Reordering { chance: 0.3, delay: millis(random.u64(1..3_000)) });
            Fault::Weather(LAN, Conditions { reordering, ..Conditions::default() })
        }
        _ => Fault::Storm(attacker, 200, seconds(2), 3),
    }
}

fn sweep(seed: u64) -> Result<(), Broken> {
    let (mut world, mut all) = World::lan(seed, 10, Conditions::default());
    let attacker = world.add_host(Spec::new(Role::Attacker, LAN));
    all.extend((0..2).map(|_| world.add_host(Spec::new(Role::Base, LAN))));
    world.boot_all(&all, seconds(5));
    world.apply(Fault::Boot(attacker, Memory::Cold));
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..40 {
        let fault = fault(&mut random, &all, attacker);
        world.after(millis(random.u64(0..600_000)), fault);
    }
    world.run_for(seconds(700))?;
    // The weather clears, the cables are mended, and time heals the rest.
    world.apply(Fault::Weather(LAN, Conditions::default()));
    world.apply(Fault::Heal(LAN));
    for host in &all {
        world.apply(Fault::Slow(*host, millis(0)));
        world.apply(Fault::Link(*host, 2, true));
    }
    world.run_for(seconds(120))?;
    world.reach(Goal::everybody(), seconds(1))?;
    world.run_for(seconds(300))?;
    world.reach(Goal::everybody(), seconds(1)).map(drop)
}

#[test]
fn all_is_well_in_the_end() -> Result<(), Broken> {
    let first = seed(100);
    for seed in *first..*first + 20 {
        sweep(seed)?;
    }
    Ok(())
}
