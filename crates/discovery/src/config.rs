//! What an embedder may choose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use kimchi_peers_proto::{
    Config as EngineConfig, Facts, GROUP_V4, GROUP_V6, HostSecret, INTEGER_MAX, Identity, InvalidHostName, Keyring,
    KnownPeer, Mode, PORT, Profile,
};

use crate::identity::{HostKey, HostKeyError};
use crate::interfaces::Ipv6;

/// How to take part in discovery. [`Config::new`] is right for most; change fields before [`crate::Discovery::start`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Who this host is. The epoch, 1 to [`INTEGER_MAX`], must grow with every start: keep it, or use the wall clock in seconds, as
    /// [`Config::new`] does. In microseconds it would do until the year 2255, in nanoseconds it is too great.
    pub identity: Identity,
    /// What this host signs with: the secret half of its identity.
    pub secret: HostSecret,
    /// The keys of the group that this host is in; none, the default, for a host of no group.
    pub keyring: Keyring,
    /// Whom this host lists. Default: everybody.
    pub mode: Mode,
    /// What this host tells of itself; its ports are 1 to 65535.
    pub profile: Profile,
    /// The only interfaces to use, by name. Empty: all that are up and lead out of the host.
    pub interfaces: Vec<String>,
    /// When IPv6 is spoken.
    pub ipv6: Ipv6,
    /// The address to announce and to be probed at, where several hosts share one machine; `None` for all addresses. An IPv4
    /// address of an interface, or a link-local one of IPv6 where `ipv6` is not [`Ipv6::Never`].
    pub address: Option<IpAddr>,
    /// The IPv4 group, the same on all hosts; a multicast address.
    pub group_v4: Ipv4Addr,
    /// The IPv6 group, the same on all hosts; a multicast address.
    pub group_v6: Ipv6Addr,
    /// The UDP port, the same on all hosts; 1 to 65535.
    pub port: u16,
    /// Only asks: is not listed by others and answers nobody.
    pub observer: bool,
    /// What was known at the end of the last run: [`KnownPeer::from`] makes one of a row of [`crate::Discovery::peers`].
    pub known: Vec<KnownPeer>,
}

/// Why a configuration could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The name is no host name.
    #[error(transparent)]
    Name(#[from] InvalidHostName),
    /// There is no key.
    #[error(transparent)]
    Key(#[from] HostKeyError),
}

/// What a configuration has this host say or listen to that no other host could read or reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// A port is 0: of the console, or of discovery.
    #[error("{0} is 0; a port is 1 to 65535")]
    Port(&'static str),
    /// The epoch is not 1 to [`INTEGER_MAX`].
    #[error("the epoch {0} is not 1 to {INTEGER_MAX}; the wall clock in seconds is")]
    Epoch(u64),
    /// The address is of a sort that is never announced, or of a family that is not spoken.
    #[error(
        "the address {0} cannot be announced: give an IPv4 address, or where IPv6 is spoken a link-local one of that"
    )]
    Address(IpAddr),
    /// The group is no multicast address.
    #[error("the group {0} is no multicast address")]
    Group(IpAddr),
}

/// Others drop what tells of a port 0.
pub(crate) fn check_ports(profile: &Profile) -> Result<(), InvalidConfig> {
    match (profile.http_port, profile.https_port) {
        (0, _) => Err(InvalidConfig::Port("http_port")),
        (_, 0) => Err(InvalidConfig::Port("https_port")),
        _ => Ok(()),
    }
}

impl Config {
    /// A host named `name` with a new identity, whose console answers on Kimchi's ports 8000 and 8001.
    ///
    /// # Errors
    /// `name` is no host name, or the operating system gives no random numbers.
    pub fn new(name: &str) -> Result<Self, ConfigError> {
        Ok(Self::with_key(name, &HostKey::generate()?)?)
    }

