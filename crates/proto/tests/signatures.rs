//! The proof of datagrams against `signatures.txt`, which other implementations can use as it is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken vector file is a failed test")]

use kimchi_peers_proto::{GroupKey, HostSecret, Keyring, Message, Trailer};

const VECTORS: &str = include_str!("signatures.txt");

fn key(hex: &str) -> [u8; 32] {
    std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
}

fn framed(body: &str) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body.as_bytes(), b"\n"].concat()
}

/// What a receiver with that group key makes of a datagram, by the public parts of the crate alone.
fn verdict(datagram: &[u8], group: Option<&GroupKey>) -> String {
    let message = match Message::decode(datagram) {
        Ok(message) => message,
        Err(error) => return format!("drop {}", error.cause()),
    };
    let extension = message.info.extension.expect("all vectors have one");
    let Some(trailer) = Trailer::of(datagram) else { return "proves nothing".to_owned() };
    let group = group.filter(|key| extension.group == Some(key.id()));
    if group.is_some_and(|key| !trailer.is_of_group(key)) {
        return "drop group_code".to_owned();
    }
    match (trailer.is_signed_by(&extension.id), group) {
        (false, _) => "drop signature".to_owned(),
        (true, Some(_)) => "proves verified".to_owned(),
        (true, None) => "proves pinned".to_owned(),
    }
}

#[test]
fn every_vector_proves_what_it_says() {
    let mut count = 0;
    for block in VECTORS.split("\n\n").filter(|block| block.trim_start().starts_with('=')) {
        let word = |name: &str| {
            let mut lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            lines.next().map(ToOwned::to_owned)
        };
        let name = word("=").unwrap();
        let group = word("group").map(|hex| GroupKey::from_bytes(key(&hex)));
        let datagram = framed(&word("body").unwrap());
        let expected = block.trim_end().lines().last().unwrap();
        assert_eq!(verdict(&datagram, group.as_ref()), expected, "{name}");
        count += 1;
        // What is right is written by its sender in just these bytes.
        if expected.ends_with("pinned") || expected.ends_with("verified") {
            let secret = HostSecret::from_bytes(&key(&word("seed").unwrap()));
            let message = Message::decode(&datagram).unwrap();
            let mut keyring = Keyring::default();
            // The vector of another group was made with the key of eights.
            [group, Some(GroupKey::from_bytes([8; 32]))].into_iter().flatten().for_each(|key| {
                keyring.add(key).unwrap();
            });
            assert_eq!(message.seal(&secret, &keyring), datagram, "{name}");
        }
    }
    assert_eq!(count, VECTORS.lines().filter(|line| line.starts_with("= ")).count());
}
