//! The services of this host: registered over the API or by the spool, and looked after.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::daemon::Daemon;
use crate::private_file;
use crate::service::ServiceUrl;
use crate::service::registered::{Registered, file_in};
use crate::service::spool::{Spool, Wish};
use crate::view::ServiceView;

/// How often the ports are looked at, and the spool with them, while anything is registered.
const PORT_INTERVAL: Duration = Duration::from_secs(3);
/// How often the spool is looked at while nothing is: it is for a daemon that does not run, and one that runs was asked first.
/// An idle host is not woken for more.
const SPOOL_INTERVAL: Duration = Duration::from_secs(15);
/// How long a port of this host may take to accept.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

impl Daemon {
    /// What is registered, for a short look or change.
    pub(crate) fn services(&self) -> MutexGuard<'_, Registered> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a service in; with whether it was not there.
    pub(crate) async fn register(&self, url: ServiceUrl) -> (ServiceView, bool) {
        let is_new = self.services().register(url.clone(), Instant::now());
        if is_new {
            tracing::info!(%url, "registered");
            self.first_registered.notify_one();
            self.keep_services().await;
        }
        self.announce_port().await;
        let views = self.services().views();
        let view = views.into_iter().find(|view| view.url == url.as_str());
        let unlisted = ServiceView { url: url.to_string(), listed: false, answers: None, registered: String::new() };
        (view.unwrap_or(unlisted), is_new)
    }

    /// Takes a service out; whether it was there.
    pub(crate) async fn deregister(&self, url: &ServiceUrl) -> bool {
        let was_there = self.services().deregister(url);
        if was_there {
            tracing::info!(%url, "registered no more");
            self.keep_services().await;
            self.announce_port().await;
        }
        was_there
    }

    /// Where this host's console answers HTTPS: where somebody set it, else where one registered itself, else as usual.
    pub(crate) fn https_port(&self) -> u16 {
        let settings = self.settings();
        let registered = if settings.https_port_is_default { self.services().https_port() } else { None };
        registered.unwrap_or(settings.https_port)
    }

    async fn keep_services(&self) {
        let (path, text) = (file_in(&self.state_dir), self.services().text());
        let written = tokio::task::spawn_blocking(move || private_file::write(&path, &text)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "what is registered is not kept over a restart");
        }
    }

    /// Tells the others where the console is, if that is another place now.
    async fn announce_port(&self) {
        let Ok(status) = self.discovery.status().await else { return };
        if status.profile.https_port == self.https_port() {
            return;
        }
        self.announce().await;
        self.console.look_soon();
    }

    async fn empty_spool(&self) {
        let spool = Spool::of(&self.state_dir);
        let taken = tokio::task::spawn_blocking(move || spool.take()).await;
        match taken {
            Ok(Ok(wishes)) => {
                for wish in wishes {
                    match wish {
                        Wish::Register(url) => drop(self.register(url).await),
                        Wish::Deregister(url) => drop(self.deregister(&url).await),
                    }
                }
            }
            Ok(Err(error)) => tracing::debug!(%error, "the spool of services cannot be read"),
            Err(_) => {}
        }
    }

    async fn look_at_ports(&self) {
        let ports = self.services().ports();
        let mut changed = Vec::new();
        for port in ports {
            let answers = answers(port).await;
            changed.extend(self.services().observe(port, answers, Instant::now()));
        }
        for (url, listed) in &changed {
            if *listed {
                tracing::info!(%url, "it answers again, and is listed");
            } else {
                tracing::warn!(%url, "nobody answers at its port on this host, so it is listed no more until somebody does");
            }
        }
        if !changed.is_empty() {
            self.announce_port().await;
        }
    }
}

/// Looks after the services until the runtime ends.
pub(crate) async fn run(daemon: Arc<Daemon>) {
    loop {
        daemon.empty_spool().await;
        daemon.look_at_ports().await;
        let is_empty = daemon.services().ports().is_empty();
        tokio::select! {
            () = tokio::time::sleep(if is_empty { SPOOL_INTERVAL } else { PORT_INTERVAL }) => {}
            // Looks at a port stay that far apart, whatever else is registered meanwhile.
            () = daemon.first_registered.notified(), if is_empty => {}
        }
    }
}

/// Whether somebody accepts connections at this port of this host.
async fn answers(port: u16) -> bool {
    for address in [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))] {
        if let Ok(Ok(_)) = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            return true;
        }
    }
    false
}
