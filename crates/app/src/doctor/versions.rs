//! Which versions the peers run.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{Facts, Finding};
use crate::output::natural;
use crate::view::PeerState;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    let mut base = 0;
    for peer in daemon.peers.iter().filter(|peer| peer.state == PeerState::Up) {
        match &peer.version {
            Some(version) => *versions.entry(version).or_insert(0) += 1,
            // What was told of by others has not told its facts yet.
            None if peer.extended => {}
            None => base += 1,
        }
    }
    let mut told: Vec<String> =
        versions.iter().map(|(version, count)| format!("{count} of version {version}")).collect();
    if base > 0 {
        told.push(format!("{base} that speak the plain protocol alone"));
    }
    let told = if told.is_empty() { "no peers to compare with".to_owned() } else { told.join(", ") };
    let newer = versions.keys().any(|version| natural(version, &daemon.version) == Ordering::Greater);
    vec![if newer {
        let evidence = format!("this host runs {}, and there are newer ones: {told}", daemon.version);
        Finding::warning("versions", evidence)
    } else {
        Finding::ok("versions", format!("this host runs {}; {told}", daemon.version))
    }]
}
