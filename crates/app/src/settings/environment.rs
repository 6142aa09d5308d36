//! What the process finds around itself, and what of it are settings.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::error::{SettingsError, quoted};
use super::key::{Key, nearest};
use super::origin::{Given, Origin, Raw};

/// The variable that names the configuration file.
pub(super) const CONFIG: &str = "KIMCHI_PEERS_CONFIG";
/// The client's variable that names a token's file.
pub(crate) const TOKEN_FILE: &str = "KIMCHI_PEERS_TOKEN_FILE";
/// What the variables begin with that hooks are given; they are no settings.
const OF_HOOKS: [&str; 2] = ["KIMCHI_PEERS_EVENT", "KIMCHI_PEERS_PEER_"];
/// What our variables begin with.
const PREFIX: &str = "KIMCHI_PEERS_";
/// The file that is read if it exists and no other is named.
const DEFAULT_FILE: &str = "/etc/kimchi-peers/kimchi-peers.toml";

/// All that settings depend on apart from the command line and the file's contents; tests make their own.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The environment.
    pub(super) variables: BTreeMap<String, OsString>,
    /// The operating system's host name, empty if it has none.
    pub(super) host_name: String,
    /// Whether the process runs as root.
    pub(super) root: bool,
    /// The file that is read if it exists and no other is named.
    pub(super) default_file: PathBuf,
}

impl Surroundings {
    /// Those of this process, now.
    pub(super) fn of_process() -> Self {
        Self {
            // A name that is not UTF-8 is none that we know.
            variables: env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect(),
            host_name: nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned(),
            root: nix::unistd::geteuid().is_root(),
            default_file: DEFAULT_FILE.into(),
        }
    }

    /// A variable's value; an empty one counts as not set.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The settings in the environment.
    ///
    /// # Errors
    /// One that is no path is not UTF-8.
    pub(super) fn given(&self) -> Result<Vec<Given>, SettingsError> {
        let set = Key::ALL.into_iter().filter_map(|key| Some((key, self.variable(key.variable())?)));
        set.map(|(key, value)| {
            let raw = match (key, value.to_str()) {
                (key, _) if key.is_path() => Raw::Path(value.into()),
                (_, Some(text)) => Raw::One(text.to_owned()),
                (_, None) => return Err(SettingsError::NotUtf8(key.variable())),
            };
            Ok(Given { key, raw, origin: Origin::Environment(key.variable()) })
        })
        .collect()
    }

    /// A sentence for each variable that looks like ours and is not known.
    pub(super) fn warnings(&self) -> Vec<String> {
        let known = || Key::ALL.iter().map(|key| key.variable()).chain([CONFIG, TOKEN_FILE]);
        let of_hooks = |name: &str| OF_HOOKS.iter().any(|prefix| name.starts_with(prefix));
        let ours = self.variables.keys().filter(|name| name.starts_with(PREFIX) && !of_hooks(name));
        let unknown = ours.filter(|name| known().all(|known| known != name.as_str()));
        unknown.map(|name| sentence(name, nearest_variable(name, known()))).collect()
    }
}

/// The known variable most like `name`; the prefix that all have in common says nothing about likeness.
fn nearest_variable(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let bare = |name: &'static str| name.strip_prefix(PREFIX).unwrap_or(name);
    let known: Vec<_> = known.collect();
    let found = nearest(name.strip_prefix(PREFIX).unwrap_or(name), known.iter().map(|name| bare(name)))?;
    known.into_iter().find(|name| bare(name) == found)
}

fn sentence(name: &str, nearest: Option<&str>) -> String {
    let name = quoted(name);
    match nearest {
        Some(nearest) => format!("unknown environment variable {name}; did you mean `{nearest}`?"),
        None => format!("unknown environment variable {name}"),
    }
}
