//! What one datagram costs, from its bytes to the table, with few and with many peers known.
//!
//! ```text
//! cargo bench -p kimchi-peers-proto            all
//! cargo bench -p kimchi-peers-proto -- decode  one
//! ```

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros make public items; a benchmark may fail by panicking"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kimchi_peers_proto::{
    Config, Datagram, Digest, Extension, FactSet, GroupKey, HostSecret, Identity, Info, Input, Instant, Interface,
    Keyring, Kind, Lane, Message, Network, Node, Output, PeerId, Profile, Trailer,
};

/// Sizes of the network: a rack, a data centre, more than the default table holds.
const SIZES: [u32; 3] = [10, 1_000, 10_000];
const INTERFACE: u32 = 2;

/// The identity of a made-up host; the ring of identities is not in the order of the numbers.
fn id(number: u32) -> PeerId {
    let mut random = fastrand::Rng::with_seed(u64::from(number));
    PeerId::from_bytes(std::array::from_fn(|_| random.u8(..)))
}

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

fn profile(number: u32) -> Profile {
    let facts = FactSet {
        version: Some("0.1.0".parse().unwrap()),
        server_root: None,
        architecture: Some("x86_64".parse().unwrap()),
        hypervisor: Some("kvm".parse().unwrap()),
    }
    .into();
    Profile {
        name: format!("kvm-{number}.example").parse().unwrap(),
        http_port: 8000,
        https_port: 8001,
        facts,
        certificate: None,
    }
}

/// A heartbeat as the network's hosts send it.
fn heartbeat(number: u32, sequence: u64, https_port: u16, digest: Option<Digest>) -> Message {
    let Profile { name, http_port, facts, .. } = profile(number);
    let extension = Extension { digest, facts, ..Extension::new(id(number), (1_795_415_329, sequence), 3_000) };
    let info = Info { name, address: address(number), http_port, https_port, extension: Some(extension) };
    Message { kind: Kind::Notify, info }
}

/// An engine that has heard from hosts 1 to `peers`, and the time.
struct World {
    node: Node,
    now: Instant,
    sequence: u64,
}

impl World {
    fn new(peers: u32) -> Self {
        let config = Config { peers_max: 20_000, ..Config::default() };
        let identity = Identity { id: id(0), epoch: 1 };
        let mut world = Self {
            node: Node::new(identity, profile(0), config, 7, Vec::new()),
            now: Instant::from_micros(1_000_000),
            sequence: 1,
        };
        let networks = vec![Network { address: IpAddr::from([10, 255, 0, 1]), prefix: 8 }];
        let interface = Interface { index: INTERFACE, name: "eth0".to_owned(), networks, loopback: false };
        world.give(Input::Interfaces(vec![interface]));
        for number in 1..=peers {
            world.hear(number, &heartbeat(number, 1, 8001, None).encode());
        }
        // The first searches are over and everybody has agreed: the quiet state.
        world.now += Duration::from_secs(9);
        world
    }

    fn give(&mut self, input: Input<'_>) {
        self.now += Duration::from_micros(1);
        self.node.handle(self.now, input);
        while !matches!(self.node.poll(), Output::Wait { .. }) {}
    }

    fn hear(&mut self, number: u32, bytes: &[u8]) {
        let from = SocketAddr::new(address(number), 8000);
        self.give(Input::Datagram(Datagram { interface: INTERFACE, from, lane: Lane::Group, ttl: 1, bytes }));
    }

    /// A new datagram of one of the hosts, whose table agrees with this one's.
    fn next(&mut self, peers: u32, https_port: u16) -> (u32, Vec<u8>) {
        self.sequence += 1;
        let number = u32::try_from(self.sequence).unwrap() * 7_919 % peers + 1;
        (number, heartbeat(number, self.sequence, https_port, self.node.digest(INTERFACE)).encode())
    }
}

fn codec(criterion: &mut Criterion) {
    let message = heartbeat(1, 77, 8001, Some(Digest { sum: 0x0123_4567_89ab_cdef, hosts: 1 }));
    let bytes = message.encode();
    let base = Message { kind: Kind::Search, info: Info { extension: None, ..message.info.clone() } }.encode();
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode a heartbeat", |run| run.iter(|| Message::decode(black_box(&bytes))));
    group.bench_function("decode a base search", |run| run.iter(|| Message::decode(black_box(&base))));
    group.bench_function("encode a heartbeat", |run| run.iter(|| black_box(&message).encode()));
    group.finish();
}

/// What a signature and the code of a group add to a datagram.
fn proof(criterion: &mut Criterion) {
    let secret = HostSecret::from_bytes(&[7; 32]);
    let mut keyring = Keyring::default();
    let key = GroupKey::from_bytes([8; 32]);
    keyring.add(key.clone()).unwrap();
    let mut message = heartbeat(1, 77, 8001, Some(Digest { sum: 0x0123_4567_89ab_cdef, hosts: 1 }));
    let extension = message.info.extension.as_mut().unwrap();
    (extension.id, extension.group) = (secret.id(), keyring.primary_id());
    let bytes = message.seal(&secret, &keyring);
    let trailer = Trailer::of(&bytes).unwrap();
    let id = secret.id();
    let mut group = criterion.benchmark_group("proof");
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode and sign a heartbeat", |run| run.iter(|| black_box(&message).seal(&secret, &keyring)));
    group.bench_function("verify its signature", |run| run.iter(|| black_box(&trailer).is_signed_by(&id)));
    group.bench_function("verify the code of its group", |run| run.iter(|| black_box(&trailer).is_of_group(&key)));
    group.finish();
}

fn table(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("node");
    group.throughput(Throughput::Elements(1));
    for peers in SIZES {
        let world = std::cell::RefCell::new(World::new(peers));
        group.bench_function(BenchmarkId::new("heartbeat of a known peer", peers), |run| {
            run.iter_batched(
                || world.borrow_mut().next(peers, 8001),
                |(number, bytes)| world.borrow_mut().hear(number, &bytes),
                BatchSize::SmallInput,
            );
        });
        // One port changes: the row, the digest and its bucket, and an event.
        let mut port = 9_000;
        group.bench_function(BenchmarkId::new("change of a known peer, with its digest", peers), |run| {
            run.iter_batched(
                || {
                    port = port % 60_000 + 1;
                    world.borrow_mut().next(peers, port)
                },
                |(number, bytes)| world.borrow_mut().hear(number, &bytes),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("tick", peers), |run| {
            run.iter(|| world.borrow_mut().give(Input::Tick));
        });
    }
    group.finish();
}

criterion_group!(benches, codec, proof, table);
criterion_main!(benches);
