//! The messages and their canonical form. `decode.rs` reads what this file writes.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::FromStr;

use crate::absence::Absence;
use crate::certificate::CertificateHash;
use crate::claim::Claims;
use crate::digest::Digest;
use crate::facts::Facts;
use crate::frame;
use crate::group::{GroupId, Keyring};
use crate::hears::Hears;
use crate::id::PeerId;
use crate::roster::{Pull, Roster};
use crate::signature::{self, HostSecret, trailer_length};
use crate::text::HostName;
use crate::writing;

/// Version of the extension that this crate speaks.
pub const EXTENSION_VERSION: u8 = 1;
/// Greatest integer on the wire: what every JSON reader takes without loss (RFC 7493 section 2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Longest lifetime of an announcement in seconds: one day.
pub const TIME_TO_LIVE_MAX: u32 = 86_400;

/// Bytes of a datagram behind the members of the extension and before them: three braces, head and tail.
const CLOSING: usize = 3 + 4 + 1;
/// Longer than a body is that tells of nobody else.
const BODY_USUAL: usize = 512;

/// What a message asks or tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Who I am, and: tell me who you are.
    Search,
    /// Who I am; I am alive.
    Notify,
    /// I leave.
    Quit,
}

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Search, Self::Notify, Self::Quit];

    /// The member name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Notify => "notify",
            Self::Quit => "quit",
        }
    }
}

/// One message of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it asks or tells.
    pub kind: Kind,
    /// The sender's own facts.
    pub info: Info,
}

/// What a sender says of itself, in the request's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// `domain`: its host name.
    pub name: HostName,
    /// `IP`: the address of the interface that the datagram leaves by.
    pub address: IpAddr,
    /// `httpport`: where its console answers HTTP; 1 to 65535.
    pub http_port: u16,
    /// `httpsport`: where its console answers HTTPS; 1 to 65535.
    pub https_port: u16,
    /// `kp`: what extended peers add; `None` from a base peer.
    pub extension: Option<Extension>,
}

/// What an extended peer adds. A base peer ignores all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// `id`: the sender's identity.
    pub id: PeerId,
    /// `epoch`: the sender's incarnation; grows with every start of the sender, at most [`INTEGER_MAX`].
    pub epoch: u64,
    /// `seq`: the number of the datagram within the epoch; at most [`INTEGER_MAX`].
    pub sequence: u64,
    /// `ttl`: seconds for which the sender may be silent before it is to be doubted; 0 means: do not list me, I only ask.
    pub time_to_live: u32,
    /// `target`: the only peer that shall answer this search.
    pub target: Option<PeerId>,
    /// `nonce`: to be echoed in the answer.
    pub nonce: Option<Nonce>,
    /// `echo`: the nonce of the search that this answers.
    pub echo: Option<Nonce>,
    /// `was`: the address that this one replaces, for a while after a change.
    pub previous_address: Option<IpAddr>,
    /// `group`: the group key whose code the datagram carries.
    pub group: Option<GroupId>,
    /// `dig`: the digest of what the sender knows on this link.
    pub digest: Option<Digest>,
    /// `hears`: whom the sender hears itself, in heartbeats.
    pub hears: Option<Box<Hears>>,
    /// What the sender tells of itself beyond its name and ports.
    pub facts: Facts,
    /// `cert`: what the sender's console proves itself by.
    pub certificate: Option<CertificateHash>,
    /// `lo`, `hi`, `from`: asks the target for what the sender does not know.
    pub pull: Option<Box<Pull>>,
    /// `same`, `roster`, `next`: a page of the answer to that.
    pub roster: Option<Box<Roster>>,
    /// `suspect`, `dead`, `heard`: what the sender says of other hosts.
    pub claims: Option<Box<Claims>>,
    /// `away`, `why`: when the sender, which leaves, means to be back.
    pub absence: Option<Box<Absence>>,
}

/// A random number that ties an answer to its question: 64 bits, so that nobody off the link can guess it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nonce(pub u64);

impl FromStr for Nonce {
    type Err = ();

    /// Reads exactly 16 lower-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, ()> {
        let canonical =
            text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        if canonical { u64::from_str_radix(text, 16).map(Self).map_err(|_| ()) } else { Err(()) }
    }
}

