//! How discovery is doing.

use std::net::IpAddr;

use kimchi_peers_proto::{Counters, GroupId, Identity, Instant, Mode, Profile};

use crate::interfaces::InterfaceChoice;

/// How discovery is doing on this host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// Who this host is.
    pub identity: Identity,
    /// What it tells of itself.
    pub profile: Profile,
    /// The links in use.
    pub links: Vec<LinkStatus>,
    /// All interfaces, and why each is used or not.
    pub interfaces: Vec<InterfaceChoice>,
    /// The numbers so far.
    pub counters: Counters,
    /// Datagrams that the kernel dropped for want of room.
    pub kernel_drops: u64,
    /// Multicast datagrams that were skipped because this host could not keep up: they waited for a second or more.
    pub skipped: u64,
    /// Datagrams that could not be sent.
    pub send_errors: u64,
    /// Unicast datagrams that were answered by ICMP port unreachable.
    pub unreachable: u64,
    /// Hosts of the network that are there, this one included.
    pub hosts: usize,
    /// Rows of the peer table, dead ones included.
    pub rows: usize,
    /// Extended rows that are listed without proof that their hosts are there to stay: keep none of them.
    pub unproven: usize,
    /// The same of base peers.
    pub unproven_base: usize,
    /// The bounds of the table and of what is verified; [`Node::limits`](kimchi_peers_proto::Node::limits) names them.
    pub limits: [(&'static str, u64); 6],
    /// Whom this host lists.
    pub mode: Mode,
    /// The names of the group keys, the one in use first.
    pub group_keys: Vec<GroupId>,
    /// The UDP port of discovery.
    pub port: u16,
    /// Why that port is not open; `None` where it is, or is not needed.
    pub port_error: Option<String>,
    /// What does not work, each in one sentence; empty when all is well.
    pub troubles: Vec<String>,
}

/// One link in use.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LinkStatus {
    /// The interface's name.
    pub name: String,
    /// The interface's index.
    pub index: u32,
    /// The address announced there.
    pub address: Option<IpAddr>,
    /// When this host's own multicast was last heard back there; never, where a firewall drops what comes in.
    pub heard_self: Option<Instant>,
    /// Whether several own multicast datagrams in a row were not heard back, nor anybody else's: no multicast comes in.
    pub deaf: bool,
    /// When any extended peer was last heard there, whatever it sent and to whom.
    pub heard: Option<Instant>,
    /// When another host's multicast was last heard there, or the link came into use.
    pub heard_group: Instant,
    /// Whether peers answer there and what they send to all does not come in: a switch prunes the group.
    pub pruned: bool,
    /// When the group was last joined anew for that reason.
    pub rejoined: Option<Instant>,
    /// Share of datagrams that are lost one way, 0 to 1; `None` before the neighbours there were asked ten times.
    pub loss: Option<f64>,
    /// Whether nobody at all is heard there although peers are listed: this host is cut off.
    pub isolated: bool,
}
