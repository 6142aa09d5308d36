//! The same seed gives the same bytes.

use kimchi_peers_sim::{Broken, Conditions, Digest, Fault, Memory, Reordering, Trace, World, seconds, seed};

fn run(seed: u64) -> Result<Digest, Broken> {
    let reordering = Some(Reordering { chance: 0.1, delay: seconds(2) });
    let (mut world, all) = World::lan(seed, 30, Conditions { reordering, ..Conditions::lossy(0.1) });
    world.trace = Trace::digest();
    world.boot_all(&all, seconds(1));
    world.after(seconds(30), Fault::HalfPowerCut);
    world.after(seconds(90), Fault::Boot(all[0], Memory::Warm));
    world.run_for(seconds(120))?;
    let Trace::Digest(digest) = world.trace else { unreachable!("set above") };
    Ok(digest)
}

#[test]
fn the_same_seed_gives_the_same_bytes() -> Result<(), Broken> {
    let seed = seed(1);
    let first = run(*seed)?;
    assert!(first.lines > 1000, "{first:?}");
    assert_eq!(run(*seed)?, first);
    assert_ne!(run(*seed + 1)?, first);
    Ok(())
}
