//! Each format to the byte, and rows that must not leave in any of them.

use serde_json::{Value, json};

use super::*;
use crate::client::tests::{peer, remote};
use crate::view::{CertificateState, PeerState, PeerView, Trust};

/// A peer of IPv4 with facts, one of IPv6, and one that was added by hand and never reached.
fn sample() -> Vec<PeerView> {
    let mut known = peer("kvm-1", "10.0.0.1");
    known.trust = Trust::Pinned;
    known.facts = [("version", "0.1.0"), ("architecture", "x86_64"), ("hypervisor", "kvm"), ("server_root", "/wok")]
        .map(|(name, fact)| (name.to_owned(), fact.to_owned()))
        .into();
    let mut six = peer("kvm-2.example.org", "2001:db8::2");
    six.https_port = 443;
    six.url = "https://[2001:db8::2]:443/wok".to_owned();
    vec![known, six, remote("lab.example.org")]
}

/// The text of every format.
fn all(peers: &[PeerView]) -> [(&'static str, String); 7] {
    let destinations = destinations(peers);
    [
        ("ansible", ansible::inventory(&destinations).to_string()),
        ("prometheus", serde_json::to_string(&prometheus::groups(&destinations, None)).unwrap()),
        ("ssh-config", ssh_config::blocks(&destinations)),
        ("hosts", hosts::lines(&destinations)),
        ("names", hosts::names(&destinations)),
        ("libvirt", libvirt::uris(&destinations)),
        ("cockpit", cockpit::machines(&destinations)),
    ]
}

#[test]
fn lines_are_as_the_tools_read_them() {
    let destinations = destinations(&sample());
    assert_eq!(
        ssh_config::blocks(&destinations),
        "Host kvm-1\n    HostName 10.0.0.1\n    HostKeyAlias kvm-1\n\
         Host kvm-2.example.org\n    HostName 2001:db8::2\n    HostKeyAlias kvm-2.example.org\n\
         Host lab.example.org\n    HostName lab.example.org\n    HostKeyAlias lab.example.org\n"
    );
    assert_eq!(hosts::lines(&destinations), "10.0.0.1 kvm-1\n2001:db8::2 kvm-2.example.org\n");
    assert_eq!(
        libvirt::uris(&destinations),
        "qemu+ssh://10.0.0.1/system\nqemu+ssh://[2001:db8::2]/system\nqemu+ssh://lab.example.org/system\n"
    );
}

#[test]
fn prometheus_gets_one_group_for_each() {
    let destinations = destinations(&sample());
    let groups = serde_json::to_value(prometheus::groups(&destinations, None)).unwrap();
    let labels = |name: &str, state: &str, origin: &str, trust: &str, address: &str| {
        json!({
            "__meta_kimchi_name": name, "__meta_kimchi_state": state, "__meta_kimchi_origin": origin,
            "__meta_kimchi_trust": trust, "__meta_kimchi_address": address,
        })
    };
    let expected = json!([
        { "targets": ["10.0.0.1:8001"], "labels": labels("kvm-1", "up", "local", "pinned", "10.0.0.1") },
        { "targets": ["[2001:db8::2]:443"],
          "labels": labels("kvm-2.example.org", "up", "local", "unsigned", "2001:db8::2") },
        { "targets": ["lab.example.org:8001"],
          "labels": labels("lab.example.org", "unknown", "remote", "unsigned", "lab.example.org") },
    ]);
    assert_eq!(groups, expected);
    let groups = serde_json::to_value(prometheus::groups(&destinations, Some(9100))).unwrap();
    let ports: Vec<&str> =
        groups.as_array().unwrap().iter().map(|group| group["targets"][0].as_str().unwrap()).collect();
    assert_eq!(ports, ["10.0.0.1:9100", "[2001:db8::2]:9100", "lab.example.org:9100"]);
    assert_eq!(serde_json::to_string(&prometheus::groups(&[], None)).unwrap(), "[]");
}

#[test]
fn ansible_gets_hosts_groups_and_variables() {
    let destinations = destinations(&sample());
    let inventory = ansible::inventory(&destinations);
    let first = json!({
        "ansible_host": "10.0.0.1", "kimchi_url": "https://10.0.0.1:8001", "kimchi_https_port": 8001,
        "kimchi_origin": "local", "kimchi_state": "up", "kimchi_trust": "pinned", "kimchi_version": "0.1.0",
        "kimchi_architecture": "x86_64", "kimchi_hypervisor": "kvm",
    });
    assert_eq!(inventory["_meta"]["hostvars"]["kvm-1"], first);
    assert_eq!(ansible::host(&destinations, "KVM-1"), first);
    assert_eq!(ansible::host(&destinations, "nobody"), json!({}));
    assert_eq!(inventory["_meta"]["hostvars"]["kvm-2.example.org"]["kimchi_url"], "https://[2001:db8::2]:443/wok");
    assert_eq!(inventory["kimchi_peers"]["hosts"], json!(["kvm-1", "kvm-2.example.org", "lab.example.org"]));
    assert_eq!(inventory["kimchi_architecture_x86_64"]["hosts"], json!(["kvm-1"]));
    assert_eq!(inventory["kimchi_origin_remote"]["hosts"], json!(["lab.example.org"]));
    let children: Vec<&str> =
        inventory["all"]["children"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        inventory
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| key.starts_with("kimchi"))
            .all(|key| children.contains(&key.as_str()))
    );
    let empty = json!({ "_meta": { "hostvars": {} }, "all": { "children": ["ungrouped", "kimchi_peers"] }, "kimchi_peers": { "hosts": [] } });
    assert_eq!(ansible::inventory(&[]), empty);
}

