//! One run of one hook.

use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use thiserror::Error;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::daemon::Daemon;
use crate::view::EventView;

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What a hook gets of the daemon's own environment.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];

/// Why a run did not end well. The hook is to blame, or its file.
#[derive(Debug, Error)]
pub(super) enum HookError {
    /// It cannot be started.
    #[error("it does not start: {0}")]
    Start(io::Error),
    /// It took too long, and was ended with all that it had started.
    #[error("it took longer than {} s and was ended", LIMIT.as_secs())]
    TimedOut,
    /// It says that it failed.
    #[error("{}", ended(*.0))]
    Failed(ExitStatus),
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("its exit status is {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "it ended".to_owned(),
    }
}

/// What a hook is told in its environment, beside the event on its stdin: the event, and how its daemon is reached.
pub(super) fn variables(event: &EventView, daemon: &Daemon) -> Vec<(String, String)> {
    let mut variables = of_event(event);
    let api = daemon.listening().addresses.first().cloned();
    variables.extend(api.map(|api| ("KIMCHI_PEERS_API".to_owned(), api)));
    variables.push(("KIMCHI_PEERS_STATE_DIR".to_owned(), daemon.state_dir.display().to_string()));
    variables
}

fn of_event(event: &EventView) -> Vec<(String, String)> {
    let mut members = vec![("EVENT", event.event.clone()), ("EVENT_TIME", event.time.clone())];
    members.extend(event.cause.iter().map(|cause| ("EVENT_CAUSE", cause.clone())));
    if let Some(peer) = &event.peer {
        members.extend([
            ("PEER_ID", peer.id.clone()),
            ("PEER_NAME", peer.name.clone()),
            ("PEER_ADDRESS", peer.addresses.first().cloned().unwrap_or_default()),
            ("PEER_ADDRESSES", peer.addresses.join(" ")),
            ("PEER_HTTPS_PORT", peer.https_port.to_string()),
            ("PEER_URL", peer.url.clone()),
            ("PEER_ORIGIN", peer.origin.as_str().to_owned()),
            ("PEER_STATE", peer.state.as_str().to_owned()),
            ("PEER_REASON", peer.reason.clone().unwrap_or_default()),
            ("PEER_TRUST", peer.trust.as_str().to_owned()),
        ]);
    }
    // A NUL would keep the hook from starting; nothing here can have one but a text of a database that was tampered with.
    let clean = |text: String| text.replace('\0', "");
    members.into_iter().map(|(name, text)| (format!("KIMCHI_PEERS_{name}"), clean(text))).collect()
}

/// Runs the hook to its end.
///
/// # Errors
/// [`HookError`]; nothing of it runs any more, unless it left its process group.
pub(super) async fn run(hook: &Path, event: &str, variables: &[(String, String)]) -> Result<(), HookError> {
    let passed_on = PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let mut command = std::process::Command::new(hook);
    command.env_clear().envs(passed_on).envs(variables.iter().map(|(name, text)| (name, text)));
    // What it says on stderr goes where the daemon's own log goes.
    command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).process_group(0);
    let mut child = Command::from(command).kill_on_drop(true).spawn().map_err(HookError::Start)?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    match tokio::time::timeout(LIMIT, tell_and_wait(&mut child, event)).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(HookError::Failed(status)),
        Ok(Err(error)) => Err(HookError::Start(error)),
        Err(_) => {
            if let Some(group) = group {
                // It may have ended in this very moment.
                let _ = killpg(group, Signal::SIGKILL);
            }
            // Without this it would stay as a zombie.
            let _ = child.wait().await;
            Err(HookError::TimedOut)
        }
    }
}

async fn tell_and_wait(child: &mut Child, event: &str) -> io::Result<ExitStatus> {
    if let Some(mut input) = child.stdin.take() {
        // A hook that wants nothing but its variables need not read.
        let _ = input.write_all(format!("{event}\n").as_bytes()).await;
    }
    child.wait().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::event;

    // Runs of hooks are tested with the whole program: a child of this process would hold the locks of other tests for a moment.

    #[test]
    fn a_hook_is_told_the_event_in_variables() {
        let variables = of_event(&event("up", "kvm-1"));
        for (name, text) in [
            ("KIMCHI_PEERS_EVENT", "up"),
            ("KIMCHI_PEERS_PEER_NAME", "kvm-1"),
            ("KIMCHI_PEERS_PEER_ADDRESS", "10.0.0.1"),
            ("KIMCHI_PEERS_PEER_URL", "https://10.0.0.1:8001"),
            ("KIMCHI_PEERS_PEER_TRUST", "unsigned"),
        ] {
            assert!(variables.contains(&(name.to_owned(), text.to_owned())), "{name}: {variables:?}");
        }
        let cut = of_event(&event("up\0down", "kvm-1"));
        assert!(cut.contains(&("KIMCHI_PEERS_EVENT".to_owned(), "updown".to_owned())), "{cut:?}");
    }
}
