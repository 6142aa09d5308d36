//! What is known of this host and of those around it, before anybody judges it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use crate::view::{MatrixView, PeerState, Reach};

/// All that the checks judge by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// This host's name.
    pub(crate) name: String,
    /// The UDP port of discovery.
    pub(crate) port: u16,
    /// Where this host's console is said to answer.
    pub(crate) https_port: u16,
    pub(crate) state: StateFacts,
    pub(crate) host: HostFacts,
    /// What the console did; `None` where it was not tried.
    pub(crate) console: Option<ConsoleFact>,
    /// What the daemon knows; `None` where it does not run.
    pub(crate) daemon: Option<DaemonFacts>,
    /// Whom the question is about.
    pub(crate) subject: Option<Subject>,
}

/// What the operating system tells.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostFacts {
    pub(crate) interfaces: Vec<InterfaceFact>,
    /// The interfaces on which somebody is a member of the group; `None` where that cannot be read.
    pub(crate) members: Option<BTreeSet<String>>,
    /// `net.ipv4.igmp_max_memberships`.
    pub(crate) memberships_max: Option<u64>,
    /// Sockets of others on the port of discovery.
    pub(crate) port_holders: Vec<Holder>,
    pub(crate) firewall: Firewall,
    /// `net.core.rmem_max`.
    pub(crate) receive_max: Option<u64>,
    /// The IPv4 neighbours that the kernel asked for, and whether they answered.
    pub(crate) neighbours: BTreeMap<IpAddr, bool>,
    /// Whether the settings or files of this host tell of a console.
    pub(crate) has_console: bool,
}

/// An interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InterfaceFact {
    pub(crate) name: String,
    pub(crate) used: bool,
    /// Whether it was named in the settings.
    pub(crate) named: bool,
    pub(crate) why: String,
    /// In bytes.
    pub(crate) mtu: Option<u64>,
    /// The address that is announced there.
    pub(crate) address: Option<IpAddr>,
}

/// A socket of another program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Whose it is; `None` where this user may not see that.
    pub(crate) program: Option<(u32, String)>,
    /// The numeric id of the user it belongs to.
    pub(crate) user: u32,
    /// Whether it is open for all addresses of the host.
    pub(crate) for_all_addresses: bool,
}

/// What administers the host's firewall, by what is installed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Firewall {
    Firewalld,
    Ufw,
    Nftables,
    Iptables,
    /// None of these was found.
    #[default]
    Unseen,
}

/// The state directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateFacts {
    pub(crate) path: PathBuf,
    pub(crate) exists: bool,
    /// Whether this user may write there.
    pub(crate) writable: bool,
    /// The API's token, if others than its owner can read or change it: its path and permission bits.
    pub(crate) open_token: Option<(PathBuf, u32)>,
    /// Room for this user on its file system.
    pub(crate) free_bytes: Option<u64>,
}

/// What was found at this host's own console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConsoleFact {
    /// Where, as `ADDRESS:PORT`.
    pub(crate) at: String,
    /// Why nothing was reached; `None` where it answered in TLS.
    pub(crate) failure: Option<String>,
    /// Whether that is because nothing listens there.
    pub(crate) is_refused: bool,
}

/// What the daemon knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct DaemonFacts {
    pub(crate) id: String,
    pub(crate) version: String,
    /// Seconds since its start.
    pub(crate) running_for: u64,
    /// By how many milliseconds the wall clock was put forward since the start, beside the time that passed.
    pub(crate) clock_leap: i64,
    pub(crate) links: Vec<LinkFact>,
    /// Why the port of discovery is not open.
    pub(crate) port_error: Option<String>,
    /// All local rows.
    pub(crate) peers: Vec<PeerFact>,
    pub(crate) remotes: Vec<RemoteFact>,
    pub(crate) matrix: Option<MatrixView>,
    pub(crate) traffic: TrafficFacts,
    /// The host that was seen to use this host's identity.
    pub(crate) copy: Option<String>,
    /// Whether the state directory was made on another machine.
    pub(crate) made_elsewhere: bool,
    pub(crate) mode: String,
    /// By mode, the names of those that are there and would not be listed in it.
    pub(crate) would_vanish: BTreeMap<String, Vec<String>>,
    pub(crate) group_keys: usize,
    /// What the store says does not work.
    pub(crate) store_troubles: Vec<String>,
    /// What the last reload could not take over.
    pub(crate) reload_troubles: Vec<String>,
    /// That the API's certificate is over.
    pub(crate) api_certificate: Option<String>,
    /// Whether this host's console answered since the start.
    pub(crate) console_answered: bool,
}

