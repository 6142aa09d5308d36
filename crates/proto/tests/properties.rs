//! What holds for every message and for any bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "these are tests throughout")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kimchi_peers_proto::{
    Absence, BucketHashes, CertificateHash, Claim, Claims, DATAGRAM_MAX, Digest, Entry, Extension, FACT_MAX, Fact,
    FactSet, Facts, GroupKey, Hears, HostSecret, INTEGER_MAX, IdBeginning, Info, Keyring, Kind, Message, Nonce, PeerId,
    Pull, Roster, TIME_TO_LIVE_MAX,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn settings() -> ProptestConfig {
    // A failure prints its input, which then becomes a vector or a file of the corpus: no files beside the tests.
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

fn address() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<u32>().prop_map(Ipv4Addr::from_bits).prop_filter("of one host", |address| {
        !address.is_multicast() && !address.is_broadcast() && address.octets()[0] != 0
    });
    let v6 = any::<u128>().prop_map(Ipv6Addr::from_bits).prop_filter("of one host", |address| {
        !address.is_multicast() && !address.is_unspecified() && address.to_ipv4_mapped().is_none()
    });
    prop_oneof![v4.prop_map(IpAddr::V4), v6.prop_map(IpAddr::V6)]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9_-]{1,63}(\\.[a-z0-9_-]{1,60}){0,2}",
        1 => "[a-z0-9]{63}\\.[a-z0-9]{63}\\.[a-z0-9]{63}\\.[a-z0-9]{61}",
    ]
}

fn fact() -> impl Strategy<Value = Option<Fact>> {
    option::of("[A-Za-z0-9._+~/-]{1,64}".prop_map(|text| text.parse().unwrap()))
}

fn extension() -> impl Strategy<Value = Extension> {
    let id = || any::<[u8; 32]>().prop_map(PeerId::from_bytes);
    let nonce = || option::of(any::<u64>().prop_map(Nonce));
    let facts = (fact(), fact(), fact(), fact()).prop_map(|(version, server_root, architecture, hypervisor)| {
        Facts::from(FactSet { version, server_root, architecture, hypervisor })
    });
    let numbers = (1..=INTEGER_MAX, 0..=INTEGER_MAX, 0..=TIME_TO_LIVE_MAX);
    let digest = option::of((any::<u64>(), 0..=99_999_u32).prop_map(|(sum, hosts)| Digest { sum, hosts }));
    let certificate = option::of(any::<[u8; 32]>().prop_map(CertificateHash::from_bytes));
    let told = (facts, certificate);
    let plain = (id(), numbers, option::of(id()), nonce(), nonce(), option::of(address()), digest, told).prop_map(
        |(id, (epoch, sequence, time_to_live), target, nonce, echo, previous_address, digest, told)| Extension {
            target,
            nonce,
            echo,
            previous_address,
            digest,
            facts: told.0,
            certificate: told.1,
            ..Extension::new(id, (epoch, sequence), time_to_live)
        },
    );
    (plain, 0..7_u8, option::of(id()), hashes(), vec(entry(), 0..3), hears()).prop_map(
        |(plain, which, id, hashes, entries, hears)| {
            let alone =
                Extension { previous_address: None, facts: Facts::default(), certificate: None, ..plain.clone() };
            match which {
                0 => Extension { echo: None, pull: Some(Box::new(Pull { hashes, after: id })), ..alone },
                1 => {
                    let same = plain.sequence;
                    let roster = Some(Box::new(Roster { same, after: plain.target, entries, next: id }));
                    Extension { target: None, nonce: None, roster, ..alone }
                }
                2 => {
                    let claim = |entry: &Entry| Claim { id: entry.id, epoch: entry.epoch, sequence: entry.epoch };
                    let told: Vec<Claim> =
                        entries.iter().map(claim).chain([Claim { id: plain.id, epoch: 1, sequence: 0 }]).collect();
                    let claims = Some(Box::new(Claims { suspect: told.clone(), dead: Vec::new(), heard: told }));
                    Extension { target: None, nonce: None, echo: None, claims, ..alone }
                }
                3 => Extension { target: None, nonce: None, echo: None, hears: Some(Box::new(hears)), ..plain },
                4 => {
                    let reason = "new firmware, <2 h>".parse().unwrap();
                    let seconds = 1 + plain.time_to_live * 29;
                    let absence = Some(Box::new(Absence::new(seconds, reason).unwrap()));
                    Extension { target: None, nonce: None, echo: None, absence, ..alone }
                }
                _ => plain,
            }
        },
    )
}

fn hears() -> impl Strategy<Value = Hears> {
    let beginnings = proptest::collection::btree_set(any::<[u8; 32]>(), 0..=31);
    (0..=99_999_u32, beginnings).prop_map(|(heard, ids)| {
        let mut unheard: Vec<IdBeginning> = ids.iter().map(|id| IdBeginning::from(&PeerId::from_bytes(*id))).collect();
        unheard.dedup();
        Hears { heard, unheard }
    })
}

fn hashes() -> impl Strategy<Value = BucketHashes> {
    vec(any::<u32>(), 64).prop_map(|hashes| BucketHashes(std::array::from_fn(|bucket| hashes[bucket])))
}

