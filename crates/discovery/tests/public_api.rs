//! The public interface of the library, as its users see it, is what the golden file says; a change of it is meant.
//!
//! `UPDATE_PUBLIC_API=1 cargo test -p kimchi-peers --test public_api` writes the file anew: read the difference, and tell of it in
//! the changelog.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]
#![allow(clippy::wildcard_enum_match_arm, reason = "of all that Rust has, few things are part of an interface")]

#[path = "public_api/foreign.rs"]
mod foreign;
#[path = "public_api/named.rs"]
mod named;
#[path = "public_api/sources.rs"]
mod sources;
#[path = "public_api/surface.rs"]
mod surface;

use std::path::{Path, PathBuf};

use sources::Crate;

fn manifest_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The crates whose items a user of the library gets to see.
fn crates() -> [Crate; 2] {
    let read =
        |name: &'static str, directory: &str| Crate::read(name, &manifest_directory().join(directory).join("src"));
    [read("kimchi_peers", "."), read("kimchi_peers_proto", "../proto")]
}

#[test]
fn the_public_interface_is_the_one_that_was_agreed_on() {
    let [library, engine] = crates();
    let surface = surface::of(&library, &engine);
    let golden = manifest_directory().join("public-api.txt");
    if std::env::var_os("UPDATE_PUBLIC_API").is_some() {
        std::fs::write(&golden, &surface).unwrap();
    }
    let agreed = std::fs::read_to_string(&golden).unwrap();
    let (new, old): (Vec<&str>, Vec<&str>) = (surface.lines().collect(), agreed.lines().collect());
    let first = new.iter().zip(&old).position(|(new, old)| new != old).unwrap_or_else(|| new.len().min(old.len()));
    assert!(
        new == old,
        "line {}: the interface has {:?}, public-api.txt has {:?}; if that is meant: UPDATE_PUBLIC_API=1",
        first + 1,
        new.get(first),
        old.get(first)
    );
}

#[test]
fn no_type_of_another_crate_is_in_it() {
    let [library, engine] = crates();
    let foreign: Vec<String> = surface::items(&library, &engine).iter().flat_map(foreign::of).collect();
    assert!(foreign.is_empty(), "a user would depend on {foreign:?}");
}

#[test]
fn every_type_of_it_can_be_named() {
    let [library, engine] = crates();
    let missing = named::missing(&surface::items(&library, &engine));
    assert!(missing.is_empty(), "a user cannot write a function that takes {missing:?}");
}