impl Message {
    /// The datagram of this message: the canonical frame around the canonical body.
    ///
    /// Members stand in one fixed order and without white space. A message whose fields are within their limits fits
    /// [`crate::DATAGRAM_MAX`]. Nothing is signed, so no group is named: [`Self::seal`] does both. A request for a roster has
    /// exactly that length, and the page that answers it as many entries as fit.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = self.open_body(None, 0);
        body.push_str("}}");
        frame::wrap(body.as_bytes())
    }

    /// The datagram of this message, signed by the host, and with the code of its group if it has one.
    ///
    /// The extension says by whom (`id`), and with which key of `keyring` (`group`). Without an extension this is
    /// [`Self::encode`].
    pub fn seal(&self, secret: &HostSecret, keyring: &Keyring) -> Vec<u8> {
        let Some(extension) = &self.info.extension else { return self.encode() };
        let group = extension.group.and_then(|id| keyring.get(id));
        let mut body = self.open_body(extension.group.filter(|_| group.is_some()), trailer_length(group.is_some()));
        signature::close(&mut body, secret, group);
        frame::wrap(body.as_bytes())
    }

    /// The body without what closes it. `trailer` is how many bytes will be put between.
    fn open_body(&self, group: Option<GroupId>, trailer: usize) -> String {
        let mut body = String::with_capacity(BODY_USUAL);
        let info = &self.info;
        // Everything written here is validated plain ASCII, so nothing needs an escape.
        for text in ["{\"", self.kind.as_str(), "\":{\"domain\":\"", info.name.as_str(), "\",\"IP\":\""] {
            body.push_str(text);
        }
        writing::address(&mut body, info.address);
        body.push_str("\",\"httpport\":\"");
        writing::decimal(&mut body, info.http_port.into());
        body.push_str("\",\"httpsport\":\"");
        writing::decimal(&mut body, info.https_port.into());
        body.push('"');
        if let Some(extension) = &info.extension {
            extension.write(&mut body, group, CLOSING + trailer);
        }
        body
    }
}

impl Extension {
    /// What every message has, and nothing more: the number of the datagram is `(epoch, sequence)`, the lifetime is in
    /// seconds.
    pub fn new(id: PeerId, (epoch, sequence): (u64, u64), time_to_live: u32) -> Self {
        Self {
            id,
            epoch,
            sequence,
            time_to_live,
            target: None,
            nonce: None,
            echo: None,
            previous_address: None,
            group: None,
            digest: None,
            hears: None,
            facts: Facts::default(),
            certificate: None,
            pull: None,
            roster: None,
            claims: None,
            absence: None,
        }
    }

    /// Whether it tells the sender's facts, so that one that is absent is gone.
    pub(crate) fn is_full(&self) -> bool {
        let tells_of_others = self.claims.is_some() || self.roster.is_some();
        self.echo.is_none()
            && self.target.is_none()
            && self.pull.is_none()
            && !tells_of_others
            && self.absence.is_none()
    }

    fn write(&self, body: &mut String, group: Option<GroupId>, closing: usize) {
        body.push_str(",\"kp\":{\"v\":");
        writing::decimal(body, EXTENSION_VERSION.into());
        text(body, "id", &self.id.letters());
        let seconds = u64::from(self.time_to_live);
        for (name, number) in [(",\"epoch\":", self.epoch), (",\"seq\":", self.sequence), (",\"ttl\":", seconds)] {
            body.push_str(name);
            writing::decimal(body, number);
        }
        if let Some(target) = &self.target {
            text(body, "target", &target.letters());
        }
        for (name, nonce) in [("nonce", self.nonce), ("echo", self.echo)] {
            if let Some(Nonce(number)) = nonce {
                quoted(body, name, |body| writing::hexadecimal(body, number));
            }
        }
        if let Some(address) = self.previous_address {
            quoted(body, "was", |body| writing::address(body, address));
        }
        if let Some(group) = group {
            text(body, "group", &group.letters());
        }
        if let Some(digest) = &self.digest {
            quoted(body, "dig", |body| digest.write(body));
        }
        if let Some(hears) = &self.hears {
            // Writing to a String cannot fail.
            let _ = write!(body, ",\"hears\":\"{hears}\"");
        }
        let facts = &*self.facts;
        let named = [("version", &facts.version), ("root", &facts.server_root)];
        for (name, fact) in named.into_iter().chain([("arch", &facts.architecture), ("hyp", &facts.hypervisor)]) {
            if let Some(fact) = fact {
                text(body, name, fact.as_str().as_bytes());
            }
        }
        if let Some(certificate) = &self.certificate {
            text(body, "cert", &certificate.letters());
        }
        if let Some(pull) = &self.pull {
            pull.write(body, closing);
        }
        if let Some(roster) = &self.roster {
            roster.write(body);
        }
        if let Some(claims) = &self.claims {
            claims.write(body);
        }
        if let Some(absence) = &self.absence {
            absence.write(body);
        }
        body.push('}');
    }
}

/// Writes a member whose value is a string, behind others.
fn quoted(body: &mut String, name: &str, value: impl FnOnce(&mut String)) {
    for text in [",\"", name, "\":\""] {
        body.push_str(text);
    }
    value(body);
    body.push('"');
}

/// Writes a member whose value is this text, behind others.
fn text(body: &mut String, name: &str, value: &[u8]) {
    quoted(body, name, |body| body.push_str(std::str::from_utf8(value).unwrap_or_default()));
}
