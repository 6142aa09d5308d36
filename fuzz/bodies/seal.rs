//! The proof of a datagram: nothing that was tampered with proves anything. Used by the fuzz target and by the replay of the corpus.

use kimchi_peers_proto::{Extension, GroupKey, HostSecret, Info, Keyring, Kind, Message, Nonce, Trailer};

/// Edits of one input; what is left of it is not read.
const EDITS_MAX: usize = 16;

/// The first byte chooses: the bytes as a datagram, or a genuine one with the edits that they describe.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if choice % 4 == 0 {
        return consistent(rest);
    }
    let genuine = genuine(*choice);
    let mut edited = genuine.clone();
    for edit in rest.chunks_exact(4).take(EDITS_MAX) {
        change(&mut edited, [edit[0], edit[1], edit[2], edit[3]]);
    }
    refit(&mut edited);
    consistent(&edited);
    let proven = prove(&edited);
    assert!(
        !proven || body(&edited) == body(&genuine),
        "tampered with and proven: {}",
        String::from_utf8_lossy(&edited)
    );
}

fn secret() -> HostSecret {
    HostSecret::from_bytes(&[7; 32])
}

fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    keyring.add(GroupKey::from_bytes([8; 32])).expect("there is room");
    keyring
}

/// A signed datagram of one of a few forms.
fn genuine(choice: u8) -> Vec<u8> {
    let extension = Extension {
        nonce: (choice & 16 != 0).then_some(Nonce(u64::from(choice))),
        group: keyring().primary_id().filter(|_| choice & 4 != 0),
        ..Extension::new(secret().id(), (5, u64::from(choice)), 30)
    };
    let info = Info {
        name: "kvm-1".parse().expect("a name"),
        address: [10, 0, 0, 1].into(),
        http_port: 8000,
        https_port: 8001,
        extension: Some(extension),
    };
    Message { kind: Kind::ALL[usize::from(choice >> 5) % 3], info }.seal(&secret(), &keyring())
}

/// Changes, removes, inserts or moves a byte, or copies a part of the datagram to another place.
fn change(bytes: &mut Vec<u8>, [what, high, low, value]: [u8; 4]) {
    let place = (usize::from(high) << 8 | usize::from(low)) % bytes.len().max(1);
    match what % 5 {
        0 => bytes[place] ^= value,
        1 => drop(bytes.remove(place)),
        2 => bytes.insert(place, value),
        3 => {
            let last = bytes.len() - 1;
            bytes.swap(place, usize::from(value).min(last));
        }
        _ => {
            let part: Vec<u8> = bytes.iter().skip(place).take(usize::from(value)).copied().collect();
            let to = usize::from(what >> 3) * 8 % bytes.len();
            bytes.splice(to..to, part);
        }
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

/// Gives the datagram a head that fits, or nothing edited would get past the frame.
fn refit(bytes: &mut [u8]) {
    let length = bytes.len();
    if length > 5 {
        bytes[..4].copy_from_slice(&u32::try_from(length - 5).unwrap_or(u32::MAX).to_be_bytes());
        bytes[length - 1] = b'\n';
    }
}

fn body(bytes: &[u8]) -> &[u8] {
    bytes.get(4..).unwrap_or_default()
}

/// Whether a receiver would believe that the host sent it.
fn prove(bytes: &[u8]) -> bool {
    let Ok(message) = Message::decode(bytes) else { return false };
    let Some(extension) = message.info.extension.filter(|extension| extension.id == secret().id()) else {
        return false;
    };
    Trailer::of(bytes).is_some_and(|trailer| trailer.is_signed_by(&extension.id))
}

/// What the parser says of `mac`, `sig` and `group`, and what the bytes say, is one thing.
fn consistent(bytes: &[u8]) {
    let Ok(message) = Message::decode(bytes) else { return };
    let group = message.info.extension.as_ref().and_then(|extension| extension.group);
    match Trailer::of(bytes) {
        Some(trailer) => {
            assert!(message.info.extension.is_some(), "a signature of nobody");
            assert_eq!(trailer.has_code(), group.is_some());
        }
        None => assert_eq!(group, None),
    }
}
