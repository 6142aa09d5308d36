//! The datagram of the request, written and checked without any code of the daemon.

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
    let extension = json!({
        "v": 1, "id": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "epoch": 1, "seq": 1, "ttl": 0,
        "nonce": "0123456789abcdef", "padding": "x".repeat(200),
    });
    let info = json!({"domain": "asker", "IP": address, "httpport": "8000", "httpsport": "8001", "kp": extension});
    encode(json!({ "search": info }).to_string().as_bytes())
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
