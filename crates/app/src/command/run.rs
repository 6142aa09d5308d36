//! `run`: the daemon in the foreground.

mod listen;

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::{self, Inherited, Tls};
use crate::cli::{Connection, RunArguments};
use crate::daemon::follow::Follower;
use crate::daemon::journal::{Next, Told};
use crate::daemon::{self, Daemon, Placement};
use crate::dns_sd;
use crate::failure::Failure;
use crate::hook;
use crate::logging;
use crate::settings::{Loaded, Settings};
use crate::view::EventView;

/// What the daemon may take to end: longer than goodbye and last write, shorter than an administrator's patience.
const STOP_LIMIT: Duration = Duration::from_millis(1800);

/// Runs until a signal ends it.
pub(crate) async fn run(arguments: &RunArguments, connection: &Connection) -> Result<(), Failure> {
    let mut loaded = Settings::load(arguments, connection)?;
    logging::start(loaded.settings.log.into());
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let inherited = Inherited::take().map_err(|error| {
        Failure::new(error.to_string()).with_hint("give kimchi-peers.socket nothing but ListenStream= lines")
    })?;
    // Before anything takes long, so that no signal ends the daemon without a goodbye.
    let mut signals = Signals::new()?;
    let (daemon, sources) = Daemon::start(loaded.settings.clone(), Placement::default()).await?;
    let daemon = Arc::new(daemon);
    let tls = listen::certificate(&daemon, &loaded.settings)?;
    let listeners = listen::open(&daemon, &loaded.settings, tls.as_ref(), inherited).await?;
    let start = daemon.registry().journal.end();
    if arguments.events {
        let ready = EventView { event: "ready".to_owned(), time: daemon::present::now(), cause: None, peer: None };
        print_line(&Told::from(&ready));
        tokio::spawn(print_events(Follower::after(Arc::clone(&daemon), start)));
    }
    tokio::spawn(daemon::feed::run(Arc::clone(&daemon), sources));
    tokio::spawn(daemon::services::run(Arc::clone(&daemon)));
    tokio::spawn(hook::run(Arc::clone(&daemon), start));
    tokio::spawn(dns_sd::run(Arc::clone(&daemon)));
    tokio::spawn(daemon::console::run(Arc::clone(&daemon)));
    tokio::spawn(api::serve(listeners, api::router(Arc::clone(&daemon))));
    tell_ready(&daemon).await;
    tokio::spawn(daemon::watchdog::run(Arc::clone(&daemon)));
    loop {
        let wish = tokio::select! {
            wish = signals.next() => wish,
            // What follows takes longer than the answer to who asked for it.
            () = daemon.asked_to_leave() => Wish::Stop,
        };
        match wish {
            Wish::Stop => break,
            Wish::Reload => reload(&daemon, &mut loaded, tls.as_deref()).await,
        }
    }
    let told = async {
        // Nothing stands before the goodbye itself.
        tokio::task::yield_now().await;
        notify(&[NotifyState::Stopping]);
        tracing::info!("saying goodbye");
    };
    let stop = async { tokio::join!(biased; daemon.stop(), told) };
    tokio::select! {
        ended = tokio::time::timeout(STOP_LIMIT, stop) => {
            if ended.is_err() {
                tracing::warn!("ended without waiting for everything");
            }
        }
        // Asked twice: at once.
        () = signals.stop_again() => {}
    }
    Ok(())
}

async fn tell_ready(daemon: &Daemon) {
    let links = daemon.discovery.status().await.map(|status| status.links).unwrap_or_default();
    let link = |link: &kimchi_peers::LinkStatus| {
        let address = link.address.map_or_else(String::new, |address| format!(" ({address})"));
        format!("{}{address}", link.name)
    };
    let links: Vec<String> = links.iter().map(link).collect();
    let on = if links.is_empty() { "no interface yet".to_owned() } else { links.join(", ") };
    let api = daemon.listening().addresses.join(", ");
    tracing::info!(
        "{} is ready on {on}; API on {api}; state in {}",
        daemon.settings().name,
        daemon.state_dir.display()
    );
    notify(&[NotifyState::Ready]);
}

fn notify(states: &[NotifyState<'_>]) {
    // Nobody listening is the normal case outside of systemd.
    let _ = sd_notify::notify(states);
}

/// Prints what the journal gets.
async fn print_events(mut follower: Follower) {
    loop {
        if let Next::Event(_, told) = follower.next().await {
            print_line(&told);
        }
    }
}

fn print_line(told: &Told) {
    let mut out = io::stdout().lock();
    // A reader that went away is no reason to stop discovery.
    let _ = writeln!(out, "{}", told.json).and_then(|()| out.flush());
}

/// Takes over the changed settings, all or none.
async fn reload(daemon: &Daemon, loaded: &mut Loaded, tls: Option<&Tls>) {
    // Newer service managers want the time with it.
    let since = NotifyState::monotonic_usec_now().ok();
    notify(&[NotifyState::Reloading].into_iter().chain(since).collect::<Vec<_>>());
    if let Some(tls) = tls {
        let failed = tls.reload().err();
        if failed.is_none() {
            tracing::info!("the API's certificate was read again; its fingerprint is {}", tls.fingerprint());
        }
        daemon.note_reload("certificate", "the API's certificate stays as it was", failed);
        listen::note_end(daemon, tls);
    }
    match loaded.reload() {
        Ok(reload) => {
            for warning in &reload.loaded.warnings {
                tracing::warn!("{warning}");
            }
            for change in &reload.changed {
                tracing::info!(key = change.key, before = %change.before, after = %change.after, "setting changed");
            }
            if !reload.needs_restart.is_empty() {
                tracing::warn!(keys = %reload.needs_restart.join(", "), "these settings change with a restart only");
            }
            apply(daemon, &reload.loaded.settings).await;
            *loaded = reload.loaded;
            daemon.note_reload("configuration", "", None::<String>);
            tracing::info!(changed = reload.changed.len(), "configuration reloaded");
        }
        Err(error) => daemon.note_reload("configuration", "the configuration stays as it was", Some(error)),
    }
    notify(&[NotifyState::Ready]);
}

async fn apply(daemon: &Daemon, settings: &Settings) {
    logging::change(settings.log.into());
    daemon.change_settings(settings.clone());
    daemon.announce().await;
    daemon.console.look_soon();
    let _ = daemon.discovery.set_interfaces(settings.interfaces.clone()).await;
    let _ = daemon.discovery.set_mode(settings.trust).await;
    if let Ok(keys) = daemon.reload_keys().await {
        tracing::info!(keys = keys.keys.len(), "group keys reloaded");
    }
}

/// What a signal asks for.
enum Wish {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(format!("cannot listen to signals: {error}")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Reload,
        }
    }

    async fn stop_again(&mut self) {
        while matches!(self.next().await, Wish::Reload) {}
    }
}

impl From<daemon::StartFailure> for Failure {
    fn from(error: daemon::StartFailure) -> Self {
        Self::new(error.to_string())
    }
}
