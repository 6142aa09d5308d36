//! The daemon: discovery, remote peers, store and API around one registry.
//!
//! ```text
//!  discovery ──events──▶ feed ──▶ registry ──▶ journal ──▶ API, --events
//!  monitor  ──reports──▶  │
//!                         └────▶ store (own thread)        API ──commands──▶ discovery, monitor, store
//! ```

pub(crate) mod check;
pub(crate) mod concerns;
pub(crate) mod console;
pub(crate) mod feed;
pub(crate) mod follow;
pub(crate) mod journal;
pub(crate) mod persist;
pub(crate) mod present;
pub(crate) mod registry;
pub(crate) mod remotes;
pub(crate) mod rows;
pub(crate) mod services;
pub(crate) mod sessions;
pub(crate) mod token;
pub(crate) mod troubles;
pub(crate) mod trust;
pub(crate) mod watchdog;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use kimchi_peers::remote::{
    CertificateReader, Policy, RemoteAddress, RemoteHealth, RemoteMonitor, RemoteMonitorConfig, RemoteReports,
    RemoteState,
};
use kimchi_peers::{
    Absence, Config, Discovery, Events, Fact, FactSet, HostKey, HostKeyError, HostName, Identity, Instant,
    InvalidHostName, Peer, PeerKey, Profile, StartError,
};
use thiserror::Error;
use tokio::sync::{Notify, watch};

use crate::api::Refusals;
use crate::daemon::registry::{Keep, Registry};
use crate::daemon::rows::RemoteRow;
use crate::daemon::trust::SeenClone;
use crate::dns_sd::{self, Announcement};
use crate::keys::{KeyFile, KeyFileError};
use crate::machine::Fit;
use crate::service::registered::Registered;
use crate::settings::Settings;
use crate::store::{LockError, StateDirectory, Store, StoreError, StoredPeer, StoredRemote};

/// The name of the key file in the state directory.
pub(crate) const KEY_FILE: &str = "host.key";
/// Longest wait for each step of a check that somebody asked for: the three of them are shorter than a client's patience.
const CHECK_STEP: Duration = Duration::from_secs(3);

/// Everything that the tasks of the daemon share.
pub(crate) struct Daemon {
    pub(crate) settings: RwLock<Settings>,
    pub(crate) discovery: Discovery,
    pub(crate) monitor: RemoteMonitor,
    /// What looks at certificates when somebody asks for it.
    reader: CertificateReader,
    /// The console of this very host.
    pub(crate) console: console::Console,
    pub(crate) store: Store,
    pub(crate) token: token::Token,
    /// What was told of requests without it.
    pub(crate) refusals: Refusals,
    /// Browsers that are signed in.
    pub(crate) sessions: sessions::Sessions,
    pub(crate) started: SystemTime,
    /// The same on the clock that nobody sets.
    pub(crate) started_at: Instant,
    pub(crate) state_dir: PathBuf,
    /// What loopback addresses are good for: nothing, but in the demo.
    pub(crate) policy: Policy,
    /// When this host means to be back, once it was asked to leave.
    leaving: watch::Sender<Option<Absence>>,
    /// Where the API listens, and what of it could not be opened.
    pub(crate) listening: Mutex<Listening>,
    /// One change of the group keys' file at a time.
    key_changes: tokio::sync::Mutex<()>,
    /// One look at everything at a time.
    pub(crate) examinations: tokio::sync::Mutex<()>,
    fit: Fit,
    seen_clone: Mutex<Option<SeenClone>>,
    registry: Mutex<Registry>,
    services: Mutex<Registered>,
    /// Something was registered.
    first_registered: Notify,
    /// The settings were read again.
    reloaded: watch::Sender<()>,
    /// What the last reload could not take over, by what that was, a sentence each.
    reload_troubles: Mutex<BTreeMap<&'static str, String>>,
    /// That the API's certificate is over, in a sentence.
    api_certificate: Mutex<Option<String>>,
    /// Why hooks are not run, a sentence each.
    pub(crate) hook_troubles: Mutex<Vec<String>>,
    /// The console on DNS-SD.
    pub(crate) announcement: Mutex<Option<Announcement>>,
}

/// Where the API listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listening {
    pub(crate) addresses: Vec<String>,
    pub(crate) troubles: Vec<String>,
}

/// What differs between a host of its own and several on one machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Placement {
    /// The one address to use, on the loopback.
    pub(crate) address: Option<IpAddr>,
}

/// What feeds the registry.
pub(crate) struct Sources {
    pub(crate) events: Events,
    pub(crate) reports: RemoteReports,
}

