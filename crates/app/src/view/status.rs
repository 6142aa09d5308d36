//! This host and its daemon.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// What is wrong with other hosts, such as a conflict, a sentence each. The daemon itself is no less well for it.
    #[serde(default)]
    pub(crate) concerns: Vec<String>,
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
    /// Multicast that was skipped because this host could not keep up.
    #[serde(default)]
    pub(crate) skipped: u64,
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
