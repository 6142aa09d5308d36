//! The dissector for Wireshark reads what hosts read, and marks what they drop, by the test vectors of the protocol; and it reads a
//! recorded network.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "daemon/skipped.rs"]
#[allow(dead_code, reason = "shared with the tests of the daemon, which use more of it")]
mod skipped;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use skipped::not_tested;

const VECTORS: &str = include_str!("../../proto/tests/vectors.txt");
const PROTOCOL: &str = include_str!("../../../docs/PROTOCOL.md");
/// What the dissector shows of a datagram, in this order.
const FIELDS: [&str; 7] = ["kind", "domain", "ip", "httpport", "httpsport", "role", "cause"];
/// Causes that lie in the extension, which the dissector shows and does not judge.
const NOT_JUDGED: [&str; 2] = ["extension", "signature_form"];

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/wireshark").join(name)
}

/// The usual fields of each datagram of a capture.
fn dissect(capture: &Path) -> Option<Vec<Vec<String>>> {
    dissect_fields(capture, &FIELDS.map(str::to_owned))
}

/// These fields of each datagram of a capture; `None`, said loudly, where there is no tshark.
fn dissect_fields(capture: &Path, fields: &[String]) -> Option<Vec<Vec<String>>> {
    let mut command = Command::new("tshark");
    command.arg("-X").arg(format!("lua_script:{}", packaging("kimchi-peers.lua").display()));
    command.arg("-r").arg(capture).args(["-T", "fields"]);
    command.args(fields.iter().flat_map(|field| ["-e".to_owned(), format!("kimchi_peers.{field}")]));
    // It writes into the home directory of its user.
    let home = tempfile::tempdir().unwrap();
    let Ok(output) = command.env("HOME", home.path()).output() else {
        not_tested("the dissector: there is no tshark");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("Lua: "), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// A vector: its datagram, and what a host makes of it.
struct Vector {
    name: String,
    bytes: Vec<u8>,
    taken: Option<String>,
    dropped: Option<String>,
}

fn vectors() -> Vec<Vector> {
    let blocks = VECTORS.split("\n= ").skip(1);
    let vectors = blocks.map(|block| {
        let mut lines = block.lines();
        let name = lines.next().unwrap().to_owned();
        let members: BTreeMap<&str, &str> = lines.filter_map(|line| line.split_once(' ')).collect();
        let owned = |member| members.get(member).map(|text: &&str| (*text).to_owned());
        Vector { name, bytes: bytes_of(&members), taken: owned("take"), dropped: owned("drop") }
    });
    // What is no datagram cannot be captured.
    vectors.filter(|vector| !vector.bytes.is_empty()).collect()
}

fn bytes_of(members: &BTreeMap<&str, &str>) -> Vec<u8> {
    if let Some(hex) = members.get("hex") {
        let digit = |index: usize| u8::from_str_radix(&hex[index..index + 2], 16).unwrap();
        return (0..hex.len()).step_by(2).map(digit).collect();
    }
    let body = members["body"].as_bytes();
    let length = u32::try_from(body.len()).unwrap();
    let (head, tail) = members.get("frame").unwrap_or(&"big lf").split_once(' ').unwrap();
    let head = match head {
        "big" => length.to_be_bytes().to_vec(),
        "little" => length.to_le_bytes().to_vec(),
        digits => digits.as_bytes().to_vec(),
    };
    let tail: &[u8] = if tail == "lf" { b"\n" } else { b"\r\n" };
    [&head, body, tail].concat()
}

/// A capture of raw IPv4 packets that carry these payloads to the group.
fn capture_of(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut capture = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65535, 101] {
        capture.extend(word.to_le_bytes());
    }
    for payload in payloads {
        let udp = u16::try_from(payload.len() + 8).unwrap();
        let mut packet = vec![0x45, 0];
        packet.extend((udp + 20).to_be_bytes());
        packet.extend([0, 0, 0, 0, 1, 17, 0, 0, 192, 168, 0, 3, 224, 0, 0, 132]);
        for part in [8000, 8000, udp, 0] {
            packet.extend(part.to_be_bytes());
        }
        packet.extend(payload);
        let length = u32::try_from(packet.len()).unwrap();
        for word in [0, 0, length, length] {
            capture.extend(word.to_le_bytes());
        }
        capture.extend(packet);
    }
    capture
}

/// The members of the extension by the page of the protocol, in its order, each with what its type says.
fn members_of_extension() -> Vec<(&'static str, &'static str)> {
    let (_, rest) = PROTOCOL.split_once("\n## 4. Extension").unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let members = rows.flat_map(|(names, rest)| {
        let what = rest.split(" | ").next().unwrap();
        names.split("`, `").map(move |name| (name, what))
    });
    members.collect()
}

#[test]
fn it_shows_every_member_of_the_document() {
    let members = members_of_extension();
    assert!(members.len() > 28, "{members:?}");
    let texts: Vec<String> = (1..=members.len()).map(|number| number.to_string()).collect();
    let values = members.iter().zip(&texts).map(|((name, what), text)| {
        let value = match what.split(' ').next() {
            Some("integer") => text.clone(),
            Some("array") => format!("[\"{text}\"]"),
            _ => format!("\"{text}\""),
        };
        format!("\"{name}\":{value}")
    });
    let extension = values.collect::<Vec<_>>().join(",");
    let facts = "\"domain\":\"kvm-1\",\"IP\":\"192.168.0.3\",\"httpport\":\"8000\",\"httpsport\":\"8001\"";
    let body = format!("{{\"notify\":{{{facts},\"kp\":{{{extension}}},\"mac\":\"code\",\"sig\":\"proof\"}}}}");
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("members.pcap");
    fs::write(&file, capture_of(&[bytes_of(&BTreeMap::from([("body", body.as_str())]))])).unwrap();
    let mut fields: Vec<String> = members.iter().map(|(name, _)| format!("kp.{name}")).collect();
    fields.extend(["mac", "sig", "cause"].map(str::to_owned));
    let Some(rows) = dissect_fields(&file, &fields) else { return };
    let wanted: Vec<&str> = texts.iter().map(String::as_str).chain(["code", "proof", ""]).collect();
    assert_eq!(rows, [wanted], "{fields:?}");
}

#[test]
fn it_takes_what_hosts_take_and_marks_what_they_drop() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("vectors.pcap");
    let vectors = vectors();
    let payloads: Vec<_> = vectors.iter().map(|vector| vector.bytes.clone()).collect();
    fs::write(&file, capture_of(&payloads)).unwrap();
    let Some(rows) = dissect(&file) else { return };
    assert_eq!(rows.len(), vectors.len());
    let mut judged = 0;
    for (vector, row) in vectors.iter().zip(&rows) {
        let (read, cause) = (row[..5].join(" "), row[6].as_str());
        match (&vector.taken, &vector.dropped) {
            (Some(taken), _) => assert_eq!((&read, cause), (taken, ""), "{}", vector.name),
            (None, Some(dropped)) if NOT_JUDGED.contains(&dropped.as_str()) => {}
            (None, dropped) => assert_eq!(Some(cause), dropped.as_deref(), "{}", vector.name),
        }
        judged += usize::from(!cause.is_empty());
    }
    assert!(judged > 80, "only {judged} were marked");
}

#[test]
fn it_reads_a_network_that_was_recorded() {
    let Some(rows) = dissect(&packaging("sample.pcap")) else { return };
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let what = if row[6].is_empty() { &row[5] } else { &row[6] };
        *count.entry(what).or_default() += 1;
    }
    for (what, least) in [
        ("search", 3),
        ("page", 1),
        ("announcement", 3),
        ("probe", 3),
        ("answer", 3),
        ("suspicion", 1),
        ("verdict", 1),
        ("goodbye", 3),
        ("base", 2),
    ] {
        assert!(count.get(what).is_some_and(|found| *found >= least), "{what}: {count:?}");
    }
    // What is no message was sent twice, on purpose.
    assert_eq!((count["kind"], count["length"]), (1, 1), "{count:?}");
    let names: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row[1].as_str()).filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ["kimchi-host4", "kvm-1", "kvm-2", "kvm-3"].into());
}