/// Why the daemon could not start.
#[derive(Debug, Error)]
pub(crate) enum StartFailure {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] HostKeyError),
    #[error(transparent)]
    Name(#[from] InvalidHostName),
    #[error(transparent)]
    Discovery(#[from] StartError),
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    #[error("cannot keep the API token in {path}: {error}")]
    Token { path: PathBuf, error: io::Error },
}

impl Daemon {
    /// Opens the state and starts discovery. The API is not open yet.
    pub(crate) async fn start(settings: Settings, placement: Placement) -> Result<(Self, Sources), StartFailure> {
        let directory = StateDirectory::open(&settings.state_dir)?;
        let (store, loaded) = Store::open(&directory)?;
        for notice in &loaded.notices {
            tracing::warn!("{notice}");
        }
        let key = HostKey::load_or_create(&directory.path().join(KEY_FILE))?;
        let token_path = directory.path().join(token::TOKEN_FILE);
        let token = token::Token::load_or_create(&token_path)
            .map_err(|error| StartFailure::Token { path: token_path, error })?;
        let console = console::Console::new();
        console.look_at_start(&settings, placement.address).await;
        let mut config = discovery_config(&settings, &key, placement)?;
        config.profile.certificate = console.certificate();
        config.identity = Identity { id: key.id(), epoch: loaded.epoch };
        config.keyring = KeyFile::of(directory.path()).read()?;
        config.known = loaded.peers.iter().filter_map(persist::known).collect();
        let discovery = Discovery::start(config)?;
        let events = discovery.subscribe();
        let policy = Policy { allow_loopback: placement.address.is_some() };
        let monitor_config = RemoteMonitorConfig { policy, ..RemoteMonitorConfig::new(random_seed()) };
        let (monitor, reports) = RemoteMonitor::start(monitor_config);
        let remotes = remote_rows(loaded.remotes, policy);
        for row in &remotes {
            // The store holds no more than the monitor takes.
            let _ = monitor.watch(row.address.clone());
        }
        let (locals, aside) = local_rows(&discovery, loaded.peers).await;
        let mut registry = Registry::new(loaded.epoch, locals, remotes);
        registry.set_aside(aside);
        let daemon = Self {
            // Told to clients, which may be in another directory.
            state_dir: std::path::absolute(directory.path()).unwrap_or_else(|_| directory.path().to_owned()),
            settings: RwLock::new(settings),
            discovery,
            monitor,
            reader: CertificateReader::new(policy, CHECK_STEP),
            console,
            store,
            token,
            refusals: Refusals::default(),
            sessions: sessions::Sessions::default(),
            started: SystemTime::now(),
            started_at: kimchi_peers::now(),
            policy,
            leaving: watch::Sender::new(None),
            listening: Mutex::default(),
            key_changes: tokio::sync::Mutex::default(),
            examinations: tokio::sync::Mutex::default(),
            fit: trust::fit_of(directory.path()),
            seen_clone: Mutex::default(),
            registry: Mutex::new(registry),
            services: Mutex::new(registered(directory.path())),
            first_registered: Notify::new(),
            reloaded: watch::Sender::new(()),
            reload_troubles: Mutex::default(),
            api_certificate: Mutex::default(),
            hook_troubles: Mutex::default(),
            announcement: Mutex::default(),
        };
        Ok((daemon, Sources { events, reports }))
    }

    /// The registry, for a short look or change: nothing may wait while it is held.
    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the others what this host is by its settings, and what its console proves itself by.
    pub(crate) async fn announce(&self) {
        match profile(&self.settings(), self.https_port()) {
            Ok(profile) => {
                let profile = Profile { certificate: self.console.certificate(), ..profile };
                let _ = self.discovery.set_profile(profile).await;
            }
            Err(error) => tracing::error!(%error, "the name stays as it was"),
        }
    }

    /// Puts other settings in force, and has those look at them who wait for that.
    pub(crate) fn change_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        self.reloaded.send_replace(());
    }

    /// Tells whenever the settings were changed.
    pub(crate) fn reloads(&self) -> watch::Receiver<()> {
        self.reloaded.subscribe()
    }

    /// A copy of the settings in force.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives the store what a change of the registry wants kept.
    pub(crate) fn keep(&self, keep: Vec<Keep>) {
        for item in keep {
            match item {
                Keep::Peer(key) => {
                    let stored = self.registry().stored(&key);
                    stored.into_iter().for_each(|peer| self.store.save_peer(peer));
                }
                Keep::ForgetPeer(key) => self.store.forget_peer(&key),
                Keep::Health(health) => self.store.save_remote_health(*health),
                Keep::History(entry) => self.store.append_history(*entry),
            }
        }
    }

    /// Brings the registry's times of hearing and round trips up to date.
    pub(crate) async fn refresh(&self) {
        if let Ok(heard) = self.discovery.last_heard().await {
            self.registry().refresh(heard);
        }
        if let Ok(known) = self.discovery.round_trips().await {
            self.registry().note_round_trips(known);
        }
    }

    /// Brings the store's times of hearing up to date, too.
    pub(crate) async fn keep_times(&self) {
        self.refresh().await;
        let heard = self.registry().heard_since_kept();
        heard.into_iter().for_each(|peer| self.store.save_peer(peer));
        self.store.keep_running();
    }

    /// Has the daemon leave for a while: it says so and ends.
    pub(crate) fn leave(&self, absence: Absence) {
        self.leaving.send_replace(Some(absence));
    }

    /// Waits until the daemon is asked to leave.
    pub(crate) async fn asked_to_leave(&self) {
        // The sender is in here, so it is not gone.
        drop(self.leaving.subscribe().wait_for(Option::is_some).await);
    }

    /// Says goodbye, writes what is not written, and ends.
    pub(crate) async fn stop(&self) {
        let absence = self.leaving.borrow().clone();
        let goodbye = async {
            match absence {
                Some(absence) => self.discovery.leave(absence).await,
                None => self.discovery.shutdown().await,
            }
        };
        // The goodbye first: its copies take a while, in which there is time for the rest.
        tokio::join!(biased; goodbye, self.keep_times(), dns_sd::stop(self));
        self.store.close().await;
    }

    /// The newest host that was seen to use this host's identity.
    pub(crate) fn seen_clone(&self) -> MutexGuard<'_, Option<SeenClone>> {
        self.seen_clone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the API listens.
    pub(crate) fn listening(&self) -> MutexGuard<'_, Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this host tells of itself, by its settings and where its console answers.
pub(crate) fn profile(settings: &Settings, https_port: u16) -> Result<Profile, InvalidHostName> {
    // Anything here that is no fact was refused with the settings already.
    let fact = |text: &str| text.parse::<Fact>().ok();
    Ok(Profile {
        name: settings.name.parse()?,
        http_port: settings.http_port,
        https_port,
        facts: FactSet {
            version: fact(env!("CARGO_PKG_VERSION")),
            server_root: settings.server_root.as_deref().and_then(fact),
            architecture: fact(std::env::consts::ARCH),
            hypervisor: settings.hypervisor.as_deref().and_then(fact),
        }
        .into(),
        certificate: None,
    })
}

fn discovery_config(settings: &Settings, key: &HostKey, placement: Placement) -> Result<Config, InvalidHostName> {
    Ok(Config {
        profile: profile(settings, settings.https_port)?,
        interfaces: settings.interfaces.clone(),
        ipv6: settings.ipv6,
        address: placement.address,
        group_v4: settings.group,
        port: settings.port,
        mode: settings.trust,
        ..Config::with_key(&settings.name, key)?
    })
}

/// The rows of the last run that are listed, and those that are not.
async fn local_rows(discovery: &Discovery, stored: Vec<StoredPeer>) -> (Vec<(Peer, StoredPeer)>, Vec<StoredPeer>) {
    let known = discovery.peers().await.unwrap_or_default();
    let mut peers: BTreeMap<PeerKey, Peer> = known.into_iter().map(|peer| (peer.key.clone(), peer)).collect();
    let (mut listed, mut aside) = (Vec::new(), Vec::new());
    for row in stored {
        match row.key.parse().ok().and_then(|key| peers.remove(&key)) {
            Some(peer) => listed.push((peer, row)),
            None => aside.push(row),
        }
    }
    (listed, aside)
}

fn registered(directory: &Path) -> Registered {
    Registered::load(directory).unwrap_or_else(|error| {
        tracing::warn!(%error, "what was registered before is forgotten");
        Registered::default()
    })
}

fn remote_rows(stored: Vec<StoredRemote>, policy: Policy) -> Vec<RemoteRow> {
    let row = |mut stored: StoredRemote| {
        // Nothing from a file is trusted more than what is typed.
        if let Some(name) = stored.name.take_if(|name| name.parse::<HostName>().is_err()) {
            tracing::error!(remote = %stored.key.escape_debug(), name = %name.escape_debug(), "what is kept as a remote peer's name is no name");
        }
        let text = remotes::typed_address(&stored);
        match RemoteAddress::parse(&text, policy) {
            Ok(address) => {
                let state = match stored.state.as_str() {
                    "up" => RemoteState::Up,
                    "suspect" => RemoteState::Suspect,
                    "down" => RemoteState::Down,
                    _ => RemoteState::Unknown,
                };
                let health = RemoteHealth::new(state);
                Some(RemoteRow { stored, address, health, reached: None, failure: None, shown: None })
            }
            Err(error) => {
                tracing::error!(remote = %text.escape_debug(), %error, "a kept remote peer has an address that is refused now; it stays in the store and is not checked");
                None
            }
        }
    };
    stored.into_iter().filter_map(row).collect()
}

/// A seed for jitter, not for keys.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
