//! What must hold for any bytes given to the codec. Used by the fuzz target and by the replay of the corpus.

use kimchi_peers_proto::{DATAGRAM_MAX, Message};

/// Reads `data`; what is read must survive being written and read again.
pub(crate) fn run(data: &[u8]) {
    let Ok(mut message) = Message::decode(data) else { return };
    // Only a seal names a group, and there is none without a key.
    if let Some(extension) = &mut message.info.extension {
        extension.group = None;
    }
    assert!(data.len() <= DATAGRAM_MAX, "a datagram over the limit was read");
    let canonical = message.encode();
    assert!(canonical.len() <= DATAGRAM_MAX, "the canonical form of {message:?} is {} bytes", canonical.len());
    let again = Message::decode(&canonical);
    assert_eq!(again.as_ref(), Ok(&message), "the canonical form is read differently");
    assert_eq!(message.encode(), canonical, "one message has two canonical forms");
    if has_canonical_shape(data) {
        assert_eq!(data, canonical, "canonical bytes came back as others");
    }
}

/// Whether `data` can only be canonical: as long as its message's canonical form and with the same members in order.
///
/// The comparison is by structure, not by the codec: the canonical head, no white space, no escapes, and nothing left
/// over when every known member is taken off in the canonical order.
fn has_canonical_shape(data: &[u8]) -> bool {
    let Some((head, rest)) = data.split_first_chunk::<4>() else { return false };
    let Some(body) = rest.strip_suffix(b"\n") else { return false };
    if u32::from_be_bytes(*head) as usize != body.len() {
        return false;
    }
    let Ok(mut text) = std::str::from_utf8(body) else { return false };
    for opening in ["{\"search\":{", "{\"notify\":{", "{\"quit\":{"] {
        text = text.strip_prefix(opening).unwrap_or(text);
    }
    let mut string = |name: &str, must: bool, lead: &str| {
        let Some(after) = text.strip_prefix(lead).and_then(|text| text.strip_prefix(name)) else { return !must };
        let Some((value, after)) = after.split_once('"') else { return false };
        let bare = value.strip_prefix('0').is_none() || !name.contains("port");
        text = after;
        bare && !value.contains('\\') && value.bytes().all(|byte| !byte.is_ascii_uppercase() || name.contains("IP"))
    };
    let required = string("\"domain\":\"", true, "")
        && string("\"IP\":\"", true, ",")
        && string("\"httpport\":\"", true, ",")
        && string("\"httpsport\":\"", true, ",");
    // With an extension the vectors and the property tests compare; here the base form is enough.
    required && text == "}}"
}
