//! The wire format against `vectors.txt`, which other implementations can use as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken vector file is a failed test")]

use std::collections::BTreeSet;

use kimchi_peers_proto::{Claim, Claims, DecodeError, Extension, Kind, Message, Pull, Roster};

const VECTORS: &str = include_str!("vectors.txt");

/// One block of the file.
#[derive(Default)]
struct Vector {
    name: String,
    datagram: Vec<u8>,
    /// What the frame and the body make, where both they and `hex` are given.
    framed: Option<Vec<u8>>,
    take: Option<String>,
    extension: Option<String>,
    canonical: bool,
    drop: Option<String>,
}

fn vectors() -> Vec<Vector> {
    let blocks = VECTORS.split("\n\n").filter(|block| block.trim_start().starts_with('='));
    let vectors: Vec<Vector> = blocks.map(vector).collect();
    let names: BTreeSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert_eq!(names.len(), vectors.len(), "two vectors have one name");
    assert_eq!(vectors.len(), VECTORS.lines().filter(|line| line.starts_with("= ")).count());
    vectors
}

fn vector(block: &str) -> Vector {
    let mut vector = Vector::default();
    let mut hex = None;
    let mut frame = "big lf".to_owned();
    for line in block.trim_matches('\n').split('\n') {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "=" => vector.name = rest.to_owned(),
            "hex" => hex = Some(bytes_of(rest)),
            "frame" => frame = rest.to_owned(),
            "body" => vector.framed = Some(framed(&frame, rest.as_bytes())),
            "take" => vector.take = Some(rest.to_owned()),
            "kp" => vector.extension = Some(rest.to_owned()),
            "canonical" => vector.canonical = true,
            "drop" => vector.drop = Some(rest.to_owned()),
            other => panic!("{other} is no word of the vectors"),
        }
    }
    vector.datagram = hex.or_else(|| vector.framed.clone()).expect("hex or body");
    assert_ne!(vector.take.is_some(), vector.drop.is_some(), "{}: take or drop", vector.name);
    vector
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// The datagram of a body, put together without the codec.
fn framed(frame: &str, body: &[u8]) -> Vec<u8> {
    let (head, tail) = frame.split_once(' ').unwrap();
    let length = u32::try_from(body.len()).unwrap();
    let head = match head {
        "big" => length.to_be_bytes().to_vec(),
        "little" => length.to_le_bytes().to_vec(),
        digits => digits.as_bytes().to_vec(),
    };
    let tail: &[u8] = if tail == "crlf" { b"\r\n" } else { b"\n" };
    [&head, body, tail].concat()
}

fn summary(message: &Message) -> String {
    let info = &message.info;
    let kind = message.kind.as_str();
    format!("{kind} {} {} {} {}", info.name, info.address, info.http_port, info.https_port)
}

fn extension_summary(extension: &Extension) -> String {
    let Extension { id, epoch, sequence, time_to_live, target, nonce, echo, previous_address, facts, .. } = extension;
    let mut words = vec![format!("id={id} epoch={epoch} seq={sequence} ttl={time_to_live}")];
    words.extend(target.map(|target| format!("target={target}")));
    words.extend(nonce.map(|nonce| format!("nonce={:016x}", nonce.0)));
    words.extend(echo.map(|echo| format!("echo={:016x}", echo.0)));
    words.extend(previous_address.map(|address| format!("was={address}")));
    words.extend(extension.digest.map(|digest| format!("dig={digest}")));
    words.extend(extension.hears.as_ref().map(|hears| format!("hears={hears}")));
    let facts = [
        ("version", &facts.version),
        ("root", &facts.server_root),
        ("arch", &facts.architecture),
        ("hyp", &facts.hypervisor),
    ];
    words.extend(facts.iter().filter_map(|(name, fact)| fact.as_ref().map(|fact| format!("{name}={fact}"))));
    words.extend(extension.certificate.map(|hash| format!("cert={hash}")));
    words.extend(extension.pull.iter().map(|pull| pull_summary(pull)));
    words.extend(extension.roster.iter().map(|roster| roster_summary(roster)));
    words.extend(extension.claims.iter().map(|claims| claims_summary(claims)));
    words
        .extend(extension.absence.iter().map(|absence| format!("away={} why={}", absence.seconds(), absence.reason())));
    words.join(" ")
}

