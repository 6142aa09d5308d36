//! What the API says and the command line reads: one definition for both sides.

mod matrix;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use matrix::tests::matrix as matrix_of;
pub(crate) use matrix::{MatrixHostView, MatrixRowView, MatrixView};

/// A peer as programs see it. The names of its members are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerView {
    /// Identity of an extended peer, `NAME@ADDRESS` of a base peer, `HOST:PORT` of a remote peer.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The one to use first.
    pub(crate) addresses: Vec<String>,
    /// Not known of a remote peer: only where its HTTPS answers was given.
    pub(crate) http_port: Option<u16>,
    pub(crate) https_port: u16,
    /// Where its console answers; empty where the row is in conflict.
    pub(crate) url: String,
    pub(crate) origin: Origin,
    pub(crate) state: PeerState,
    /// Why it is down or doubtful, as a word.
    pub(crate) reason: Option<String>,
    pub(crate) trust: Trust,
    /// Which of the two ways to it work; nothing of a remote peer, and of one that is not there.
    #[serde(default)]
    pub(crate) reach: Option<Reach>,
    /// RFC 3339, as are the other times.
    pub(crate) first_seen: String,
    pub(crate) last_seen: Option<String>,
    pub(crate) state_since: String,
    /// Round trip in milliseconds of the newest check or directed search.
    pub(crate) rtt_ms: Option<f64>,
    /// What it tells of itself.
    pub(crate) facts: BTreeMap<String, String>,
    /// The absence that it announced when it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) planned: Option<PlannedView>,
    /// Whether its console shows the certificate that it should.
    #[serde(default)]
    pub(crate) certificate_state: CertificateState,
}

impl PeerView {
    /// Where its console answers, for who would follow it without a second thought: nothing where the row is in conflict, or
    /// where another certificate was shown than should be, since whoever answers there gets the password that is typed.
    pub(crate) fn safe_url(&self) -> Option<&str> {
        let is_safe = self.trust != Trust::Conflict && self.certificate_state != CertificateState::Changed;
        (is_safe && !self.url.is_empty()).then_some(self.url.as_str())
    }
}

/// Whether a console shows the certificate that its host announces, or, of a remote peer, that it showed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CertificateState {
    /// It does.
    Match,
    /// It shows another one.
    Changed,
    /// Nobody looked, or there is nothing to hold it against.
    #[default]
    Unknown,
}

impl CertificateState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
        }
    }
}

/// An announced absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedView {
    /// When it means to be back.
    pub(crate) until: String,
    pub(crate) reason: String,
    /// Whether it should be back already.
    pub(crate) overdue: bool,
}

/// Where a peer is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Heard on a link.
    Local,
    /// Added by hand.
    Remote,
}

impl Origin {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// Whether a peer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerState {
    Up,
    Suspect,
    Down,
    Unknown,
}

impl PeerState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// How far a row can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trust {
    /// Anybody on the link could have said it.
    Unsigned,
    /// Signed by the key that the host had when it was heard first.
    Pinned,
    /// Signed, and by a member of this host's group.
    Verified,
    /// Another host has a better claim to its name, address or identity: its link is not to be followed.
    Conflict,
}

impl Trust {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Pinned => "pinned",
            Self::Verified => "verified",
            Self::Conflict => "conflict",
        }
    }
}

/// Which of the two ways between this host and a peer work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    /// As far as anything is known.
    Both,
    /// It is heard and does not answer.
    HearsUsNot,
    /// Others hear it, this host does not.
    NotHeard,
}

impl Reach {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::HearsUsNot => "hears_us_not",
            Self::NotHeard => "not_heard",
        }
    }

    /// Whether only one of the two ways works.
    pub(crate) const fn is_one_way(self) -> bool {
        matches!(self, Self::HearsUsNot | Self::NotHeard)
    }
}

/// One peer with what led to its row; the answer of `GET /v1/peers/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerDetail {
    #[serde(flatten)]
    pub(crate) peer: PeerView,
    /// With whom it is at odds, in words.
    pub(crate) conflict: Option<String>,
    /// Why the newest check of a remote peer failed, in words.
    #[serde(default)]
    pub(crate) failure: Option<String>,
    /// Where it is heard.
    pub(crate) evidence: Vec<Evidence>,
    /// SHA-256 of the certificate that its console showed, in hexadecimal.
    pub(crate) certificate: Option<String>,
    /// What it is held against: the one that its host announces, or that a remote peer showed first.
    #[serde(default)]
    pub(crate) certificate_expected: Option<String>,
    /// What happened to it, newest first.
    pub(crate) history: Vec<HistoryView>,
}

