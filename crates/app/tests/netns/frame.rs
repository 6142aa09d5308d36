//! The datagram of the request, written and checked without any code of the daemon.

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// The largest datagram that a peer sends.
pub(crate) const LARGEST: usize = 1200;

/// Writes the canonical form: a big-endian length, the body, a line feed.
pub(crate) fn encode(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a test body is small");
    [&length.to_be_bytes()[..], body, b"\n"].concat()
}

/// Writes a message of a kind from a peer of that name and address.
pub(crate) fn message(kind: &str, domain: &str, address: &str) -> Vec<u8> {
    let info = json!({"domain": domain, "IP": address, "httpport": "8000", "httpsport": "8001"});
    encode(json!({ kind: info }).to_string().as_bytes())
}

/// Writes a search that is to be answered to its sender alone, longer than any answer to it; the sender is not listed.
pub(crate) fn directed_search(address: &str) -> Vec<u8> {
    let extension = json!({"ttl": 0, "nonce": "0123456789abcdef", "padding": "x".repeat(200)});
    Signer::new().message("search", "asker", address, 1, extension)
}

/// A host that signs, made of nothing but the documents.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    /// A host with a new key.
    pub(crate) fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("random numbers");
        Self(Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key"))
    }

    /// Its identity as text.
    pub(crate) fn id(&self) -> String {
        base64url(self.0.public_key().as_ref())
    }

    /// A signed message with these members of the extension beside its identity and number.
    pub(crate) fn message(&self, kind: &str, domain: &str, address: &str, sequence: u64, extension: Value) -> Vec<u8> {
        self.message_as(&self.id(), (kind, domain, address, sequence), extension)
    }

    /// The same in the name of another identity: its signature is wrong.
    pub(crate) fn message_as(
        &self,
        id: &str,
        (kind, domain, address, sequence): (&str, &str, &str, u64),
        mut extension: Value,
    ) -> Vec<u8> {
        for (name, value) in [("v", json!(1)), ("id", json!(id)), ("epoch", json!(1)), ("seq", json!(sequence))] {
            extension[name] = value;
        }
        let info = json!({"domain": domain, "IP": address, "httpport": "8000", "httpsport": "8001", "kp": extension});
        let whole = json!({ kind: info }).to_string();
        let open = whole.strip_suffix("}}").expect("an object in an object");
        let signed = [b"kimchi-peers 1 sig\0", open.as_bytes()].concat();
        let signature = base64url(self.0.sign(&signed).as_ref());
        encode(format!("{open},\"sig\":\"{signature}\"}}}}").as_bytes())
    }
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// A message that was received in canonical form.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) kind: String,
    pub(crate) info: Value,
}

impl Message {
    /// Reads a datagram, and says in words how it departs from the canonical form.
    pub(crate) fn read(datagram: &[u8]) -> Result<Self, String> {
        if datagram.len() > LARGEST {
            return Err(format!("{} bytes", datagram.len()));
        }
        let (head, rest) = datagram.split_first_chunk::<4>().ok_or("shorter than its head")?;
        let (tail, body) = rest.split_last().ok_or("no tail")?;
        let length = u32::from_be_bytes(*head);
        if usize::try_from(length).ok() != Some(body.len()) {
            return Err(format!("the head says {length}, the body has {} bytes", body.len()));
        }
        if *tail != b'\n' {
            return Err(format!("the tail is {tail:#04x}"));
        }
        let body = serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
        Self::from_body(body)
    }

    fn from_body(body: Value) -> Result<Self, String> {
        let Value::Object(members) = body else { return Err("the body is not an object".to_owned()) };
        let mut members = members.into_iter();
        let (Some((kind, info)), None) = (members.next(), members.next()) else {
            return Err("the body has not exactly one member".to_owned());
        };
        if !["search", "notify", "quit"].contains(&kind.as_str()) {
            return Err(format!("the kind is {kind:?}"));
        }
        for member in ["domain", "IP", "httpport", "httpsport"] {
            let text = info.get(member).and_then(Value::as_str).ok_or_else(|| format!("{member} is not a string"))?;
            if member.ends_with("port") && !text.parse::<u16>().is_ok_and(|port| port > 0) {
                return Err(format!("{member} is {text:?}"));
            }
        }
        Ok(Self { kind, info })
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.info.get(member).and_then(Value::as_str).unwrap_or_default()
    }
}
