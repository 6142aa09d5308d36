//! The defaults that depend on the host and the user.

use std::path::{Path, PathBuf};

use kimchi_peers::HostName;

use super::environment::Surroundings;
use super::error::{SettingsError, quoted};
use super::origin::Origin;

/// Host names that every host has that nobody named. Linux calls itself `(none)` until it is told.
const UNNAMED: [&str; 5] = ["(none)", "localhost", "localhost.localdomain", "localhost4", "localhost6"];
/// Where root's daemon keeps its state.
const STATE_DIR: &str = "/var/lib/kimchi-peers";
/// Where the socket is unless systemd says otherwise.
const RUNTIME_DIR: &str = "/run/kimchi-peers";

/// The operating system's host name without what a host name may not have.
///
/// # Errors
/// Nothing is left of it, or it is one that tells this host from no other.
pub(super) fn name(surroundings: &Surroundings) -> Result<String, SettingsError> {
    let whole = surroundings.host_name.as_str();
    let refused = || SettingsError::HostName(quoted(whole));
    if UNNAMED.iter().any(|unnamed| whole.trim_end_matches('.').eq_ignore_ascii_case(unnamed)) {
        return Err(refused());
    }
    let good = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let reduced: String = whole.chars().filter(good).collect();
    let name: HostName = reduced.trim_matches('.').parse().map_err(|_| refused())?;
    Ok(name.as_str().to_owned())
}

/// The state directory: systemd's, root's or the user's.
///
/// # Errors
/// The user has no home.
pub(super) fn state_dir(surroundings: &Surroundings) -> Result<(PathBuf, Origin), SettingsError> {
    if let Some(directory) = of_systemd(surroundings, "STATE_DIRECTORY") {
        return Ok((directory, Origin::Environment("STATE_DIRECTORY")));
    }
    if surroundings.root {
        return Ok((STATE_DIR.into(), Origin::Default));
    }
    // A relative path here is to be ignored, says the XDG base directory specification.
    let absolute = |name| surroundings.variable(name).map(Path::new).filter(|path| path.is_absolute());
    if let Some(directory) = absolute("XDG_STATE_HOME") {
        return Ok((directory.join("kimchi-peers"), Origin::Environment("XDG_STATE_HOME")));
    }
    let home = absolute("HOME").ok_or(SettingsError::NoHome)?;
    Ok((home.join(".local/state/kimchi-peers"), Origin::Default))
}

/// The socket that the API listens on, if it can be made, when no address is set.
pub(super) fn api_socket(surroundings: &Surroundings) -> PathBuf {
    of_systemd(surroundings, "RUNTIME_DIRECTORY").unwrap_or_else(|| RUNTIME_DIR.into()).join("api.sock")
}

/// The first directory of a variable that systemd sets for a unit.
fn of_systemd(surroundings: &Surroundings, name: &str) -> Option<PathBuf> {
    let directories = surroundings.variable(name)?;
    std::env::split_paths(directories).next().filter(|directory| directory.is_absolute())
}
