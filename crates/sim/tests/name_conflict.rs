//! Two hosts of one name.

use kimchi_peers_proto::Conflict;
use kimchi_peers_sim::model::row;
use kimchi_peers_sim::{Broken, Conditions, Fault, World, seconds, seed};

#[test]
fn both_are_listed_and_flagged_until_one_is_renamed() -> Result<(), Broken> {
    let (mut world, all) = World::lan(*seed(1), 10, Conditions::default());
    world.boot_all(&all, seconds(1));
    world.run_for(seconds(30))?;
    world.apply(Fault::Rename(all[1], "kvm-0".parse().expect("a name")));
    world.run_for(seconds(1))?;
    let conflict = |world: &World, lister: usize, listed: usize| {
        row(world, all[lister], all[listed]).and_then(|peer| peer.conflict.as_deref().cloned())
    };
    for lister in 2..10 {
        let other =
            |index: usize| Some(kimchi_peers_proto::PeerKey::Identity(world.host(all[index]).expect("a host").id));
        assert_eq!(conflict(&world, lister, 0), Some(Conflict::Name(other(1))));
        assert_eq!(conflict(&world, lister, 1), Some(Conflict::Name(other(0))));
    }
    assert_eq!(conflict(&world, 0, 1), Some(Conflict::Name(None)));
    assert_eq!(conflict(&world, 1, 0), Some(Conflict::Name(None)));
    world.apply(Fault::Rename(all[1], "kvm-1".parse().expect("a name")));
    world.run_for(seconds(1))?;
    for lister in 0..10 {
        for listed in 0..10 {
            assert_eq!(conflict(&world, lister, listed), None);
        }
    }
    assert_eq!(world.total().downs, 0);
    world.check_at_rest()
}
