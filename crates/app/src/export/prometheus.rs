//! Targets of Prometheus, for its HTTP and its file service discovery: one group for each peer.

use serde::Serialize;

use crate::export::Destination;

/// One peer as Prometheus reads it. The labels are for `relabel_configs`; it drops them afterwards by itself.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    targets: [String; 1],
    labels: Labels,
}

#[derive(Debug, Serialize)]
struct Labels {
    #[serde(rename = "__meta_kimchi_name")]
    name: String,
    #[serde(rename = "__meta_kimchi_state")]
    state: &'static str,
    #[serde(rename = "__meta_kimchi_origin")]
    origin: &'static str,
    #[serde(rename = "__meta_kimchi_trust")]
    trust: &'static str,
    #[serde(rename = "__meta_kimchi_address")]
    address: String,
}

/// The groups; every target has this port, or that of its console.
pub(crate) fn groups(destinations: &[Destination], port: Option<u16>) -> Vec<Group> {
    let group = |each: &Destination| Group {
        targets: [format!("{}:{}", each.host.bracketed(), port.unwrap_or(each.https_port))],
        labels: Labels {
            name: each.label.clone(),
            state: each.state,
            origin: each.origin.as_str(),
            trust: each.trust.as_str(),
            address: each.host.to_string(),
        },
    };
    destinations.iter().map(group).collect()
}
