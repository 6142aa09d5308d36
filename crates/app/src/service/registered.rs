//! What is registered on this host, tied to the life of what answers at its port.
//!
//! ```text
//!            answers                silent twice
//!   new ───────────────▶ answering ─────────────▶ silent ──answers──▶ answering
//!    └── silent for a minute ──────────────────────▲
//! ```
//!
//! A new one counts although nobody answers yet: Wok registers itself before its port is open. One of an earlier run has
//! to answer first. A silent one is kept, as whoever registered it will not do so again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::private_file::{self, PrivateFileError};
use crate::service::{ServiceType, ServiceUrl};
use crate::view::{ServiceView, rfc3339};

/// The name of the file in the state directory: one URL a line.
const FILE: &str = "services";
/// How long a new one counts while nobody answers.
const GRACE: Duration = Duration::from_secs(60);
/// Checks without an answer after which one that answered counts as silent.
const SILENT_CHECKS: u8 = 2;
/// Registered at most; beyond that the oldest silent one goes, or the oldest.
const SERVICES_MAX: usize = 16;

/// What is known of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    New { since: Instant },
    Answering { misses: u8 },
    Silent,
}

#[derive(Debug, Clone)]
struct Service {
    url: ServiceUrl,
    registered: SystemTime,
    life: Life,
}

/// All that is registered, in the order in which it was.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    services: Vec<Service>,
}

impl Registered {
    /// What the last run kept.
    ///
    /// # Errors
    /// The file cannot be read, or is open to others.
    pub(crate) fn load(directory: &Path) -> Result<Self, PrivateFileError> {
        let text = private_file::read(&file_in(directory))?;
        let urls = text.iter().flat_map(|text| text.lines()).filter_map(|line| line.parse().ok());
        let service = |url| Service { url, registered: SystemTime::now(), life: Life::Silent };
        Ok(Self { services: urls.take(SERVICES_MAX).map(service).collect() })
    }

    /// Takes it in, or begins its life anew; whether it was not there.
    pub(crate) fn register(&mut self, url: ServiceUrl, now: Instant) -> bool {
        let life = Life::New { since: now };
        if let Some(known) = self.services.iter_mut().find(|known| known.url == url) {
            if known.life == Life::Silent {
                known.life = life;
            }
            return false;
        }
        if self.services.len() >= SERVICES_MAX {
            let silent = self.services.iter().position(|known| known.life == Life::Silent);
            self.services.remove(silent.unwrap_or(0));
        }
        self.services.push(Service { url, registered: SystemTime::now(), life });
        true
    }

    /// Takes it out; whether it was there.
    pub(crate) fn deregister(&mut self, url: &ServiceUrl) -> bool {
        let before = self.services.len();
        self.services.retain(|known| known.url != *url);
        self.services.len() < before
    }

    /// The ports to look at, each once.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.services.iter().map(|known| known.url.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Takes over whether somebody answers at a port; the URLs that are listed since or no more.
    pub(crate) fn observe(&mut self, port: u16, answers: bool, now: Instant) -> Vec<(ServiceUrl, bool)> {
        let mut changed = Vec::new();
        for known in self.services.iter_mut().filter(|known| known.url.port() == port) {
            let before = is_listed(known.life);
            known.life = next(known.life, answers, now);
            if is_listed(known.life) != before {
                changed.push((known.url.clone(), !before));
            }
        }
        changed
    }

    /// The port that this host announces: that of the newest Wok that is listed, else of the newest Kimchi.
    pub(crate) fn https_port(&self) -> Option<u16> {
        let newest = |kind: ServiceType| {
            let of_kind = |known: &&Service| known.url.kind() == kind && is_listed(known.life);
            self.services.iter().rev().find(of_kind).map(|known| known.url.port())
        };
        newest(ServiceType::Wokd).or_else(|| newest(ServiceType::Kimchid))
    }

