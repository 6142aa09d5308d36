//! Reading a datagram allocates no more than a small multiple of its length, whatever it holds.
//!
//! It stands here and not beside the other tests of the codec because the counting allocator is another crate's: code
//! of this project may not be `unsafe`, and an allocator has to be. Run it with
//! `cargo test --release --manifest-path fuzz/Cargo.toml --test allocation`.

use std::alloc::System;

use kimchi_peers_proto::{DATAGRAM_MAX, Message};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes that reading `datagram` asks for in all, freed ones included.
fn allocated(datagram: &[u8]) -> usize {
    let region = Region::new(ALLOCATOR);
    let message = Message::decode(datagram);
    let change = region.change();
    drop(message);
    change.bytes_allocated + usize::try_from(change.bytes_reallocated).unwrap_or(0)
}

fn framed(body: &str) -> Vec<u8> {
    format!("{}{body}\n", body.len()).into_bytes()
}

/// Bodies of the greatest length that make the reader keep, copy or grow as much as it can.
fn hostile() -> Vec<Vec<u8>> {
    let fill = |open: &str, unit: &dyn Fn(usize) -> String, close: &str| {
        let mut body = open.to_owned();
        let mut number = 0;
        while body.len() + close.len() + unit(number).len() + 6 < DATAGRAM_MAX {
            body += &unit(number);
            number += 1;
        }
        framed(&(body + close))
    };
    vec![
        fill("{", &|number| format!("\"m{number}\":1,"), "}"),
        fill("{", &|number| format!("\"\\u0061{number}\":1,"), "}"),
        fill("{\"x\":\"", &|_| "\\u00e9".into(), "\"}"),
        fill("{\"x\":\"", &|_| "\\n".into(), "\"}"),
        fill("{\"", &|_| "\\n".into(), "\":1}"),
        fill("{\"x\":[", &|_| "[],".into(), "1]}"),
        fill("{\"x\":", &|_| "[".into(), ""),
        fill("{\"x\":", &|_| "9".into(), "}"),
        fill("{\"x\":1e-", &|_| "9".into(), "}"),
        fill("{\"search\":{\"domain\":\"", &|_| "a".into(), "\"}}"),
        fill("{\"search\":{\"domain\":\"", &|_| "\\u0061".into(), "\"}}"),
        vec![b'{'; 65_536],
    ]
}

/// One test in this file, so that no other thread allocates meanwhile.
#[test]
fn reading_allocates_a_small_multiple_of_the_length() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/decode");
    let files = std::fs::read_dir(corpus).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let datagrams: Vec<Vec<u8>> = files.chain(hostile()).collect();
    let mut most = 0;
    for datagram in &datagrams {
        let bytes = allocated(datagram);
        // Error values, and the first steps of growing vectors, do not depend on the length.
        assert!(bytes <= 3 * datagram.len() + 512, "{bytes} bytes for a datagram of {}", datagram.len());
        most = most.max(bytes);
    }
    println!("{} datagrams, at most {most} bytes for one", datagrams.len());
}
