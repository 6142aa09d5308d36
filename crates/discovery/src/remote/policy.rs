//! Which addresses a remote peer may have.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Decides which addresses may be connected to, so that adding a peer cannot be used to reach services of this host or
/// of its link that trust their neighbourhood (server-side request forgery).
///
/// The same policy judges what the user typed and every address a name resolves to. Private networks (10/8, 172.16/12,
/// 192.168/16, fc00::/7) are allowed: that is where hypervisors live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// Also allow 127/8, `::1` and the names `localhost` and `*.localhost`. For tests and the demo on one machine; on a
    /// real host it would let any user of the API probe the host's own services.
    pub allow_loopback: bool,
}

/// Why an address may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Forbidden {
    /// `0.0.0.0` or `::`: Linux connects it to this very host.
    Wildcard,
    /// 127/8, `::1` or a name that means them: this very host.
    Loopback,
    /// 169.254/16 or fe80::/10: a host of a link, which the local search finds; also where clouds keep their secrets.
    LinkLocal,
    /// 224/4 or ff00::/8: a group, not a host.
    Multicast,
    /// 255.255.255.255: everybody on the link.
    Broadcast,
    /// 0/8 and 240/4: never given to a host.
    Reserved,
    /// An IPv6 form that only wraps an IPv4 address (`::ffff:a.b.c.d`, `::a.b.c.d`), a usual way round filters.
    WrappedIpv4,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Wildcard => "a wildcard address",
            Self::Loopback => "this host's own loopback",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "a broadcast address",
            Self::Reserved => "a reserved address",
            Self::WrappedIpv4 => "an IPv4 address wrapped in IPv6",
        })
    }
}

impl Policy {
    /// Tells whether a connection to `address` is allowed, and if not, for what reason.
    pub fn judge(self, address: IpAddr) -> Result<(), Forbidden> {
        let verdict = match address {
            IpAddr::V4(address) => forbidden_v4(address),
            IpAddr::V6(address) => forbidden_v6(address),
        };
        match verdict {
            Some(Forbidden::Loopback) if self.allow_loopback && address.is_loopback() => Ok(()),
            Some(reason) => Err(reason),
            None => Ok(()),
        }
    }

    /// Tells whether a name may be looked up at all: RFC 6761 reserves `localhost` and everything below it.
    /// `name` is in lower case and without a trailing dot.
    pub(super) fn judge_name(self, name: &str) -> Result<(), Forbidden> {
        let is_local = name == "localhost" || name.ends_with(".localhost");
        if is_local && !self.allow_loopback { Err(Forbidden::Loopback) } else { Ok(()) }
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<Forbidden> {
    match address.octets() {
        [0, 0, 0, 0] => Some(Forbidden::Wildcard),
        [0, ..] => Some(Forbidden::Reserved),
        [127, ..] => Some(Forbidden::Loopback),
        [169, 254, ..] => Some(Forbidden::LinkLocal),
        [224..=239, ..] => Some(Forbidden::Multicast),
        [255, 255, 255, 255] => Some(Forbidden::Broadcast),
        [240..=255, ..] => Some(Forbidden::Reserved),
        _ => None,
    }
}

fn forbidden_v6(address: Ipv6Addr) -> Option<Forbidden> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Forbidden::Wildcard),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Forbidden::Loopback),
        // Mapped, compatible and translated IPv4 (RFC 4291 section 2.5.5, RFC 2765): the kernel or a local translator
        // may unwrap them after our rule has looked at them.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => Some(Forbidden::WrappedIpv4),
        [0xfe80..=0xfebf, ..] => Some(Forbidden::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Forbidden::Multicast),
        // NAT64 (RFC 6052, RFC 8215) is the honest way to IPv4 hosts from an IPv6-only network, and 6to4 is an old one: allowed,
        // but only towards what would be allowed directly.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] | [0x2002, high, low, ..] => {
            forbidden_v4(join(high, low))
        }
        _ => None,
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}
