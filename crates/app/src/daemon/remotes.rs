//! Adding and removing peers by hand.

use std::net::IpAddr;
use std::time::SystemTime;

use kimchi_peers::remote::{Host, RemoteAddress, RemoteAddressError, RemoteHealth, RemoteState};
use kimchi_peers::{HostName, InvalidHostName, Ipv6, Network, PeerKey, State};
use thiserror::Error;

use crate::daemon::Daemon;
use crate::daemon::rows::RemoteRow;
use crate::store::{StoreError, StoredRemote};
use crate::view::{AddRequest, PeerState, PeerView, unix_milliseconds};

/// Why a peer was not added.
#[derive(Debug, Error)]
pub(crate) enum AddError {
    #[error("give either \"address\" or \"url\"")]
    NoAddress,
    #[error(transparent)]
    Address(#[from] RemoteAddressError),
    #[error("the name is {0}")]
    Name(InvalidHostName),
    #[error("{0} is this host itself")]
    Ourselves(String),
    #[error("{0} is the network's own or the broadcast address of a link of this host, and no host's")]
    Broadcast(IpAddr),
    #[error("{0} is in the list already; remove it first to add it differently")]
    Known(String),
    #[error("{address} is in the list already: it is {name}, heard on this network")]
    Local { address: String, name: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("there are {0} remote peers already, which is as many as one host checks")]
    TooMany(usize),
}

/// Why a peer was not removed.
#[derive(Debug, Error)]
pub(crate) enum RemoveError {
    #[error("no peer has the id {0}")]
    Unknown(String),
    #[error(
        "{0} is there, on this network, and would be listed again at once; only peers that are down or that were added by hand can be removed"
    )]
    Live(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The text from which a kept remote's address is read again.
pub(crate) fn typed_address(stored: &StoredRemote) -> String {
    let host = match stored.host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Ok(IpAddr::V4(_)) | Err(_) => stored.host.clone(),
    };
    format!("https://{host}:{}{}", stored.port, stored.server_root)
}

/// Whether an address is the first or the last one of a network of this host, which stand for the network and for all its hosts.
fn is_edge_of_own_link(address: IpAddr) -> bool {
    let IpAddr::V4(address) = address else { return false };
    let is_edge = |network: &Network| {
        let host_bits = u32::MAX.checked_shr(network.prefix.into()).unwrap_or(0);
        let host = address.to_bits() & host_bits;
        // A network of two addresses or one has neither (RFC 3021), and each address of the loopback is this host.
        network.prefix < 31
            && !network.address.is_loopback()
            && network.contains(address.into())
            && (host == 0 || host == host_bits)
    };
    let interfaces = kimchi_peers::interfaces(&[], Ipv6::Never).unwrap_or_default();
    interfaces.iter().flat_map(|interface| &interface.networks).any(is_edge)
}

impl Daemon {
    /// Keeps a remote peer. When this returns, it is durable.
    pub(crate) async fn add(&self, request: &AddRequest) -> Result<PeerView, AddError> {
        let ((Some(text), None) | (None, Some(text))) = (&request.address, &request.url) else {
            return Err(AddError::NoAddress);
        };
        let address = RemoteAddress::parse(text, self.policy)?;
        let name = request.name.as_deref().map(str::parse::<HostName>).transpose().map_err(AddError::Name)?;
        self.refuse_known(&address)?;
        let host = match address.host() {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        };
        let now = unix_milliseconds(SystemTime::now());
        let stored = StoredRemote {
            key: address.key(),
            name: name.map(|name| name.to_string()),
            host,
            port: address.port(),
            server_root: address.server_root().to_owned(),
            added_at: now,
            state: PeerState::Unknown.as_str().to_owned(),
            reason: None,
            state_since: now,
            last_seen: None,
            round_trip_ms: None,
            certificate: None,
        };
        match self.store.add_remote(stored.clone()).await {
            Ok(()) => {}
            Err(StoreError::Exists(key)) => return Err(AddError::Known(key)),
            Err(error) => return Err(error.into()),
        }
        let health = RemoteHealth::new(RemoteState::Unknown);
        let row = RemoteRow { stored, address: address.clone(), health, reached: None, failure: None, shown: None };
        let (view, keep) = self.registry().insert_remote(row);
        tracing::info!(peer = %view.name, id = %view.id, "added by hand");
        self.keep(vec![keep]);
        // Room was looked for before; a peer too many would be kept and checked from the next start on.
        let _ = self.monitor.watch(address);
        Ok(view)
    }

    fn refuse_known(&self, address: &RemoteAddress) -> Result<(), AddError> {
        let settings = self.settings();
        let is_own = match address.host() {
            Host::Name(name) => *name == settings.name,
            Host::Address(address) => kimchi_peers::own_addresses().is_ok_and(|own| own.contains(address)),
        };
        if is_own && address.port() == settings.https_port {
            return Err(AddError::Ourselves(address.key()));
        }
        if let Host::Address(literal) = address.host()
            && is_edge_of_own_link(*literal)
        {
            return Err(AddError::Broadcast(*literal));
        }
        let registry = self.registry();
        if registry.remote(&address.key()).is_some() {
            return Err(AddError::Known(address.key()));
        }
        if let Host::Address(literal) = address.host()
            && let Some(row) = registry.local_at(*literal, address.port())
        {
            return Err(AddError::Local { address: address.key(), name: row.peer.name.to_string() });
        }
        let most = kimchi_peers::remote::MAX_REMOTES;
        if registry.remotes().count() >= most { Err(AddError::TooMany(most)) } else { Ok(()) }
    }

    /// Forgets a remote peer, or a local one that is down. When this returns, it is durable for a remote one.
    pub(crate) async fn remove(&self, id: &str) -> Result<(), RemoveError> {
        let local: Option<(PeerKey, State, String)> =
            self.registry().local(id).map(|row| (row.peer.key.clone(), row.peer.state, row.peer.name.to_string()));
        if let Some((key, state, name)) = local {
            if state != State::Down {
                return Err(RemoveError::Live(name));
            }
            // The engine forgets it and says so; that event takes it out of registry and store.
            let _ = self.discovery.forget(key).await;
            tracing::info!(peer = %name, id, "forgotten by hand, with the key that its name belonged to");
            return Ok(());
        }
        if self.registry().remote(id).is_none() || !self.store.remove_remote(id).await? {
            return Err(RemoveError::Unknown(id.to_owned()));
        }
        self.monitor.forget(id);
        tracing::info!(id, "removed by hand");
        let keep = self.registry().remove_remote(id);
        self.keep(keep.into_iter().collect());
        Ok(())
    }
}
