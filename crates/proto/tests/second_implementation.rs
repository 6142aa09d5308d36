//! The proof of datagrams against a second implementation, in Python (`tests/python/wire.py`): each checks, and writes anew byte
//! for byte, 10,000 random messages of the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "these are tests throughout, and one that cannot run says so"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kimchi_peers_proto::{
    CertificateHash, Digest, Extension, FactSet, GroupKey, HostSecret, Info, Keyring, Kind, Message, Nonce, Trailer,
};

const MESSAGES: usize = 10_000;

/// A Python that has the package `cryptography`: that of the gate, else the machine's.
fn python() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python");
    let candidates = std::env::var_os("KIMCHI_PEERS_PYTHON").map(PathBuf::from).into_iter();
    candidates.chain([own, "python3".into()]).find(|python| {
        let probe = Command::new(python).args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
        probe.is_ok_and(|status| status.success())
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn keyring(key: Option<[u8; 32]>) -> Keyring {
    let mut keyring = Keyring::default();
    if let Some(key) = key {
        keyring.add(GroupKey::from_bytes(key)).unwrap();
    }
    keyring
}

fn random_line(random: &mut fastrand::Rng) -> String {
    let seed: [u8; 32] = std::array::from_fn(|_| random.u8(..));
    let group: Option<[u8; 32]> = random.bool().then(|| std::array::from_fn(|_| random.u8(..)));
    let (secret, keyring) = (HostSecret::from_bytes(&seed), keyring(group));
    let facts = FactSet {
        version: random.bool().then(|| format!("0.{}", random.u8(..)).parse().unwrap()),
        server_root: random.bool().then(|| "/wok".parse().unwrap()),
        ..FactSet::default()
    };
    let extension = Extension {
        nonce: random.bool().then(|| Nonce(random.u64(..))),
        digest: random.bool().then(|| Digest { sum: random.u64(..), hosts: random.u32(0..100_000) }),
        facts: facts.into(),
        certificate: random.bool().then(|| CertificateHash::from_bytes(std::array::from_fn(|_| random.u8(..)))),
        group: keyring.primary_id(),
        ..Extension::new(secret.id(), (random.u64(1..1 << 53), random.u64(0..1 << 53)), random.u32(0..=86_400))
    };
    let info = Info {
        name: format!("kvm-{}.example", random.u32(..)).parse().unwrap(),
        address: if random.bool() { [10, 0, 0, 9].into() } else { "2001:db8::9".parse().unwrap() },
        http_port: random.u16(1..),
        https_port: random.u16(1..),
        extension: Some(extension),
    };
    let message = Message { kind: Kind::ALL[random.usize(..3)], info };
    let datagram = message.seal(&secret, &keyring);
    let group = group.map_or_else(|| "-".to_owned(), |key| hexadecimal(&key));
    format!("{} {group} {}\n", hexadecimal(&seed), hexadecimal(&datagram))
}

/// Takes a line of the other implementation.
fn check(line: &str, random: &mut fastrand::Rng) {
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap();
    let (seed, group, datagram) = (word(), word(), bytes_of(word()));
    let secret = HostSecret::from_bytes(&bytes_of(seed).try_into().unwrap());
    let keyring = keyring((group != "-").then(|| bytes_of(group).try_into().unwrap()));
    let message = Message::decode(&datagram).unwrap_or_else(|error| panic!("{error}: {line}"));
    let extension = message.info.extension.as_ref().unwrap();
    let trailer = Trailer::of(&datagram).unwrap();
    assert_eq!((extension.id, extension.group), (secret.id(), keyring.primary_id()));
    assert!(trailer.is_signed_by(&extension.id));
    assert_eq!(keyring.primary().is_some_and(|key| trailer.is_of_group(key)), group != "-");
    // What nobody knows is not written again, so only the others come back byte for byte.
    if !String::from_utf8_lossy(&datagram).contains("later") {
        assert_eq!(message.seal(&secret, &keyring), datagram);
    }
    let mut flipped = datagram;
    let bit = random.usize(32..(flipped.len() - 1) * 8);
    flipped[bit / 8] ^= 1 << (bit % 8);
    let taken = Message::decode(&flipped).is_ok_and(|message| {
        let id = message.info.extension.map(|extension| extension.id);
        Trailer::of(&flipped).zip(id).is_some_and(|(trailer, id)| trailer.is_signed_by(&id))
    });
    assert!(!taken, "bit {bit} flipped and taken: {line}");
}

#[test]
fn both_implementations_prove_and_write_the_same() {
    let Some(python) = python() else {
        assert!(std::env::var_os("CI").is_none(), "no Python with the package `cryptography`");
        // Not by the macro, whose words libtest hides where a test passes.
        let what = "the second implementation: no Python with the package `cryptography` (pip install cryptography)";
        let _ = writeln!(std::io::stderr(), "\n!!! NOT TESTED: {what}");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/cross_check.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let mut random = fastrand::Rng::with_seed(1);
    let lines: String = (0..MESSAGES).map(|_| random_line(&mut random)).collect();
    // It reads all before it writes anything, so nobody waits for the other.
    child.stdin.take().unwrap().write_all(lines.as_bytes()).expect("it takes every line; its own words stand above");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "the other implementation refuses ours");
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = text.lines().collect();
    let (last, theirs) = theirs.split_last().unwrap();
    assert_eq!((*last, theirs.len()), ("OK", MESSAGES));
    theirs.iter().for_each(|line| check(line, &mut random));
}