fn entry() -> impl Strategy<Value = Entry> {
    let ports = prop_oneof![Just((8000, 8001)), (1..=u16::MAX, 1..=u16::MAX)];
    (any::<[u8; 32]>(), 1..=INTEGER_MAX, ports, address(), "[a-z0-9_-]{1,63}").prop_map(
        |(id, epoch, (http_port, https_port), address, name)| Entry {
            id: PeerId::from_bytes(id),
            epoch,
            address,
            http_port,
            https_port,
            name: name.parse().unwrap(),
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![Just(Kind::Search), Just(Kind::Notify), Just(Kind::Quit)];
    (kind, name(), address(), 1..=u16::MAX, 1..=u16::MAX, option::of(extension())).prop_map(
        |(kind, name, address, http_port, https_port, extension)| {
            let name = name.parse().unwrap();
            Message { kind, info: Info { name, address, http_port, https_port, extension } }
        },
    )
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn what_is_written_is_read_again(message in message()) {
        let datagram = message.encode();
        prop_assert!(datagram.len() <= DATAGRAM_MAX);
        prop_assert_eq!(Message::decode(&datagram), Ok(message));
    }

    #[test]
    fn the_same_body_is_read_with_every_head_and_tail(message in message()) {
        let datagram = message.encode();
        let body = &datagram[4..datagram.len() - 1];
        let length = u32::try_from(body.len()).unwrap();
        for head in [length.to_be_bytes().to_vec(), length.to_le_bytes().to_vec(), length.to_string().into_bytes()] {
            for tail in [&b"\n"[..], b"\r\n"] {
                let framed = [&head, body, tail].concat();
                // A request fills its datagram: there is no room for a longer head or tail.
                if framed.len() > DATAGRAM_MAX {
                    continue;
                }
                let read = Message::decode(&framed);
                prop_assert_eq!(read.as_ref(), Ok(&message));
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in vec(any::<u8>(), 0..1300)) {
        let _ = Message::decode(&bytes);
    }

    #[test]
    fn no_json_makes_it_panic(body in "[\\[\\]{}\",:0-9a-z\\\\ .eE+-]{0,200}", kind in 0..3_usize) {
        let body = format!("{{\"{}\":{{{body}}}}}", Kind::ALL[kind].as_str());
        let _ = Message::decode(format!("{}{body}\n", body.len()).as_bytes());
    }

    /// Whatever a broken datagram is read as, it is read the same after being written.
    #[test]
    fn a_changed_datagram_is_refused_or_sound(
        message in message(),
        flips in vec((any::<prop::sample::Index>(), 0..8_u8), 0..4),
        insert in option::of((any::<prop::sample::Index>(), any::<u8>())),
        cut in option::of(any::<prop::sample::Index>()),
        mend in any::<bool>(),
    ) {
        let mut datagram = message.encode();
        for (index, bit) in flips {
            let index = index.index(datagram.len());
            datagram[index] ^= 1 << bit;
        }
        if let Some((index, byte)) = insert {
            datagram.insert(index.index(datagram.len()), byte);
        }
        if let Some(index) = cut {
            datagram.truncate(index.index(datagram.len()).max(4));
        }
        if mend && datagram.len() > 5 {
            // A right length lets the change through to the parser.
            let length = u32::try_from(datagram.len() - 5).unwrap();
            datagram[..4].copy_from_slice(&length.to_be_bytes());
            *datagram.last_mut().unwrap() = b'\n';
        }
        if let Ok(read) = Message::decode(&datagram) {
            prop_assert_eq!(Message::decode(&read.encode()), Ok(read));
        }
    }
}

#[test]
fn the_longest_message_fits_a_datagram() {
    let fact: Option<Fact> = Some("x".repeat(FACT_MAX).parse().unwrap());
    let address: IpAddr = "2001:1111:1111:1111:1111:1111:1111:1111".parse().unwrap();
    let id = PeerId::from_bytes([255; 32]);
    let facts =
        FactSet { version: fact.clone(), server_root: fact.clone(), architecture: fact.clone(), hypervisor: fact };
    let extension = Extension {
        group: None,
        id,
        epoch: INTEGER_MAX,
        sequence: INTEGER_MAX,
        time_to_live: TIME_TO_LIVE_MAX,
        target: Some(id),
        nonce: Some(Nonce(u64::MAX)),
        echo: Some(Nonce(u64::MAX)),
        previous_address: Some(address),
        digest: Some(Digest { sum: u64::MAX, hosts: 99_999 }),
        hears: None,
        facts: facts.into(),
        certificate: Some(CertificateHash::from_bytes([255; 32])),
        pull: None,
        roster: None,
        claims: None,
        absence: None,
    };
    let label = "a".repeat(63);
    let name = format!("{label}.{label}.{label}.{}", "a".repeat(61)).parse().unwrap();
    let info = Info { name, address, http_port: 65535, https_port: 65535, extension: Some(extension) };
    let message = Message { kind: Kind::Search, info };
    let mut keyring = Keyring::default();
    keyring.add(GroupKey::from_bytes([7; 32])).unwrap();
    let mut in_a_group = message.clone();
    in_a_group.info.extension.as_mut().unwrap().group = keyring.primary_id();
    let sealed = in_a_group.seal(&HostSecret::from_bytes(&[7; 32]), &keyring);
    assert!(sealed.len() <= DATAGRAM_MAX, "{} bytes", sealed.len());
    // The room that later members have; docs/PROTOCOL.md names the numbers.
    assert_eq!((message.encode().len(), sealed.len()), (1030, 1178));
}
