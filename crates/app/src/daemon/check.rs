//! The certificate behind a row, looked at because somebody who may change things asked for it. Nothing that comes in from the
//! network ever has this done.

use std::net::SocketAddr;

use kimchi_peers::CertificateHash;
use kimchi_peers::remote::{RemoteAddress, RemoteAddressError, RemoteReport};
use thiserror::Error;

use crate::daemon::{Daemon, present};
use crate::view::{CertificateState, CheckView};

/// Why nothing was looked at.
#[derive(Debug, Error)]
pub(crate) enum CheckError {
    #[error("no peer has the id {0}")]
    Unknown(String),
    #[error("no address of {0} is known")]
    NoAddress(String),
    #[error("{0} is an address of this very host")]
    Ourselves(String),
    #[error(transparent)]
    Address(#[from] RemoteAddressError),
}

impl Daemon {
    /// Looks at the certificate that a peer's console serves, and holds it against what is known of it.
    ///
    /// # Errors
    /// There is no such peer, or its address is none that may be connected to. That nobody answers is a result.
    pub(crate) async fn check(&self, id: &str) -> Result<CheckView, CheckError> {
        let target = self.target_of(id)?;
        let outcome = self.reader.read(&target).await;
        let failure = outcome.as_ref().err().map(ToString::to_string);
        let remote = self.registry().remote(id).is_some();
        let keep = match outcome {
            Ok(reached) if remote => {
                let key = id.to_owned();
                let next_check_in = std::time::Duration::ZERO;
                self.registry().report(&RemoteReport { key, outcome: Ok(reached), failures_in_a_row: 0, next_check_in })
            }
            Ok(reached) => self.registry().checked(id, CertificateHash::from_bytes(reached.certificate_sha256)),
            Err(_) => {
                // Whether a remote peer is down is for its own schedule to find out, now.
                self.monitor.check_now(id);
                Vec::new()
            }
        };
        self.keep(keep);
        let registry = self.registry();
        let local = registry.local(id).map(|row| (row.peer.name.to_string(), present::certificates(row)));
        let remote = registry.remote(id).map(|row| (present::remote(row).name, present::remote_certificates(row)));
        let (name, known) = local.or(remote).ok_or_else(|| CheckError::Unknown(id.to_owned()))?;
        // What was seen another time says nothing of this one.
        let state = if failure.is_some() { CertificateState::Unknown } else { known.state };
        Ok(CheckView {
            id: id.to_owned(),
            name,
            address: target.key(),
            certificate_state: state,
            certificate: known.shown.filter(|_| failure.is_none()),
            certificate_expected: known.expected,
            failure,
        })
    }

    /// Where the console of a row answers, if this host may connect there.
    fn target_of(&self, id: &str) -> Result<RemoteAddress, CheckError> {
        let registry = self.registry();
        if let Some(row) = registry.remote(id) {
            return Ok(row.address.clone());
        }
        let row = registry.local(id).ok_or_else(|| CheckError::Unknown(id.to_owned()))?;
        let address = row.peer.addresses().first().copied();
        let address = address.ok_or_else(|| CheckError::NoAddress(row.peer.name.to_string()))?;
        let target = SocketAddr::new(address, row.peer.https_port).to_string();
        // A row may say anything of where it is; this host's own services are not for it to point at.
        let is_own = kimchi_peers::own_addresses().is_ok_and(|own| own.contains(&address));
        if is_own && !self.policy.allow_loopback {
            return Err(CheckError::Ourselves(target));
        }
        Ok(RemoteAddress::parse(&target, self.policy)?)
    }
}