/// The hashes that are not zero, and where to go on.
fn pull_summary(pull: &Pull) -> String {
    let told = pull.hashes.0.iter().enumerate().filter(|(_, hash)| **hash != 0);
    let hashes: Vec<String> = told.map(|(bucket, hash)| format!("{bucket}:{hash:08x}")).collect();
    let after = pull.after.map(|after| format!(" from={after}")).unwrap_or_default();
    format!("hashes={}{after}", hashes.join("/"))
}

fn claims_summary(claims: &Claims) -> String {
    let lists = [("suspect", &claims.suspect), ("dead", &claims.dead), ("heard", &claims.heard)];
    let told = lists.iter().filter(|(_, list)| !list.is_empty());
    let list = |list: &[Claim]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join("/");
    told.map(|(name, claims)| format!("{name}={}", list(claims))).collect::<Vec<_>>().join(" ")
}

fn roster_summary(roster: &Roster) -> String {
    let entries: Vec<String> = roster.entries.iter().map(ToString::to_string).collect();
    let next = roster.next.map(|next| format!(" next={next}")).unwrap_or_default();
    let after = roster.after.map(|after| format!(" from={after}")).unwrap_or_default();
    format!("same={:016x}{after} roster={}{next}", roster.same, entries.join(" "))
}

#[test]
fn every_vector_is_read_as_it_says() {
    for vector in vectors() {
        let name = &vector.name;
        let read = Message::decode(&vector.datagram);
        match (&vector.take, &read) {
            (Some(take), Ok(message)) => {
                assert_eq!(&summary(message), take, "{name}");
                let extension = message.info.extension.as_ref().map(extension_summary);
                assert_eq!(extension, vector.extension, "{name}");
            }
            (Some(_), Err(error)) => panic!("{name}: {error}"),
            (None, read) => {
                assert_eq!(read.as_ref().err().map(|error| error.cause()), vector.drop.as_deref(), "{name}");
            }
        }
    }
}

#[test]
fn canonical_vectors_are_written_byte_for_byte() {
    let canonical: Vec<Vector> = vectors().into_iter().filter(|vector| vector.canonical).collect();
    assert!(canonical.len() >= 6);
    for vector in canonical {
        let message = Message::decode(&vector.datagram).unwrap();
        assert_eq!(message.encode(), vector.datagram, "{}", vector.name);
        if let Some(framed) = &vector.framed {
            assert_eq!(framed, &vector.datagram, "{}: hex and body differ", vector.name);
        }
    }
}

#[test]
fn only_canonical_vectors_are_written_as_they_came() {
    for vector in vectors().into_iter().filter(|vector| vector.take.is_some() && !vector.canonical) {
        let message = Message::decode(&vector.datagram).unwrap();
        let canonical = message.encode();
        assert_ne!(canonical, vector.datagram, "{} is canonical and does not say so", vector.name);
        assert_eq!(Message::decode(&canonical).as_ref(), Ok(&message), "{}", vector.name);
    }
}

#[test]
fn the_vectors_reach_every_kind_and_every_cause() {
    let vectors = vectors();
    for kind in Kind::ALL {
        let told = |vector: &Vector| vector.take.as_ref().is_some_and(|take| take.starts_with(kind.as_str()));
        assert!(vectors.iter().any(told), "no vector is a {}", kind.as_str());
    }
    for error in DecodeError::ALL {
        let dropped = |vector: &Vector| vector.drop.as_deref() == Some(error.cause());
        assert!(vectors.iter().any(dropped), "no vector is dropped for {}", error.cause());
    }
}

#[test]
fn one_message_is_written_as_the_literal_bytes() {
    let body = r#"{"search":{"domain":"kimchi-host1","IP":"192.168.0.3","httpport":"8000","httpsport":"8001"}}"#;
    let message = Message::decode(format!("94{body}  \n").as_bytes()).unwrap();
    assert_eq!(message.encode(), format!("\0\0\0\x5c{body}\n").as_bytes());
}
