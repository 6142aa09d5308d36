//! What an embedder may choose.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use kimchi_peers_proto::{
    Config as EngineConfig, Facts, GROUP_V4, GROUP_V6, HostSecret, Identity, InvalidHostName, Keyring, KnownPeer, Mode,
    PORT, Profile,
};

use crate::identity::{HostKey, HostKeyError};
use crate::interfaces::Ipv6;

/// How to take part in discovery. [`Config::new`] is right for most; change fields before [`crate::Discovery::start`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Who this host is. The epoch must grow with every start: keep it, or use the wall clock in seconds.
    pub identity: Identity,
    /// What this host signs with: the secret half of its identity.
    pub secret: HostSecret,
    /// The keys of the group that this host is in; none, the default, for a host of no group.
    pub keyring: Keyring,
    /// Whom this host lists. Default: everybody.
    pub mode: Mode,
    /// What this host tells of itself.
    pub profile: Profile,
    /// The only interfaces to use, by name. Empty: all that are up and lead out of the host.
    pub interfaces: Vec<String>,
    /// When IPv6 is spoken.
    pub ipv6: Ipv6,
    /// The address to announce and to be probed at, where several hosts share one machine; `None` for all addresses.
    pub address: Option<IpAddr>,
    /// The IPv4 group, the same on all hosts.
    pub group_v4: Ipv4Addr,
    /// The IPv6 group, the same on all hosts.
    pub group_v6: Ipv6Addr,
    /// The UDP port, the same on all hosts.
    pub port: u16,
    /// Only asks: is not listed by others and answers nobody.
    pub observer: bool,
    /// What was known at the end of the last run.
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
