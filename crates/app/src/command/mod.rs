//! One file per command.

pub(crate) mod add;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod config_show;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod key;
pub(crate) mod leave;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod matrix;
pub(crate) mod open;
pub(crate) mod remove;
pub(crate) mod reset_identity;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod slptool;
pub(crate) mod status;
pub(crate) mod trust;
pub(crate) mod watch;

use crate::cli::NoConnection;
use crate::client::Client;
use crate::failure::{Failure, USAGE};
use crate::output::Screen;

/// Tells that the command has no use for what was given to it.
fn refuse(unused: &NoConnection, command: &str) -> Result<(), Failure> {
    if !unused.is_given() {
        return Ok(());
    }
    let message = format!(
        "`{command}` asks no daemon and keeps no state: leave out --api and --state-dir, and what goes with them"
    );
    Err(Failure { status: USAGE, message, hint: None })
}

/// Tells a person whose list may lack somebody where the reason may be. A daemon that cannot say is not blamed for it.
async fn tell_if_degraded(client: &Client, screen: &mut Screen) {
    if client.status().await.is_ok_and(|status| !status.degraded.is_empty()) {
        screen.say("not all is well; see: kimchi-peers status");
    }
}
