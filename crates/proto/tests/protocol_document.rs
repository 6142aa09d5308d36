//! What docs/PROTOCOL.md says is what the code does: its examples, its causes, its numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests throughout")]

use std::time::Duration;

use kimchi_peers_proto::{Config, DATAGRAM_MAX, DecodeError, GROUP_V4, GROUP_V6, Message, PORT, Rate, UNICAST_TTL};

const DOCUMENT: &str = include_str!("../../../docs/PROTOCOL.md");

/// The fenced blocks: what stands behind the fence, and the content.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut parts = DOCUMENT.split("\n```");
    parts.next();
    let parts: Vec<&str> = parts.collect();
    assert!(parts.len().is_multiple_of(2), "a fence is not closed");
    parts.chunks(2).map(|pair| pair[0].split_once('\n').unwrap()).collect()
}

fn framed(body: &str) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes(), body.as_bytes(), b"\n"].concat()
}

/// The bytes of a dump in the form of `hexdump -C`.
fn dumped(dump: &'static str) -> Vec<u8> {
    let digits = |line: &'static str| line.split_once("  ").unwrap().1.split_once('|').unwrap().0.split_whitespace();
    dump.lines().flat_map(digits).map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

#[test]
fn the_examples_are_what_the_codec_writes_and_reads() {
    let mut canonical: Vec<Vec<u8>> = Vec::new();
    let (mut dumps, mut accepted) = (0, 0);
    for (kind, content) in blocks() {
        match kind {
            "json canonical" => {
                let datagram = framed(content);
                assert_eq!(Message::decode(&datagram).unwrap().encode(), datagram, "{content}");
                canonical.push(datagram);
            }
            "json accepted" => {
                let datagram = framed(content);
                assert_ne!(Message::decode(&datagram).unwrap().encode(), datagram, "{content}");
                accepted += 1;
            }
            "hex" => {
                let datagram = dumped(content);
                assert_eq!(Some(&datagram), canonical.last(), "the dump is of the example before it");
                assert!(DOCUMENT.contains(&format!(", {} bytes:", datagram.len())));
                dumps += 1;
            }
            "text" => {}
            other => panic!("{other} is no block that this test knows"),
        }
    }
    assert_eq!((canonical.len(), dumps, accepted), (6, 2, 1));
}

#[test]
fn the_direct_answer_is_no_longer_than_its_question() {
    let bodies: Vec<&str> = blocks().into_iter().map(|(_, content)| content).collect();
    let question = bodies.iter().find(|body| body.contains("nonce")).unwrap();
    let answer = bodies.iter().find(|body| body.contains("echo")).unwrap();
    assert!(answer.len() <= question.len());
}

#[test]
fn every_cause_is_explained() {
    for error in DecodeError::ALL {
        assert!(DOCUMENT.contains(&format!("\n| `{}` | ", error.cause())), "{} is not explained", error.cause());
    }
}

/// A duration in the greatest unit that needs no fraction.
fn written(duration: Duration) -> String {
    let microseconds = duration.as_micros();
    match microseconds {
        whole if whole.is_multiple_of(1_000_000) => format!("{} s", whole / 1_000_000),
        whole if whole.is_multiple_of(1_000) => format!("{} ms", whole / 1_000),
        whole => format!("{whole} µs"),
    }
}

#[test]
fn the_numbers_are_those_of_the_configuration() {
    let config = Config::default();
    let rate = |rate: Rate| format!("{}/s, burst {}", rate.per_second, rate.burst);
    let rows = [
        ("heartbeat", written(config.heartbeat)),
        ("heartbeat_share", written(config.heartbeat_share)),
        ("missed_heartbeats", config.missed_heartbeats.to_string()),
        ("searches", config.searches.map(written).join(", ")),
        ("answer_jitter_share", written(config.answer_jitter_share)),
        ("answer_jitter_max", written(config.answer_jitter_max)),
        ("answer_interval", written(config.answer_interval)),
        ("probe_tries", config.probe_tries.to_string()),
        ("probe_interval", written(config.probe_interval)),
        ("watch_interval", written(config.watch_interval)),
        ("watch_silence", written(config.watch_silence)),
        ("try_interval", written(config.try_interval)),
        ("suspect_after", written(config.suspect_after)),
        ("verdict_after", written(config.verdict_after)),
        ("verdict_doubt", written(config.verdict_doubt)),
        ("refused_after", written(config.refused_after)),
        ("lost_search", written(config.lost_search)),
        ("lost_search_for", written(config.lost_search_for)),
        ("confirm_after", written(config.confirm_after)),
        ("base_search_after", written(config.base_search_after)),
        ("base_search_stagger", written(config.base_search_stagger)),
        ("base_lifetime", written(config.base_lifetime)),
        ("grace", written(config.grace)),
        ("lateness", written(config.lateness)),
        ("forget_after", written(config.forget_after)),
        ("multicast_rate", rate(config.multicast_rate)),
        ("unicast_rate", rate(config.unicast_rate)),
        ("page_rate", rate(config.page_rate)),
        ("peers_max", config.peers_max.to_string()),
        ("base_peers_max", config.base_peers_max.to_string()),
        ("verify_rate", rate(config.verify_rate)),
        ("stranger_rate", rate(config.stranger_rate)),
        ("sender_rate", rate(config.sender_rate)),
        ("source_rate", rate(config.source_rate)),
        ("unproven_max", config.unproven_max.to_string()),
        ("nursery_max", config.nursery_max.to_string()),
        ("nursery_share", config.nursery_share.to_string()),
        ("proven_after", written(config.proven_after)),
    ];
    for (field, value) in rows {
        assert!(DOCUMENT.contains(&format!("\n| `{field}` | {value} | ")), "{field} is {value}");
    }
    for row in [
        format!("| IPv4 group | {GROUP_V4} |"),
        format!("| IPv6 group | {GROUP_V6}, "),
        format!("| UDP port | {PORT}, "),
        format!("| Longest datagram | {DATAGRAM_MAX} bytes, "),
        format!("| TTL or hop limit of a unicast datagram | {UNICAST_TTL} |"),
    ] {
        assert!(DOCUMENT.contains(&row), "{row}");
    }
}