#[test]
fn no_row_leaves_that_is_in_conflict_or_could_be_another_host() {
    let mut conflict = peer("kvm-9", "10.0.0.9");
    conflict.trust = Trust::Conflict;
    let mut nowhere = peer("kvm-9", "10.0.0.9");
    nowhere.addresses.clear();
    let mut rows = vec![conflict, nowhere];
    for name in [
        "",
        "kvm 9",
        "kvm-9\nHost *",
        "kvm-9 *",
        "{{ lookup('pipe', 'id') }}",
        "kvm-9\\",
        "\"",
        "*",
        "!kvm-9",
        "[a:b]",
        "<script>",
        "$(id)",
        "`id`",
        "kvm-9#",
        "a,b",
        "kvm-9\u{0}",
        "\u{202e}9-mvk",
        "größe",
        "-oProxyCommand=id",
        "-o",
        "localhost",
        "LOCALHOST",
        "localhost4",
        "ip6-localhost",
        "localhost.localdomain",
        "evil.localhost",
        "127.0.0.1",
        "2130706433",
        "0x7f.0x1",
        "10.1",
        &"a".repeat(64),
    ] {
        rows.push(peer(name, "10.0.0.9"));
    }
    for address in ["", "10.0.0.9 evil", "fe80::9", "0.0.0.0", "::", "224.0.0.1", "10.0.0.9;id", "10.0.0.9\n", "kvm-9"]
    {
        rows.push(peer("kvm-9", address));
    }
    for host in ["-oProxyCommand=id", "evil/../..", "a b", "localhost", "[fe80::1]", "127.1", "user@host", "x\nHost *"]
    {
        rows.push(remote(host));
    }
    assert_eq!(destinations(&rows), []);
    for (format, text) in all(&rows) {
        assert!(!text.contains("10.0.0.9") && !text.contains("kvm-9"), "{format}: {text}");
    }
}

