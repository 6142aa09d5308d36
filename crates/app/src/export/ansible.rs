//! A dynamic inventory of Ansible: the answers to `--list` and to `--host`.
//!
//! Ansible evaluates what stands between `{{` and `}}` in a variable; no part of a destination can have a brace.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::export::Destination;

/// The group of all peers.
const GROUP: &str = "kimchi_peers";

/// The whole inventory. Besides the group of all peers there is one for each origin, state, class of trust, architecture
/// and hypervisor that occurs.
pub(crate) fn inventory(destinations: &[Destination]) -> Value {
    let mut groups: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for each in destinations {
        for group in groups_of(each) {
            groups.entry(group).or_default().insert(each.label.as_str());
        }
    }
    let of_each: Map<String, Value> = destinations.iter().map(|each| (each.label.clone(), variables(each))).collect();
    let mut children: Vec<&str> = vec!["ungrouped", GROUP];
    children.extend(groups.keys().map(String::as_str));
    let hosts: Vec<&str> = destinations.iter().map(|each| each.label.as_str()).collect();
    let mut inventory = Map::new();
    inventory.insert("_meta".to_owned(), json!({ "hostvars": of_each }));
    inventory.insert("all".to_owned(), json!({ "children": children }));
    inventory.insert(GROUP.to_owned(), json!({ "hosts": hosts }));
    inventory.extend(groups.iter().map(|(group, hosts)| (group.clone(), json!({ "hosts": hosts }))));
    Value::Object(inventory)
}

/// The variables of the host of this name; none of one that is not in the list.
pub(crate) fn host(destinations: &[Destination], name: &str) -> Value {
    let found = destinations.iter().find(|each| each.label.as_str().eq_ignore_ascii_case(name));
    found.map_or_else(|| json!({}), variables)
}

fn variables(each: &Destination) -> Value {
    let mut variables = Map::new();
    variables.insert("ansible_host".to_owned(), json!(each.host.to_string()));
    variables.extend(each.url.iter().map(|url| ("kimchi_url".to_owned(), json!(url))));
    variables.insert("kimchi_https_port".to_owned(), json!(each.https_port));
    variables.insert("kimchi_origin".to_owned(), json!(each.origin.as_str()));
    variables.insert("kimchi_state".to_owned(), json!(each.state));
    variables.insert("kimchi_trust".to_owned(), json!(each.trust.as_str()));
    variables.extend(each.facts.iter().map(|(name, fact)| (format!("kimchi_{name}"), json!(fact.as_str()))));
    Value::Object(variables)
}

fn groups_of(each: &Destination) -> Vec<String> {
    let mut groups = vec![
        format!("kimchi_origin_{}", each.origin.as_str()),
        format!("kimchi_state_{}", each.state),
        format!("kimchi_trust_{}", each.trust.as_str()),
    ];
    for fact in ["architecture", "hypervisor"] {
        groups.extend(each.facts.get(fact).map(|value| format!("kimchi_{fact}_{}", identifier(value.as_str()))));
    }
    groups
}

/// The text as a part of a group's name, which may have letters, digits and underscores.
fn identifier(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}
