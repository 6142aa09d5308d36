//! The direction of dependencies: an arrow between our crates may never be turned round.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

/// The crates of ours that a manifest names as dependencies.
fn own_dependencies(crate_directory: &str) -> BTreeSet<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(crate_directory).join("Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
    ["dependencies", "build-dependencies", "dev-dependencies"]
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys())
        .filter(|name| name.starts_with("kimchi-peers"))
        .cloned()
        .collect()
}

#[test]
fn arrows_point_one_way() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(own_dependencies("proto"), set(&[]));
    assert_eq!(own_dependencies("discovery"), set(&["kimchi-peers-proto"]));
    assert_eq!(own_dependencies("app"), set(&["kimchi-peers"]));
    assert_eq!(own_dependencies("sim"), set(&["kimchi-peers-proto"]));
}

#[test]
fn the_engine_depends_on_nothing_that_does_input_or_output() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/Cargo.toml");
    let manifest: toml::Table = std::fs::read_to_string(manifest).unwrap().parse().unwrap();
    let dependencies: BTreeSet<&str> =
        manifest["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        dependencies,
        BTreeSet::from(["ed25519-dalek", "fastrand", "hmac", "serde", "serde_json", "sha2", "thiserror", "zeroize"])
    );
}