    /// All of them for programs.
    pub(crate) fn views(&self) -> Vec<ServiceView> {
        let view = |known: &Service| ServiceView {
            url: known.url.to_string(),
            listed: is_listed(known.life),
            answers: match known.life {
                Life::New { .. } => None,
                Life::Answering { .. } => Some(true),
                Life::Silent => Some(false),
            },
            registered: rfc3339(known.registered),
        };
        self.services.iter().map(view).collect()
    }

    /// What the file is to hold.
    pub(crate) fn text(&self) -> String {
        self.services.iter().map(|known| format!("{}\n", known.url)).collect()
    }
}

/// The file of a state directory.
pub(crate) fn file_in(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

const fn is_listed(life: Life) -> bool {
    matches!(life, Life::New { .. } | Life::Answering { .. })
}

fn next(life: Life, answers: bool, now: Instant) -> Life {
    match life {
        _ if answers => Life::Answering { misses: 0 },
        Life::New { since } if now.duration_since(since) < GRACE => life,
        Life::Answering { misses } if misses + 1 < SILENT_CHECKS => Life::Answering { misses: misses + 1 },
        Life::New { .. } | Life::Answering { .. } | Life::Silent => Life::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServiceUrl {
        text.parse().unwrap()
    }

    fn listed(services: &Registered) -> Vec<bool> {
        services.views().iter().map(|view| view.listed).collect()
    }

    #[test]
    fn a_service_lives_as_long_as_its_port() {
        let (mut services, start) = (Registered::default(), Instant::now());
        let wok = url("service:wokd://kvm-1:8001");
        assert!(services.register(wok.clone(), start) && !services.register(wok.clone(), start));
        let after = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(services.observe(8001, false, after(59)), []);
        assert_eq!(services.observe(8001, true, after(60)), []);
        assert_eq!(services.observe(8001, false, after(63)), []);
        assert_eq!(services.observe(8001, false, after(66)), [(wok.clone(), false)]);
        assert_eq!((listed(&services), services.https_port()), (vec![false], None));
        assert_eq!(services.observe(8001, true, after(69)), [(wok.clone(), true)]);
        assert_eq!(services.https_port(), Some(8001));
        assert!(services.deregister(&wok) && !services.deregister(&wok));
        assert_eq!(services.ports(), [] as [u16; 0]);
    }

    #[test]
    fn one_that_nobody_ever_answered_for_counts_for_a_minute() {
        let (mut services, start) = (Registered::default(), Instant::now());
        services.register(url("service:kimchid://kvm-1:8001"), start);
        services.observe(8001, false, start + Duration::from_secs(59));
        assert_eq!(listed(&services), [true]);
        services.observe(8001, false, start + Duration::from_secs(61));
        assert_eq!(listed(&services), [false]);
        services.register(url("service:kimchid://kvm-1:8001"), start + Duration::from_secs(62));
        assert_eq!(listed(&services), [true]);
    }

    #[test]
    fn one_of_the_last_run_has_to_answer_first() {
        let place = tempfile::tempdir().unwrap();
        let mut services = Registered::default();
        services.register(url("service:wokd://kvm-1:8001"), Instant::now());
        private_file::write(&file_in(place.path()), &(services.text() + "nonsense\n")).unwrap();
        let mut services = Registered::load(place.path()).unwrap();
        assert_eq!(listed(&services), [false]);
        services.observe(8001, true, Instant::now());
        assert_eq!(listed(&services), [true]);
    }

    #[test]
    fn there_are_few_and_a_silent_one_gives_way() {
        let mut services = Registered::default();
        for port in 1..=SERVICES_MAX {
            services.register(url(&format!("service:wokd://kvm-1:{port}")), Instant::now());
        }
        services.observe(2, true, Instant::now());
        services.observe(2, false, Instant::now());
        services.observe(2, false, Instant::now());
        services.register(url("service:wokd://kvm-1:99"), Instant::now());
        assert_eq!(services.views().len(), SERVICES_MAX);
        assert!(!services.ports().contains(&2) && services.ports().contains(&1));
    }
}
