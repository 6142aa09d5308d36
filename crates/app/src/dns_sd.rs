//! The bridge to DNS-SD: this host's console as a service of the type `_https._tcp`, for browsers such as Avahi's.
//!
//! It is announced on the links that discovery uses and on no other, so never to guests. The library joins the group of
//! multicast DNS on every interface for the moment until it is told not to; it says nothing there.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use mdns_sd::{IfKind, IfPredicate, ServiceDaemon, ServiceInfo};

use crate::daemon::Daemon;

const SERVICE_TYPE: &str = "_https._tcp.local.";
/// How often it is looked whether something else is to be announced.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long the goodbye may take.
const GOODBYE_LIMIT: Duration = Duration::from_millis(500);
/// Longest label of DNS in bytes (RFC 1035 section 2.3.4).
const LABEL_MAX: usize = 63;

/// What is to be announced, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Console {
    name: String,
    port: u16,
    path: String,
    /// Names of the links and the address of each.
    links: BTreeSet<(String, IpAddr)>,
}

/// An announcement; [`Announcement::end`] says goodbye.
pub(crate) struct Announcement {
    console: Console,
    library: ServiceDaemon,
    full_name: String,
}

impl Announcement {
    fn begin(console: Console) -> Result<Self, mdns_sd::Error> {
        let addresses: Vec<IpAddr> = console.links.iter().map(|(_, address)| *address).collect();
        let properties = [("txtvers", "1"), ("product", "Kimchi"), ("path", console.path.as_str())];
        let service = ServiceInfo::new(
            SERVICE_TYPE,
            &instance_of(&console.name),
            &host_of(&console.name),
            &addresses[..],
            console.port,
            &properties[..],
        )?;
        let full_name = service.get_fullname().to_owned();
        let used: BTreeSet<String> = console.links.iter().map(|(name, _)| name.clone()).collect();
        let library = ServiceDaemon::new()?;
        let unused = IfPredicate::new(move |interface| !used.contains(&interface.name));
        library.disable_interface(IfKind::Predicate(unused))?;
        library.register(service)?;
        Ok(Self { console, library, full_name })
    }

    /// Says goodbye; takes half a second at most, and must not be called where nothing may wait.
    pub(crate) fn end(self) {
        // A browser forgets what is not renewed, too.
        if let Ok(done) = self.library.unregister(&self.full_name) {
            let _ = done.recv_timeout(GOODBYE_LIMIT);
        }
        let _ = self.library.shutdown();
    }
}

/// Keeps the announcement as the settings and the links are, until the runtime ends.
pub(crate) async fn run(daemon: Arc<Daemon>) {
    let mut reloads = daemon.reloads();
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick(), if daemon.settings().dns_sd => {}
            // The sender is in the daemon, so it is not gone.
            _ = reloads.changed() => {}
        }
        let wanted = console_of(&daemon).await;
        let current = daemon.announcement.lock().unwrap_or_else(PoisonError::into_inner).take();
        if current.as_ref().map(|current| &current.console) == wanted.as_ref() {
            *daemon.announcement.lock().unwrap_or_else(PoisonError::into_inner) = current;
            continue;
        }
        let begun = tokio::task::spawn_blocking(move || {
            current.into_iter().for_each(Announcement::end);
            wanted.map(Announcement::begin).transpose()
        });
        match begun.await {
            Ok(Ok(begun)) => *daemon.announcement.lock().unwrap_or_else(PoisonError::into_inner) = begun,
            Ok(Err(error)) => tracing::warn!(%error, "the console cannot be announced by DNS-SD"),
            Err(_) => return,
        }
    }
}

/// Ends the announcement with the daemon.
pub(crate) async fn stop(daemon: &Daemon) {
    // Else it could begin anew while the daemon says its own goodbye.
    daemon.settings.write().unwrap_or_else(PoisonError::into_inner).dns_sd = false;
    let current = daemon.announcement.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(current) = current {
        let _ = tokio::task::spawn_blocking(move || current.end()).await;
    }
}

/// What is to be announced now: nothing where it is not wanted, and where no link is in use.
async fn console_of(daemon: &Daemon) -> Option<Console> {
    if !daemon.settings().dns_sd {
        return None;
    }
    let status = daemon.discovery.status().await.ok()?;
    let links: BTreeSet<(String, IpAddr)> =
        status.links.iter().filter_map(|link| Some((link.name.clone(), link.address?))).collect();
    let root = status.profile.facts.server_root.as_ref().map_or("/", |root| root.as_str());
    let profile = &status.profile;
    let console = Console { name: profile.name.to_string(), port: profile.https_port, path: root.to_owned(), links };
    (!console.links.is_empty()).then_some(console)
}

/// What a person sees in a browser.
fn instance_of(name: &str) -> String {
    let mut instance = format!("Kimchi on {name}");
    instance.truncate(LABEL_MAX);
    instance
}

/// The host that the service is on. Not the host's own name: Avahi may answer for that, with other addresses.
fn host_of(name: &str) -> String {
    const MARK: &str = "-kimchi";
    let first = name.split('.').next().unwrap_or_default().replace('_', "-");
    let label = first.get(..LABEL_MAX - MARK.len()).unwrap_or(&first);
    format!("{label}{MARK}.local.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_labels() {
        assert_eq!(instance_of("kvm-1.example.org"), "Kimchi on kvm-1.example.org");
        assert_eq!(host_of("kvm_1.example.org"), "kvm-1-kimchi.local.");
        let long = format!("{}.{}", "a".repeat(63), "b".repeat(63));
        assert_eq!(instance_of(&long).len(), LABEL_MAX);
        assert_eq!(host_of(&long), format!("{}-kimchi.local.", "a".repeat(56)));
    }
}
