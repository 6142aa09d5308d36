//! What a reload puts in force, and what it does not.

use super::*;
use crate::settings::load::Change;

const BEFORE: &str = "\
name = \"a\"\ninterfaces = [\"br0\"]\nipv6 = \"always\"\ngroup = \"239.0.0.1\"\nport = 1\nhttp_port = 2\nhttps_port = 3
server_root = \"/a\"\nhypervisor = \"kvm\"\nconsole_cert = \"/c\"\nstate_dir = \"/a\"\napi = [\"localhost:1\"]\napi_group = \"a\"
tls = \"self-signed\"\ntls_cert = \"/c\"\ntls_key = \"/k\"
allowed_hosts = [\"a\"]\nlog = \"warn\"\n";
const AFTER: &str = "\
# moved\nname = \"b\"\ninterfaces = []\nipv6 = \"never\"\ngroup = \"239.0.0.2\"\nport = 11\nhttp_port = 12
https_port = 13\nserver_root = \"/b\"\nhypervisor = \"xen\"\nconsole_cert = \"/d\"\nstate_dir = \"/b\"\napi = [\"localhost:2\"]
api_group = \"b\"\ntls = \"\"\ntls_cert = \"/d\"\ntls_key = \"/l\"\nallowed_hosts = [\"b\"]\nlog = \"info\"\n";

const RELOADABLE: [&str; 9] = [
    "name",
    "interfaces",
    "http_port",
    "https_port",
    "server_root",
    "hypervisor",
    "console_cert",
    "allowed_hosts",
    "log",
];
const FIXED: [&str; 9] = ["ipv6", "group", "port", "state_dir", "api", "api_group", "tls", "tls_cert", "tls_key"];

#[test]
fn each_key_is_put_in_force_or_waits_for_a_restart() {
    let host = Host::new().file(BEFORE);
    let old = host.loaded();
    let host = host.file(AFTER);
    let new = host.loaded();
    let reload = old.reload_in(&host.surroundings).unwrap();
    assert_eq!(reload.changed.iter().map(|change| change.key).collect::<Vec<_>>(), RELOADABLE);
    assert_eq!(reload.needs_restart, FIXED);
    for key in Key::ALL {
        let expected = if RELOADABLE.contains(&key.name()) { &new } else { &old };
        assert_eq!(shown(&reload.loaded, key), shown(expected, key), "{key:?}");
    }
    let name = Change { key: "name", before: "a".to_owned(), after: "b".to_owned() };
    assert!(reload.changed.contains(&name));
}

#[test]
fn what_waits_for_a_restart_is_named_again_until_it_is_taken_back() {
    let host = Host::new().file("port = 1");
    let first = host.loaded();
    let host = host.file("port = 2");
    let second = first.reload_in(&host.surroundings).unwrap();
    let third = second.loaded.reload_in(&host.surroundings).unwrap();
    assert_eq!((second.needs_restart, third.needs_restart), (vec!["port"], vec!["port"]));
    assert_eq!(third.loaded.settings.port, 1);
    let host = host.file("port = 1");
    assert!(third.loaded.reload_in(&host.surroundings).unwrap().needs_restart.is_empty());
}

#[test]
fn nothing_changes_without_a_change() {
    let host = Host::new().file(BEFORE);
    let loaded = host.loaded();
    let reload = loaded.reload_in(&host.surroundings).unwrap();
    assert_eq!(reload.loaded.settings, loaded.settings);
    assert!(reload.changed.is_empty() && reload.needs_restart.is_empty());
    let host = Host::new();
    let reload = host.loaded().reload_in(&host.surroundings).unwrap();
    assert!(reload.changed.is_empty() && reload.needs_restart.is_empty());
}

#[test]
fn an_error_leaves_the_old_in_force() {
    let host = Host::new().file("name = \"a\"\nlog = \"warn\"");
    let loaded = host.loaded();
    let before = loaded.settings.clone();
    let host = host.file("name = \"b\"\nlog = \"loud\"");
    assert!(loaded.reload_in(&host.surroundings).is_err());
    assert_eq!(loaded.settings, before);
}

#[test]
fn flags_stay_and_the_usual_file_may_come_and_go() {
    let host = Host::new().flag(|run, _| run.name = Some("flag".to_owned()));
    let loaded = host.loaded();
    let host = host.file("name = \"file\"\nlog = \"debug\"");
    let reload = loaded.reload_in(&host.surroundings).unwrap();
    assert_eq!(reload.loaded.settings.name, "flag");
    assert_eq!(reload.changed.iter().map(|change| change.key).collect::<Vec<_>>(), ["log"]);
    assert_eq!(reload.loaded.file, Some(host.path()));
    std::fs::remove_file(host.path()).unwrap();
    let reload = reload.loaded.reload_in(&host.surroundings).unwrap();
    assert_eq!((reload.changed.len(), reload.loaded.file), (1, None));
}

#[test]
fn a_new_host_name_is_taken_over() {
    let host = Host::new();
    let loaded = host.loaded();
    let reload = loaded.reload_in(&host.named("kvm-2").surroundings).unwrap();
    assert_eq!(reload.loaded.settings.name, "kvm-2");
}
