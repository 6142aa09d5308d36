//! Programs of the administrator's that are run at each event, as Serf's handlers are.
//!
//! ```text
//!  journal ──▶ run(): for each event, each executable of the directory, one after the other ──▶ process, ten seconds at most
//! ```
//!
//! The journal is the queue, and its bound is the bound: who falls so far behind that events are gone is told so.

mod directory;
mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::daemon::Daemon;
use crate::daemon::follow::Follower;
use crate::daemon::journal::{Next, Position, Told};
use crate::view::EventView;

/// How often the directory is looked at without an event, so that the status says in time what is refused.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// How often the log tells of one hook that fails.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Runs hooks at what follows `start`, until the runtime ends.
pub(crate) async fn run(daemon: Arc<Daemon>, start: Position) {
    let mut follower = Follower::after(Arc::clone(&daemon), start);
    let mut runner = Runner { daemon, told: BTreeMap::new() };
    let mut looks = tokio::time::interval(LOOK_INTERVAL);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reloads = runner.daemon.reloads();
    loop {
        let wanted = runner.daemon.settings().hooks.is_some();
        tokio::select! {
            next = follower.next() => match next {
                Next::Event(_, told) => runner.run_all(&told).await,
                Next::Resync(_) => runner.tell_of_a_gap(),
                Next::Nothing => {}
            },
            _ = looks.tick(), if wanted => drop(runner.hooks().await),
            // The sender is in the daemon, so it is not gone.
            _ = reloads.changed() => drop(runner.hooks().await),
        }
    }
}

struct Runner {
    daemon: Arc<Daemon>,
    /// When the log last told of a hook.
    told: BTreeMap<PathBuf, Instant>,
}

impl Runner {
    async fn run_all(&mut self, told: &Told) {
        let hooks = self.hooks().await;
        if hooks.is_empty() {
            return;
        }
        let Ok(event) = serde_json::from_str::<EventView>(&told.json) else { return };
        let variables = process::variables(&event, &self.daemon);
        for hook in hooks {
            if let Err(error) = process::run(&hook, &told.json, &variables).await {
                self.tell(hook, &error);
            }
        }
    }

    /// The executables to run, by their names. What is refused goes to the status, and once to the log.
    async fn hooks(&self) -> Vec<PathBuf> {
        let found = match self.daemon.settings().hooks {
            Some(directory) => {
                tokio::task::spawn_blocking(move || directory::look(&directory)).await.unwrap_or_default()
            }
            None => directory::Found::default(),
        };
        let mut troubles = self.daemon.hook_troubles.lock().unwrap_or_else(PoisonError::into_inner);
        for sentence in found.refused.iter().filter(|sentence| !troubles.contains(sentence)) {
            tracing::warn!("{sentence}");
        }
        *troubles = found.refused;
        found.hooks
    }

    fn tell(&mut self, hook: PathBuf, error: &process::HookError) {
        let now = Instant::now();
        let is_due = self.told.get(&hook).is_none_or(|at| now.duration_since(*at) >= LOG_INTERVAL);
        if is_due {
            tracing::warn!(hook = %hook.display(), %error, "a hook failed");
            self.told.insert(hook, now);
        }
    }

    fn tell_of_a_gap(&self) {
        if self.daemon.settings().hooks.is_some() {
            tracing::warn!("the hooks fell behind: events that happened meanwhile were not given to them");
        }
    }
}