#[test]
fn one_that_was_added_by_its_address_leaves_without_a_name() {
    let mut six = remote("2001:db8::7");
    six.id = "[2001:db8::7]:8001".to_owned();
    let destinations = destinations(&[remote("192.0.2.7"), six]);
    assert_eq!((ssh_config::blocks(&destinations), hosts::lines(&destinations)), (String::new(), String::new()));
    assert_eq!(libvirt::uris(&destinations), "qemu+ssh://192.0.2.7/system\nqemu+ssh://[2001:db8::7]/system\n");
    assert_eq!(ansible::inventory(&destinations)["kimchi_peers"]["hosts"], json!(["192.0.2.7", "2001:db8::7"]));
}

#[test]
fn a_fact_that_is_none_is_left_out() {
    let mut hostile = peer("kvm-1", "10.0.0.1");
    for fact in ["version", "architecture", "hypervisor"] {
        hostile.facts.insert(fact.to_owned(), "{{ 7 * 7 }}".to_owned());
    }
    hostile.url = "https://10.0.0.1:8001/{{ 7 * 7 }}".to_owned();
    for (format, text) in all(&[hostile]) {
        assert!(!text.contains("{{") && !text.contains("7 * 7"), "{format}: {text}");
    }
}

#[test]
fn of_two_with_one_name_the_local_one_stays() {
    let rows = [remote("kvm-1"), peer("kvm-1", "10.0.0.1"), peer("KVM-1", "10.0.0.2"), remote("lab")];
    let left: Vec<String> = destinations(&rows).iter().map(|each| each.host.to_string()).collect();
    assert_eq!(left, ["10.0.0.1", "lab"]);
}

#[test]
fn an_address_that_works_off_the_link_goes_before_one_that_does_not() {
    let mut both = peer("kvm-1", "fe80::1");
    both.addresses.push("2001:db8::1".to_owned());
    assert_eq!(hosts::lines(&destinations(&[both])), "2001:db8::1 kvm-1\n");
    let mut reached = remote("lab.example.org");
    reached.addresses.push("192.0.2.7".to_owned());
    reached.state = PeerState::Up;
    assert_eq!(hosts::lines(&destinations(&[reached])), "192.0.2.7 lab.example.org\n");
}

#[test]
fn cockpit_gets_its_file_and_no_other_is_touched() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("50-kimchi-peers.json");
    let text = cockpit::machines(&destinations(&sample()));
    let read: Value = serde_json::from_str(&text).unwrap();
    let first = json!({ "address": "10.0.0.1", "label": "kvm-1", "visible": true, "source": "kimchi-peers" });
    assert_eq!((read.as_object().unwrap().len(), &read["kvm-1"]), (3, &first));
    assert!(cockpit::write(&path, &text).unwrap() && !cockpit::write(&path, &text).unwrap());
    let none = cockpit::machines(&[]);
    assert!(cockpit::write(&path, &none).unwrap() && cockpit::write(&path, &text).unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    for foreign in ["{\"web\": {\"address\": \"10.0.0.7\", \"visible\": true}}", "not JSON", "[]", "7", "{\"a\": 1}"] {
        let others = place.path().join("99-webui.json");
        std::fs::write(&others, foreign).unwrap();
        assert!(matches!(cockpit::write(&others, &text), Err(cockpit::CockpitError::Foreign(_))), "{foreign}");
        assert_eq!(std::fs::read_to_string(&others).unwrap(), foreign);
    }
    let nowhere = place.path().join("no/such.json");
    assert!(matches!(cockpit::write(&nowhere, &text), Err(cockpit::CockpitError::NoDirectory(_))));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "no half-written file is left");
}

#[test]
fn a_console_with_another_certificate_is_no_link() {
    let mut changed = peer("kvm-1", "10.0.0.1");
    assert!(ansible::inventory(&destinations(&[changed.clone()])).to_string().contains("kimchi_url"));
    changed.certificate_state = CertificateState::Changed;
    let destinations = destinations(&[changed]);
    assert!(!ansible::inventory(&destinations).to_string().contains("kimchi_url"));
    // The host itself is reached by other keys than that of its console.
    assert!(ssh_config::blocks(&destinations).contains("HostName 10.0.0.1"));
}
