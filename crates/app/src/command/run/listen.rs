//! Where the API listens.

use std::io;
use std::sync::Arc;

use crate::api::{self, Inherited, Listener, Tls};
use crate::daemon::Daemon;
use crate::failure::Failure;
use crate::settings::{ApiAddress, Settings};

/// The certificate for what other hosts can reach, if there is to be one.
pub(super) fn certificate(daemon: &Daemon, settings: &Settings) -> Result<Option<Arc<Tls>>, Failure> {
    let own = kimchi_peers::own_addresses().unwrap_or_default();
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter();
    let names = names.chain(own.iter().map(ToString::to_string)).collect();
    let tls = Tls::load(settings, &daemon.state_dir, names).map_err(|error| Failure::new(error.to_string()))?;
    if let Some(tls) = &tls {
        tracing::info!("the API's certificate has the SHA-256 fingerprint {}", tls.fingerprint());
        note_end(daemon, tls);
    }
    Ok(tls.map(Arc::new))
}

/// Tells of a certificate that is over: nobody else would, and clients do not say why they go away.
pub(super) fn note_end(daemon: &Daemon, tls: &Tls) {
    let over = tls.is_over();
    if let Some(sentence) = &over {
        tracing::warn!("{sentence}");
    }
    *daemon.api_certificate() = over;
}

/// Takes over what was inherited, which stands for the defaults, and opens what else the settings name. One that was
/// inherited or asked for and cannot be opened is an error; of the defaults one is enough.
pub(super) async fn open(
    daemon: &Daemon,
    settings: &Settings,
    tls: Option<&Arc<Tls>>,
    inherited: Vec<Inherited>,
) -> Result<Vec<Listener>, Failure> {
    let group = settings.api_group.as_deref();
    let taken: Vec<ApiAddress> = inherited.iter().map(Inherited::address).collect();
    let mut listeners = Vec::new();
    for (inherited, address) in inherited.into_iter().zip(&taken) {
        let remedy = "set `tls` in the configuration, or change the ListenStream= of kimchi-peers.socket";
        listeners.push(api::adopt(inherited, tls).map_err(|error| refused(address, &error, remedy))?);
    }
    let are_defaults = settings.api_optional_socket.is_some();
    if !are_defaults || taken.is_empty() {
        for address in settings.api.iter().filter(|address| !taken.contains(address)) {
            let remedy = "choose another address with --api, or see who holds it with: ss -lntp";
            let listener = api::open(address, group, tls).await.map_err(|error| refused(address, &error, remedy))?;
            listeners.push(listener);
        }
        if let Some(path) = &settings.api_optional_socket {
            let address = ApiAddress::Unix(path.clone());
            match api::open(&address, group, None).await {
                Ok(listener) => listeners.push(listener),
                Err(error) => tracing::debug!(%address, %error, "going without the optional socket"),
            }
        }
    }
    daemon.listening().addresses = listeners.iter().map(Listener::address).collect();
    Ok(listeners)
}

fn refused(address: &ApiAddress, error: &io::Error, remedy: &str) -> Failure {
    Failure::new(format!("cannot open the API on {address}: {error}")).with_hint(remedy)
}