/// A link in use.
#[derive(Debug, Clone, Default)]
pub(crate) struct LinkFact {
    pub(crate) name: String,
    /// Whether no multicast comes in, not even own.
    pub(crate) deaf: bool,
    /// Whether own multicast was ever heard back.
    pub(crate) heard_self: bool,
    /// Milliseconds since any extended peer was heard.
    pub(crate) heard: Option<u64>,
    /// Whether nobody is heard although peers are listed.
    pub(crate) isolated: bool,
    /// Whether peers answer and their multicast does not come in.
    pub(crate) pruned: bool,
    /// Milliseconds since the group was joined anew for that reason.
    pub(crate) rejoined: Option<u64>,
    /// Whether multicast of others came in since then.
    pub(crate) rejoining_helped: bool,
    pub(crate) loss: Option<f64>,
    /// Peers that are there.
    pub(crate) listed: usize,
    /// Peers that fell silent here within a day.
    pub(crate) lost_lately: usize,
}

/// A local row.
#[derive(Debug, Clone)]
pub(crate) struct PeerFact {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) state: PeerState,
    pub(crate) reason: Option<String>,
    /// Seconds in this state.
    pub(crate) state_for: u64,
    /// Seconds since it was heard itself.
    pub(crate) seen: Option<u64>,
    pub(crate) reach: Option<Reach>,
    pub(crate) conflict: Option<(ConflictKind, String)>,
    /// The absence that it announced.
    pub(crate) planned: Option<PlannedFact>,
    pub(crate) version: Option<String>,
    /// The certificate that its console showed, where that is another one than it announces.
    pub(crate) certificate: Option<CertificateFact>,
    /// Whether it speaks the extension.
    pub(crate) extended: bool,
}

/// An absence that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedFact {
    /// When the peer means to be back, as the API tells times.
    pub(crate) until: String,
    pub(crate) reason: String,
    /// For how many seconds it should be back already; `None` before that.
    pub(crate) overdue_for: Option<u64>,
}

/// What a row is at odds about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConflictKind {
    /// Two hosts have one name.
    Name,
    /// A name came back with another key.
    Key,
    /// An unsigned row has the address of a signed one.
    Address,
    /// Two hosts have one identity.
    Identity,
}

/// A peer that was added by hand.
#[derive(Debug, Clone)]
pub(crate) struct RemoteFact {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: PeerState,
    /// Why the newest check failed, as a word and as a sentence.
    pub(crate) failure: Option<(String, String)>,
    pub(crate) rtt_ms: Option<f64>,
    /// The certificate that its console shows, where that is another one than at first.
    pub(crate) certificate: Option<CertificateFact>,
}

/// A certificate in the place of another one, both as SHA-256 in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFact {
    pub(crate) shown: String,
    pub(crate) expected: String,
}

/// What came in and went out.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrafficFacts {
    pub(crate) received: u64,
    pub(crate) kernel_dropped: u64,
    pub(crate) skipped: u64,
    pub(crate) send_errors: u64,
    /// By cause.
    pub(crate) dropped: BTreeMap<String, u64>,
}

/// Whom a question is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    /// As it was asked.
    pub(crate) given: String,
    /// Its local row, by id.
    pub(crate) peer: Option<String>,
    /// Its row among those added by hand.
    pub(crate) remote: Option<String>,
    /// Whether it is this host.
    pub(crate) is_own: bool,
    /// The address that was given, where no row has it.
    pub(crate) address: Option<IpAddr>,
    /// The interface on whose link that address is.
    pub(crate) on_link: Option<String>,
}

impl PeerFact {
    /// Whether it is not heard and did not say why.
    pub(crate) fn is_missed(&self) -> bool {
        let said_goodbye = self.reason.as_deref() == Some("left");
        self.state == PeerState::Unknown || (self.state == PeerState::Down && !said_goodbye)
    }
}

impl Facts {
    /// The links that the checks of hearing may judge: the port is ours, and the group was joined there.
    pub(crate) fn hearing_links(&self) -> impl Iterator<Item = &LinkFact> {
        let links = self.daemon.iter().filter(|daemon| daemon.port_error.is_none()).flat_map(|daemon| &daemon.links);
        links.filter(|link| self.host.members.as_ref().is_none_or(|members| members.contains(&link.name)))
    }

    /// Those of them on which something comes in at all.
    pub(crate) fn open_links(&self) -> impl Iterator<Item = &LinkFact> {
        self.hearing_links().filter(|link| !link.deaf)
    }
}

/// The group of IPv6, as `/proc/net/igmp6` writes it.
pub(crate) const GROUP_V6: &str = "ff120000000000000000000000000132";

/// The group of IPv4, as `/proc/net/igmp` writes it: the address in memory order, printed as a number.
pub(crate) fn group_v4_in_proc(group: Ipv4Addr) -> String {
    format!("{:08X}", u32::from_ne_bytes(group.octets()))
}
