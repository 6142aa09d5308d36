//! What does not work on this host, in sentences for the operator: each is told once when it begins and once when it ends.

use std::collections::BTreeSet;

use kimchi_peers_proto::Node;
use tracing::{info, warn};

use crate::interfaces::{Selection, Snapshot};
use crate::policy::Choice;

/// Own multicast datagrams that may stay unheard: the kernel loops each back within microseconds, so two in a row say
/// enough, and the third is sent a second after a start.
const UNHEARD_MAX: u32 = 2;

/// What does not work now.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    told: BTreeSet<String>,
    /// What the sentences were made of, so that nothing is done while nothing changes.
    deaf: Vec<u32>,
    name_taken: bool,
}

impl Troubles {
    /// The sentences.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.told.iter().cloned().collect()
    }

    /// Whether the engine tells anything else than it did when the sentences were made. Cheap: asked after each batch.
    pub(crate) fn are_outdated(&self, node: &Node) -> bool {
        self.name_taken != node.is_name_taken() || !deaf_links(node).eq(self.deaf.iter().copied())
    }

    /// Makes the sentences anew, and logs what began and what ended.
    pub(crate) fn review(&mut self, node: &Node, snapshot: &Snapshot, selection: &Selection, sockets: &[String]) {
        self.deaf = deaf_links(node).collect();
        self.name_taken = node.is_name_taken();
        let mut now: BTreeSet<String> = sockets.iter().cloned().collect();
        now.extend(missing(snapshot, selection));
        // Where the port is not ours nothing can be heard, and that is told already.
        if sockets.is_empty() {
            now.extend(deafness(node));
        }
        if self.name_taken {
            let name = &node.profile().name;
            now.insert(format!("another host of the network is called {name} too; give one of the two another name"));
        }
        for began in now.difference(&self.told) {
            warn!("{began}");
        }
        for ended in self.told.difference(&now) {
            info!("no longer: {ended}");
        }
        self.told = now;
    }
}

fn deaf_links(node: &Node) -> impl Iterator<Item = u32> {
    node.links().filter(|link| link.unheard > UNHEARD_MAX).map(|link| link.interface.index)
}

fn deafness(node: &Node) -> impl Iterator<Item = String> {
    node.links().filter(|link| link.unheard > UNHEARD_MAX).map(|link| {
        format!(
            "nothing comes in on {}, not even this host's own multicast; a firewall may drop it: open UDP port 8000 \
             there, for the group and from the link",
            link.interface.name
        )
    })
}

/// Interfaces that were named and cannot be used, or that there is none at all.
fn missing(snapshot: &Snapshot, selection: &Selection) -> Vec<String> {
    let choice_of =
        |name: &String| snapshot.choices.iter().find(|choice| choice.name == *name).map(|found| found.choice);
    let mut sentences: Vec<String> = selection
        .named
        .iter()
        .filter_map(|name| match choice_of(name) {
            Some(Choice::Used) => None,
            Some(choice) => Some(format!("interface {name} cannot be used: {}", choice.as_str())),
            None => {
                let names: Vec<&str> = snapshot.choices.iter().map(|choice| choice.name.as_str()).collect();
                Some(format!("interface {name} does not exist; there are: {}", names.join(", ")))
            }
        })
        .collect();
    if snapshot.used.is_empty() && sentences.is_empty() {
        let reasons: Vec<String> =
            snapshot.choices.iter().map(|choice| format!("{}: {}", choice.name, choice.choice.as_str())).collect();
        sentences.push(format!("no interface to discover on ({})", reasons.join("; ")));
    }
    sentences
}
