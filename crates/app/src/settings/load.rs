//! Layers put on top of each other: default, file, environment, command line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::environment::Surroundings;
use super::error::SettingsError;
use super::flags::Flags;
use super::key::Key;
use super::origin::{Given, Origin};
use super::{ApiAddress, Settings, default, file, wok};
use crate::cli;

/// Settings and where they come from.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    /// What is in force.
    pub(crate) settings: Settings,
    /// Where the value of each key comes from; has all keys.
    pub(crate) origins: BTreeMap<&'static str, Origin>,
    /// The file that was read; `None` if there is none.
    pub(crate) file: Option<PathBuf>,
    /// Sentences about what was probably meant otherwise.
    pub(crate) warnings: Vec<String>,
    flags: Flags,
}

/// What a reload found.
#[derive(Debug)]
pub(crate) struct Reload {
    /// What is in force from now on; has the old value of each key in `needs_restart`.
    pub(crate) loaded: Loaded,
    /// What is new in force.
    pub(crate) changed: Vec<Change>,
    /// Keys that are set otherwise now and keep their value until a restart; named again at each reload.
    pub(crate) needs_restart: Vec<&'static str>,
}

/// A key whose value has changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The key.
    pub(crate) key: &'static str,
    /// Its value before, as `config show` prints it.
    pub(crate) before: String,
    /// Its value now.
    pub(crate) after: String,
}

impl Settings {
    /// The settings for these arguments, this environment and the configuration file.
    ///
    /// # Errors
    /// Anything set anywhere is not allowed, even if something else goes before it; a named file is missing; or a
    /// default cannot be found out.
    pub(crate) fn load(run: &cli::RunArguments, connection: &cli::Connection) -> Result<Loaded, SettingsError> {
        Loaded::from_layers(Flags::of(run, connection), &Surroundings::of_process())
    }
}

impl Loaded {
    pub(super) fn from_layers(flags: Flags, surroundings: &Surroundings) -> Result<Self, SettingsError> {
        let (file, mut given) = file::find(flags.config.as_deref(), surroundings)?;
        given.extend(surroundings.given()?);
        given.extend(flags.given.iter().cloned());
        let mut warnings = surroundings.warnings();
        let (settings, origins) = overlay(given, surroundings, &mut warnings)?;
        Ok(Self { settings, origins, file, warnings, flags })
    }

    /// Reads file and environment again; the command line stays. `self` is left as it is.
    ///
    /// # Errors
    /// As [`Settings::load`]; then nothing of what was read is in force.
    pub(crate) fn reload(&self) -> Result<Reload, SettingsError> {
        self.reload_in(&Surroundings::of_process())
    }

    pub(super) fn reload_in(&self, surroundings: &Surroundings) -> Result<Reload, SettingsError> {
        let mut loaded = Self::from_layers(self.flags.clone(), surroundings)?;
        let (mut changed, mut needs_restart) = (Vec::new(), Vec::new());
        for key in Key::ALL {
            let (before, after) = (self.settings.text(key), loaded.settings.text(key));
            if !key.is_reloadable() {
                loaded.keep_origin(key, self);
            }
            match (before == after, key.is_reloadable()) {
                (true, _) => {}
                (false, true) => changed.push(Change { key: key.name(), before, after }),
                (false, false) => needs_restart.push(key.name()),
            }
        }
        loaded.settings.keep_fixed(&self.settings);
        Ok(Reload { loaded, changed, needs_restart })
    }

    /// The value in force comes from where it came from before.
    fn keep_origin(&mut self, key: Key, old: &Self) {
        if let Some(origin) = old.origins.get(key.name()) {
            self.origins.insert(key.name(), origin.clone());
        }
    }
}

/// The defaults with `given` on top, the last of a key on top of the others.
fn overlay(
    given: Vec<Given>,
    surroundings: &Surroundings,
    warnings: &mut Vec<String>,
) -> Result<(Settings, BTreeMap<&'static str, Origin>), SettingsError> {
    let mut settings = Settings::default();
    let mut origins: BTreeMap<_, _> = Key::ALL.into_iter().map(|key| (key.name(), Origin::Default)).collect();
    let from_wok = wok::given(&given, warnings)?;
    let given: Vec<Given> = from_wok.into_iter().chain(given).collect();
    for given in &given {
        settings.set(given).map_err(|wrong| wrong.in_place(given))?;
        origins.insert(given.key.name(), given.origin.clone());
    }
    // These are found out only where they are needed: they can fail.
    let is_set = |key: Key| given.iter().any(|given| given.key == key);
    if !is_set(Key::Name) {
        settings.name = default::name(surroundings)?;
    }
    if !is_set(Key::StateDir) {
        let (directory, origin) = default::state_dir(surroundings)?;
        settings.state_dir = directory;
        origins.insert(Key::StateDir.name(), origin);
    }
    if !is_set(Key::Api) {
        settings.api_optional_socket = Some(default::api_socket(surroundings));
    }
    settings.https_port_is_default = !is_set(Key::HttpsPort);
    check_tls(&settings, &given)?;
    Ok((settings, origins))
}

/// Whether what other hosts can reach has a certificate.
fn check_tls(settings: &Settings, given: &[Given]) -> Result<(), SettingsError> {
    let names = [Key::TlsCert.name(), Key::TlsSecret.name()];
    match (&settings.tls_cert, &settings.tls_key) {
        (Some(_), None) => return Err(SettingsError::HalfTls { given: names[0], missing: names[1] }),
        (None, Some(_)) => return Err(SettingsError::HalfTls { given: names[1], missing: names[0] }),
        (Some(_), Some(_)) => return Ok(()),
        (None, None) if settings.tls_self_signed => return Ok(()),
        (None, None) => {}
    }
    let Some(address) = settings.api.iter().find_map(ApiAddress::exposed) else { return Ok(()) };
    let subject = given.iter().rfind(|given| given.key == Key::Api).map_or_else(String::new, Given::subject);
    Err(SettingsError::Exposed { subject, address })
}
