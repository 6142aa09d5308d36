//! The certificate of this host's own console: learned, and told to the others.
//!
//! A browser that is led to a console by another host's list should meet the certificate that this host announces under its
//! signature. Where `console_cert` names a file, it is the first one in there. Else the daemon shakes hands with the console
//! itself: at the addresses that it announces, then on the loopback. Such a connection never leaves the host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kimchi_peers::CertificateHash;
use kimchi_peers::remote::{CertificateReader, CheckFailure, Policy, RemoteAddress, certificate_of_file};
use tokio::sync::Notify;

use crate::daemon::Daemon;
use crate::settings::Settings;

/// How often the certificate is looked at. A renewed one is announced after that at the latest, and so long a check elsewhere
/// may find that it changed; a look costs a handshake where there is a console, and a refused connection where there is none.
const INTERVAL: Duration = Duration::from_secs(120);
/// Longest wait before the first announcement, which then needs no second one. A healthy console answers in 2 to 5 ms.
const AT_START: Duration = Duration::from_millis(25);
/// Longest wait for each step of a look, on this very host.
const STEP: Duration = Duration::from_secs(2);

/// What is known of this host's console.
#[derive(Debug)]
pub(crate) struct Console {
    reader: CertificateReader,
    known: Mutex<Option<CertificateHash>>,
    /// Whether a certificate was ever known.
    was_known: AtomicBool,
    /// What was wrong with the file, so that the log tells it once.
    trouble: Mutex<Option<String>>,
    hurry: Notify,
}

impl Console {
    /// Of which nothing is known yet.
    pub(crate) fn new() -> Self {
        Self {
            reader: CertificateReader::new(Policy { allow_loopback: true }, STEP),
            known: Mutex::default(),
            was_known: AtomicBool::new(false),
            trouble: Mutex::default(),
            hurry: Notify::new(),
        }
    }

    /// The certificate that it serves, as far as is known.
    pub(crate) fn certificate(&self) -> Option<CertificateHash> {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it ever answered since the start; one of which the certificate is in a file counts.
    pub(crate) fn has_answered(&self) -> bool {
        self.was_known.load(Ordering::Relaxed)
    }

    /// Has it looked at now: the settings changed.
    pub(crate) fn look_soon(&self) {
        self.hurry.notify_one();
    }

    /// Looks before the start, for a short while. Where nobody announced an address yet, the loopback has to do.
    pub(crate) async fn look_at_start(&self, settings: &Settings, address: Option<IpAddr>) {
        let _ = tokio::time::timeout(AT_START, self.look(settings, settings.https_port, address.into_iter().collect()))
            .await;
    }

    /// Looks, and tells whether something else is known now.
    async fn look(&self, settings: &Settings, port: u16, announced: Vec<IpAddr>) -> bool {
        let before = self.certificate();
        let found = match &settings.console_cert {
            Some(path) => self.in_file(path).or(before),
            None => self.served(port, announced).await.unwrap_or(before),
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = found;
        self.was_known.fetch_or(found.is_some(), Ordering::Relaxed);
        found != before
    }

    /// The certificate in a file. A file that cannot be read now changes nothing: it may be half written.
    fn in_file(&self, path: &Path) -> Option<CertificateHash> {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match certificate_of_file(path) {
            Ok(hash) => {
                *trouble = None;
                Some(CertificateHash::from_bytes(hash))
            }
            Err(why) => {
                if trouble.as_ref() != Some(&why) {
                    tracing::warn!(path = %path.display(), why, "cannot read the console's certificate");
                    *trouble = Some(why);
                }
                None
            }
        }
    }

    /// What the console serves: nothing where nobody answers in TLS; `None` where that could not be found out.
    async fn served(&self, port: u16, announced: Vec<IpAddr>) -> Option<Option<CertificateHash>> {
        let mut certain = true;
        for address in announced.into_iter().chain([IpAddr::V4(Ipv4Addr::LOCALHOST)]) {
            // One that only means something on its link is no target; the loopback stands for it.
            let own = SocketAddr::new(address, port).to_string();
            let Ok(target) = RemoteAddress::parse(&own, Policy { allow_loopback: true }) else { continue };
            match self.reader.read(&target).await {
                Ok(reached) => return Some(Some(CertificateHash::from_bytes(reached.certificate_sha256))),
                Err(failure) => certain &= !failure.is_local() && !matches!(failure, CheckFailure::TimedOut { .. }),
            }
        }
        certain.then_some(None)
    }
}

/// Keeps looking until discovery ends.
pub(crate) async fn run(daemon: Arc<Daemon>) {
    loop {
        let Ok(status) = daemon.discovery.status().await else { return };
        let announced = status.links.iter().filter_map(|link| link.address).collect();
        if daemon.console.look(&daemon.settings(), daemon.https_port(), announced).await {
            match daemon.console.certificate() {
                Some(certificate) => tracing::info!(%certificate, "announcing the certificate of this host's console"),
                None => tracing::info!("this host's console serves no certificate any more"),
            }
            daemon.announce().await;
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = daemon.console.hurry.notified() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_file_goes_before_the_console_and_a_broken_one_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("console.pem");
        let made = rcgen::generate_simple_self_signed(vec!["kvm-1".to_owned()]).unwrap();
        std::fs::write(&path, format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem())).unwrap();
        let digest = ring::digest::digest(&ring::digest::SHA256, made.cert.der());
        let console = Console::new();
        let settings = Settings { console_cert: Some(path.clone()), ..Settings::default() };
        assert!(!console.has_answered());
        assert!(console.look(&settings, 1, Vec::new()).await && console.has_answered());
        assert_eq!(console.certificate().map(|hash| hash.as_bytes().to_vec()), Some(digest.as_ref().to_vec()));
        for content in ["", "-----BEGIN CERTIFICATE-----\nAAAA"] {
            std::fs::write(&path, content).unwrap();
            assert!(!console.look(&settings, 1, Vec::new()).await);
        }
        assert!(console.trouble.lock().unwrap().is_some());
        std::fs::remove_file(&path).unwrap();
        assert!(!console.look(&settings, 1, Vec::new()).await && console.certificate().is_some());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn where_nobody_listens_nothing_is_announced() {
        // A port that was free a moment ago.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let https_port = listener.local_addr().unwrap().port();
        drop(listener);
        let console = Console::new();
        *console.known.lock().unwrap() = Some(CertificateHash::from_bytes([1; 32]));
        assert!(console.look(&Settings::default(), https_port, Vec::new()).await);
        assert_eq!((console.certificate(), console.has_answered()), (None, false));
        console.was_known.store(true, Ordering::Relaxed);
        assert!(!console.look(&Settings::default(), https_port, Vec::new()).await);
        assert!(console.has_answered(), "it did once");
    }
}
