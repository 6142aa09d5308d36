//! The service manager's watchdog, fed while everything that the daemon is for gets on.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;

use crate::daemon::Daemon;

/// Meals in the time after which the service manager would end the daemon: one may be late, or missed.
const MEALS: u32 = 3;

/// Feeds it for ever, if the service manager wants that. Whatever hangs here, the watchdog goes hungry.
pub(crate) async fn run(daemon: Arc<Daemon>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    // A limit of nothing would be an interval of nothing.
    let mut meals = tokio::time::interval((limit / MEALS).max(Duration::from_millis(1)));
    meals.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        meals.tick().await;
        if gets_on(&daemon).await {
            // Who set the limit and does not listen ends the daemon, which is what it asked for.
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }
}

/// Whether the loop that handles packets and the thread that writes the database have answered. Waits for both.
async fn gets_on(daemon: &Daemon) -> bool {
    let (packets, database) = tokio::join!(daemon.discovery.status(), daemon.store.answer());
    packets.is_ok() && database.is_ok()
}