/// What a look at a console found; the answer of `POST /v1/peers/{id}/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckView {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Where it was looked: `HOST:PORT`.
    pub(crate) address: String,
    pub(crate) certificate_state: CertificateState,
    /// SHA-256 of the certificate that was shown, in hexadecimal.
    pub(crate) certificate: Option<String>,
    /// What it is held against.
    pub(crate) certificate_expected: Option<String>,
    /// Why none was seen, in words.
    pub(crate) failure: Option<String>,
}

/// Where and when a peer was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) interface: Option<String>,
    pub(crate) address: String,
    pub(crate) last_heard: Option<String>,
}

/// One change of one peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HistoryView {
    pub(crate) time: String,
    pub(crate) event: String,
    pub(crate) cause: Option<String>,
    pub(crate) address: Option<String>,
}

/// One change of any peer; an element of the answer of `GET /v1/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChangeView {
    pub(crate) time: String,
    /// The id of the peer.
    pub(crate) peer: String,
    /// Its name at that time.
    pub(crate) name: String,
    pub(crate) event: String,
    pub(crate) cause: Option<String>,
    pub(crate) address: Option<String>,
    /// SHA-256 of the certificate concerned, in hexadecimal.
    pub(crate) certificate: Option<String>,
}

/// When the peers were there; the answer of `GET /v1/availability`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AvailabilityView {
    /// `24h`, `30d` or `90d`.
    pub(crate) window: String,
    pub(crate) since: String,
    pub(crate) until: String,
    pub(crate) slice_seconds: u64,
    pub(crate) peers: Vec<PeerAvailability>,
}

/// When one peer was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerAvailability {
    /// The id of the peer.
    pub(crate) peer: String,
    pub(crate) name: String,
    /// Share of the time that is known in which it was up, announced absences left out, 0 to 1; nothing where nothing is known.
    pub(crate) availability: Option<f64>,
    /// How often it went down without having announced it.
    pub(crate) flaps: u32,
    /// A letter a slice, oldest first: `u` up all the time that is known, `p` partly, `d` down, `l` away as announced, `-` not
    /// known.
    pub(crate) slices: String,
}

/// One line of `run --events`, `watch -o json` and one event of `GET /v1/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventView {
    /// `ready`, `up`, `changed`, `suspect`, `down`, `removed` or `conflict`.
    pub(crate) event: String,
    pub(crate) time: String,
    /// Why, as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<PeerView>,
}

/// A link that signs a browser in; the answer of `POST /v1/session/code`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CodeView {
    /// Where a browser has to go.
    pub(crate) url: String,
    /// The code in it, good once.
    pub(crate) code: String,
    /// Seconds for which it is good.
    pub(crate) expires_in: u64,
}

/// A browser that is signed in; the answer of `POST /v1/session`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionView {
    /// What a change carries in the header `X-Kimchi-Peers-Proof`, beside the cookie.
    pub(crate) proof: String,
    /// Seconds for which the browser stays signed in.
    pub(crate) expires_in: u64,
}

/// This host; the answer of `GET /v1/self`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SelfView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) epoch: u64,
    pub(crate) version: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) http_port: u16,
    pub(crate) https_port: u16,
    pub(crate) facts: BTreeMap<String, String>,
}

/// How the daemon is doing; the answer of `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusView {
    pub(crate) version: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) started: String,
    pub(crate) state_dir: String,
    /// Where the API listens.
    pub(crate) api: Vec<String>,
    /// What does not work, a sentence each; empty when all is well.
    pub(crate) degraded: Vec<String>,
    /// Rows by origin and state, such as `local_up`.
    pub(crate) peers: BTreeMap<String, u64>,
    pub(crate) links: Vec<LinkView>,
    pub(crate) interfaces: Vec<InterfaceView>,
    pub(crate) datagrams: DatagramsView,
    pub(crate) store: StoreView,
    #[serde(default)]
    pub(crate) trust: TrustView,
}