    /// The same with a key that is kept.
    ///
    /// # Errors
    /// `name` is no host name.
    pub fn with_key(name: &str, key: &HostKey) -> Result<Self, InvalidHostName> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let identity = Identity { id: key.id(), epoch: since_epoch.as_secs().max(1) };
        let profile = Profile {
            name: name.parse()?,
            http_port: 8000,
            https_port: 8001,
            facts: Facts::default(),
            certificate: None,
        };
        Ok(Self {
            identity,
            secret: key.secret().clone(),
            keyring: Keyring::default(),
            mode: Mode::default(),
            profile,
            interfaces: Vec::new(),
            ipv6: Ipv6::default(),
            address: None,
            group_v4: GROUP_V4,
            group_v6: GROUP_V6,
            port: PORT,
            observer: false,
            known: Vec::new(),
        })
    }

    /// Whether other hosts can read what this host will say.
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        check_ports(&self.profile)?;
        if self.port == 0 {
            return Err(InvalidConfig::Port("port"));
        }
        if !(1..=INTEGER_MAX).contains(&self.identity.epoch) {
            return Err(InvalidConfig::Epoch(self.identity.epoch));
        }
        let groups = [IpAddr::V4(self.group_v4), IpAddr::V6(self.group_v6)];
        if let Some(group) = groups.into_iter().find(|group| !group.is_multicast()) {
            return Err(InvalidConfig::Group(group));
        }
        let can_be_announced = |address: &IpAddr| match address {
            IpAddr::V4(address) => !(address.is_unspecified() || address.is_multicast() || address.is_broadcast()),
            IpAddr::V6(address) => address.is_unicast_link_local() && self.ipv6 != Ipv6::Never,
        };
        self.address.filter(|address| !can_be_announced(address)).map_or(Ok(()), |it| Err(InvalidConfig::Address(it)))
    }

    pub(crate) fn engine(&self) -> EngineConfig {
        EngineConfig {
            group_v4: self.group_v4,
            group_v6: self.group_v6,
            port: self.port,
            observer: self.observer,
            mode: self.mode,
            ..EngineConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why a configuration that was changed so is not taken.
    fn fault(change: impl FnOnce(&mut Config)) -> Option<InvalidConfig> {
        let mut config = Config::new("kvm-1").unwrap();
        change(&mut config);
        config.check().err()
    }

    #[test]
    fn what_no_other_host_could_read_is_refused() {
        use InvalidConfig::{Epoch, Group, Port};
        assert_eq!(fault(|_| ()), None);
        assert_eq!(fault(|config| config.profile.http_port = 0), Some(Port("http_port")));
        assert_eq!(fault(|config| config.profile.https_port = 0), Some(Port("https_port")));
        assert_eq!(fault(|config| config.port = 0), Some(Port("port")));
        assert_eq!(fault(|config| config.identity.epoch = 0), Some(Epoch(0)));
        assert_eq!(fault(|config| config.identity.epoch = 1 << 53), Some(Epoch(1 << 53)));
        assert_eq!(fault(|config| config.identity.epoch = INTEGER_MAX), None);
        assert_eq!(fault(|config| config.group_v4 = Ipv4Addr::LOCALHOST), Some(Group(Ipv4Addr::LOCALHOST.into())));
    }

    #[test]
    fn an_address_that_is_never_announced_is_refused() {
        let with = |address: &str, ipv6| {
            let wanted = address.parse().unwrap();
            let told = fault(|config| (config.address, config.ipv6) = (Some(wanted), ipv6));
            assert!(told.is_none_or(|told| told == InvalidConfig::Address(wanted)), "{told:?}");
            told.is_none()
        };
        assert!(with("192.0.2.1", Ipv6::Never) && with("127.77.0.1", Ipv6::Fallback) && with("fe80::1", Ipv6::Always));
        assert!(!with("fe80::1", Ipv6::Never) && !with("2001:db8::1", Ipv6::Always) && !with("::1", Ipv6::Fallback));
        assert!(!with("0.0.0.0", Ipv6::Fallback) && !with("224.0.0.132", Ipv6::Fallback));
    }
}
