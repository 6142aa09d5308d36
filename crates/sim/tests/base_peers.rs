//! Base peers live among ours: found, kept alive by one searcher of the link, and lost after three rounds.

use kimchi_peers_proto::Kind;
use kimchi_peers_sim::{Broken, Conditions, Fault, Goal, HostIndex, Memory, Program, Role, Spec, World, seconds, seed};

fn mixed(seed: u64, conditions: Conditions) -> (World, Vec<HostIndex>, Vec<HostIndex>) {
    let (mut world, ours) = World::lan(seed, 10, conditions);
    let segment = kimchi_peers_sim::SegmentIndex(0);
    let base: Vec<HostIndex> = (0..3).map(|_| world.add_host(Spec::new(Role::Base, segment))).collect();
    world.boot_all(&ours, seconds(1));
    world.boot_all(&base, seconds(1));
    (world, ours, base)
}

#[test]
fn they_are_found_and_kept_alive_by_one_search_in_30_s() -> Result<(), Broken> {
    let (mut world, ours, base) = mixed(*seed(1), Conditions::default());
    world.run_for(seconds(3))?;
    world.check_at_rest()?;
    world.run_for(seconds(57))?;
    let searches =
        |world: &World| -> u64 { ours.iter().map(|host| world.tally(*host).multicasts_of(Kind::Search)).sum() };
    let before = searches(&world);
    world.run_for(seconds(600))?;
    let rounds = searches(&world) - before;
    assert!((18..=26).contains(&rounds), "{rounds} searches in 600 s");
    assert_eq!(world.total().downs, 0);
    for host in base {
        let known = match &world.host(host).expect("a host").program {
            Program::Base(base) => base.known.len(),
            Program::None | Program::Extended(_) | Program::Naive(_) => 0,
        };
        assert_eq!(known, 12, "a base peer reads all that we say");
    }
    world.check_at_rest()
}

#[test]
fn a_dead_one_is_lost_after_three_rounds() -> Result<(), Broken> {
    let (mut world, _, base) = mixed(*seed(2), Conditions::default());
    world.run_for(seconds(60))?;
    world.apply(Fault::Crash(base[0]));
    world.run_for(seconds(60))?;
    assert_eq!(world.total().downs, 0, "two rounds are not three");
    world.reach(Goal::known_by_all(base[0]), seconds(40))?;
    assert_eq!(world.total().downs, 10);
    world.check_at_rest()?;
    world.apply(Fault::Boot(base[0], Memory::Cold));
    world.reach(Goal::known_by_all(base[0]), seconds(1))?;
    world.check_at_rest()
}

#[test]
fn the_next_one_asks_when_the_searcher_is_gone() -> Result<(), Broken> {
    let (mut world, ours, _) = mixed(*seed(3), Conditions::default());
    world.run_for(seconds(60))?;
    let first = ours.iter().min_by_key(|host| world.host(**host).expect("a host").id).copied();
    world.apply(Fault::Crash(first.expect("a host")));
    world.run_for(seconds(300))?;
    assert_eq!(world.total().false_downs, 0);
    world.check_at_rest()
}

#[test]
fn none_is_lost_in_an_hour_of_loss() -> Result<(), Broken> {
    let (mut world, ..) = mixed(*seed(4), Conditions::lossy(0.05));
    world.run_for(seconds(3600))?;
    assert_eq!(world.total().false_downs, 0);
    Ok(())
}