/// A link that discovery uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LinkView {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    /// When own multicast was last heard back; never, where a firewall drops what comes in.
    pub(crate) heard_self: Option<String>,
    /// Share of datagrams that are lost one way, 0 to 1; nothing before it was measured.
    #[serde(default)]
    pub(crate) loss: Option<f64>,
    /// Whether nobody is heard there although peers are listed.
    #[serde(default)]
    pub(crate) isolated: bool,
}

/// An interface and why it is used or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InterfaceView {
    pub(crate) name: String,
    pub(crate) used: bool,
    pub(crate) why: String,
}

/// Datagram counters since the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DatagramsView {
    pub(crate) received: BTreeMap<String, u64>,
    pub(crate) sent: BTreeMap<String, u64>,
    pub(crate) sent_bytes: u64,
    /// By cause.
    pub(crate) dropped: BTreeMap<String, u64>,
    /// Signatures that were verified, right or wrong.
    #[serde(default)]
    pub(crate) verified: u64,
    /// What a budget of verification did not allow, by budget.
    #[serde(default)]
    pub(crate) over_budget: BTreeMap<String, u64>,
    /// Own datagrams heard back.
    pub(crate) own: u64,
    /// Dropped by the kernel for want of room.
    pub(crate) kernel_dropped: u64,
    pub(crate) send_errors: u64,
    /// Answered by ICMP port unreachable: a kernel without a program.
    pub(crate) unreachable: u64,
}

/// Whom this host lists and what the rows proved.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct TrustView {
    /// `mark`, `require-signed` or `require-group`.
    pub(crate) mode: String,
    /// Local rows by what they proved: `unsigned`, `pinned`, `verified`, `conflict`.
    pub(crate) peers: BTreeMap<String, u64>,
    /// By mode, the names of the peers that are there and would not be listed in it.
    pub(crate) would_vanish: BTreeMap<String, Vec<String>>,
    /// The ids of the group keys, the one in use first.
    pub(crate) group_keys: Vec<String>,
    /// Rows that did not prove yet that they are there to stay, and that nothing is kept of: `extended` and `base`.
    pub(crate) unproven: BTreeMap<String, u64>,
    /// Rows that made room for others: `down` and `unproven`.
    #[serde(default)]
    pub(crate) evicted: BTreeMap<String, u64>,
    /// Most rows by sort, and verifications a second.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, u64>,
    /// Rows by what their consoles showed: `match`, `changed`, `unknown`.
    #[serde(default)]
    pub(crate) certificates: BTreeMap<String, u64>,
}

/// The group keys of this host; the answer of `GET /v1/keys`. No key is ever in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeysView {
    /// The file they are in.
    pub(crate) file: String,
    pub(crate) keys: Vec<KeyView>,
}

/// One group key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyView {
    /// Its public name.
    pub(crate) id: String,
    /// Whether this host proves by it that it is a member.
    pub(crate) primary: bool,
    /// The names of the peers that are there and prove by it that they are members.
    pub(crate) peers: Vec<String>,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoreView {
    pub(crate) pending: u64,
    pub(crate) commits: u64,
    pub(crate) failed_commits: u64,
    pub(crate) database_bytes: u64,
}

/// The body of `POST /v1/peers`: `address` or `url`, and perhaps a name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

/// A service that a program of this host registered; an item of `GET /v1/services`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceView {
    /// As it was registered.
    pub(crate) url: String,
    /// Whether it counts: it answers, or is too new to tell.
    pub(crate) listed: bool,
    /// Whether somebody answers at its port; nothing of one that never did yet.
    pub(crate) answers: Option<bool>,
    pub(crate) registered: String,
}

/// The body of `POST /v1/services`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterRequest {
    pub(crate) url: String,
}

/// The body of `POST /v1/leave`: for how many seconds, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeaveRequest {
    pub(crate) seconds: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// An object that a request must be written as: the derived reading would take an array of its members too.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// The body of every error, in the shape that Wok gives its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorView {
    /// A stable word for programs, such as `KPPEER404`.
    pub(crate) code: String,
    /// A sentence for people.
    pub(crate) reason: String,
}

/// A time in the form that every answer uses: RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// A time kept as Unix milliseconds.
pub(crate) fn from_unix_milliseconds(milliseconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

/// A time as Unix milliseconds.
pub(crate) fn unix_milliseconds(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
