//! What the engine's behaviour depends on.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::limit::Rate;
use crate::trust::Mode;

/// The IPv4 group of the request.
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 132);
/// The IPv6 group, link-local and transient since none is registered (RFC 4291 section 2.7): `ff12::132`.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0, 0x132);
/// The UDP port of the request.
pub const PORT: u16 = 8000;

/// What the engine's behaviour depends on. [`Config::default`] suits a local network of 2 to 1,000 hosts.
///
/// Where a [`crate::Node`] is made, each value is brought into its range: no time is longer than 365 days, and one after which
/// something is done again is 1 ms or longer; `missed_heartbeats` is 1 to 1,000; rates and bursts are 1 to 1,000,000.
#[derive(Debug, Clone)]
pub struct Config {
    /// The IPv4 group; all hosts of a network need the same.
    pub group_v4: Ipv4Addr,
    /// The IPv6 group, for interfaces without an IPv4 address.
    pub group_v6: Ipv6Addr,
    /// The UDP port of group and probes; all hosts of a network need the same.
    pub port: u16,
    /// Asks only: announces itself with a lifetime of 0 so that extended peers do not list it, and answers nobody.
    pub observer: bool,
    /// Shortest time between two heartbeats. Less notices a death sooner and costs packets.
    pub heartbeat: Duration,
    /// Time between two heartbeats per host of the network: 100 ms make ten heartbeats a second at any size above 100.
    pub heartbeat_share: Duration,
    /// Heartbeats that may be missed before a peer is doubted: its announced lifetime is this many intervals.
    pub missed_heartbeats: u32,
    /// When a starting link searches, counted from its start. The third and later only while there is reason to.
    pub searches: [Duration; 4],
    /// Random delay of an answer per host of the network, so that answers do not collide.
    pub answer_jitter_share: Duration,
    /// Longest random delay of an answer. With `answer_interval` it bounds how long anybody waits for an answer.
    pub answer_jitter_max: Duration,
    /// Shortest time between two answers on one link; one answer serves all that asked meanwhile.
    pub answer_interval: Duration,
    /// Directed searches that a doubted peer may leave unanswered. At 20 % loss either way a live peer misses one in
    /// three, and twelve in a row once in 200,000 times.
    pub probe_tries: u8,
    /// Time between two directed searches to one doubted peer.
    pub probe_interval: Duration,
    /// Whether this host watches its neighbours in the ring, and so finds out for all when one of them dies. Without it
    /// a host doubts its peers by itself after their lifetimes, and still believes what others find out.
    pub watch: bool,
    /// Time between two probes of the neighbour before this host in the ring. Less notices a death sooner and costs
    /// packets: two in this time for each host, whatever the size of the network.
    pub watch_interval: Duration,
    /// Silence of the neighbour behind this host, which probes it once in `watch_interval`, before this host asks itself.
    pub watch_silence: Duration,
    /// Time between two quick tries at a peer that missed a probe; also the least time that an answer is given.
    pub try_interval: Duration,
    /// Time from the first missed try until the suspicion is multicast.
    pub suspect_after: Duration,
    /// Time from the first missed try to the verdict, where fewer than a quarter of all datagrams are lost; up to twice
    /// that on worse links. The last suspicion goes out 200 ms before it: a peer that was deaf for two seconds
    /// hears it, also if one probe was lost just before.
    pub verdict_after: Duration,
    /// How long a peer must have been silent before a verdict over it is believed by a host that heard it itself.
    pub verdict_doubt: Duration,
    /// Time from the suspicion to the verdict over a peer whose kernel says that nobody listens.
    pub refused_after: Duration,
    /// Time between two searches for a peer that was lost, by the host that would be its neighbour.
    pub lost_search: Duration,
    /// For how long a lost peer is searched for.
    pub lost_search_for: Duration,
    /// How long a peer known from the last run may stay unheard before it is doubted.
    pub confirm_after: Duration,
    /// Silence after which base peers are asked by the first extended peer of the link.
    pub base_search_after: Duration,
    /// How much longer the second, third, ... extended peer waits before it asks in the first one's stead.
    pub base_search_stagger: Duration,
    /// Silence after which a base peer is lost: three rounds of searches.
    pub base_lifetime: Duration,
    /// How long nobody is doubted after this host was suspended, overloaded or without a link.
    pub grace: Duration,
    /// How late a wake-up must be to mean that this host was suspended or overloaded.
    pub lateness: Duration,
    /// How long a peer stays known after it went down.
    pub forget_after: Duration,
    /// Bound on own multicast datagrams per link.
    pub multicast_rate: Rate,
    /// Bound on own unicast datagrams per link.
    pub unicast_rate: Rate,
    /// Bound on own pages of the table to the group, per link; they go beside `multicast_rate`.
    pub page_rate: Rate,
    /// Whom this host lists.
    pub mode: Mode,
    /// Bound on the signatures of known peers and of members that are verified: at 61 µs each an eighth of a processor.
    pub verify_rate: Rate,
    /// Bound on the signatures of strangers that are verified. The burst takes a boot of 1,000 hosts.
    pub stranger_rate: Rate,
    /// Bound on the signatures of one known peer that are verified, beside its answers.
    pub sender_rate: Rate,
    /// Bound on what is taken from one address at which nobody is known.
    pub source_rate: Rate,
    /// Most extended peers that are listed before they proved to be there for longer than one datagram.
    pub unproven_max: usize,
    /// The same of base peers.
    pub nursery_max: usize,
    /// The same of base peers with one address.
    pub nursery_share: usize,
    /// How long a peer must have been heard to be proven; also how long one that was never proven is remembered.
    pub proven_after: Duration,
    /// Most extended peers in the table.
    pub peers_max: usize,
    /// Most base peers in the table.
    pub base_peers_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            group_v4: GROUP_V4,
            group_v6: GROUP_V6,
            port: PORT,
            observer: false,
            heartbeat: Duration::from_secs(10),
            heartbeat_share: Duration::from_millis(100),
            missed_heartbeats: 3,
            searches: [0, 250, 1000, 4000].map(Duration::from_millis),
            answer_jitter_share: Duration::from_micros(500),
            answer_jitter_max: Duration::from_millis(500),
            answer_interval: Duration::from_secs(1),
            probe_tries: 12,
            probe_interval: Duration::from_millis(250),
            watch: true,
            watch_interval: Duration::from_millis(870),
            watch_silence: Duration::from_millis(1300),
            try_interval: Duration::from_millis(100),
            suspect_after: Duration::from_millis(1200),
            verdict_after: Duration::from_millis(2300),
            verdict_doubt: Duration::from_millis(1400),
            refused_after: Duration::from_millis(300),
            lost_search: Duration::from_secs(3),
            lost_search_for: Duration::from_secs(600),
            confirm_after: Duration::from_secs(5),
            base_search_after: Duration::from_secs(25),
            base_search_stagger: Duration::from_secs(5),
            base_lifetime: Duration::from_secs(92),
            grace: Duration::from_secs(10),
            lateness: Duration::from_secs(2),
            forget_after: Duration::from_secs(30 * 24 * 3600),
            multicast_rate: Rate { per_second: 8, burst: 20 },
            unicast_rate: Rate { per_second: 400, burst: 1000 },
            page_rate: Rate { per_second: 100, burst: 600 },
            mode: Mode::Mark,
            verify_rate: Rate { per_second: 2_000, burst: 4_000 },
            stranger_rate: Rate { per_second: 300, burst: 3_000 },
            sender_rate: Rate { per_second: 100, burst: 300 },
            source_rate: Rate { per_second: 30, burst: 200 },
            unproven_max: 2_048,
            nursery_max: 256,
            nursery_share: 4,
            proven_after: Duration::from_secs(10),
            peers_max: 8192,
            base_peers_max: 1024,
        }
    }
}

impl Config {
    /// The heartbeat interval in a network of `hosts` hosts, before jitter.
    pub fn heartbeat_interval(&self, hosts: usize) -> Duration {
        self.heartbeat.max(Self::times(self.heartbeat_share, u32::try_from(hosts).unwrap_or(u32::MAX)))
    }

    /// The longest random delay of an answer in a network of `hosts` hosts.
    pub fn answer_jitter(&self, hosts: usize) -> Duration {
        self.answer_jitter_max.min(Self::times(self.answer_jitter_share, u32::try_from(hosts).unwrap_or(u32::MAX)))
    }
}
