//! Tests of the settings, which touch neither the process's environment nor the host's files.

mod documents;
mod layers;
mod reload;
mod sentences;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::environment::Surroundings;
use super::flags::Flags;
use super::key::Key;
use super::origin::Origin;
use super::{Loaded, Settings, SettingsError};
use crate::cli;

/// A host with a configuration file, an environment and a command line of its own.
struct Host {
    directory: tempfile::TempDir,
    surroundings: Surroundings,
    run: cli::RunArguments,
    connection: cli::Connection,
}

impl Host {
    /// Root's host `kvm-1`, where nothing is set.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let surroundings = Surroundings {
            variables: BTreeMap::new(),
            host_name: "kvm-1".to_owned(),
            root: true,
            default_file: directory.path().join("kimchi-peers.toml"),
        };
        let connection = cli::Connection::default();
        Self { directory, surroundings, run: cli::RunArguments::default(), connection }
    }

    fn path(&self) -> PathBuf {
        self.surroundings.default_file.clone()
    }

    fn file(self, text: &str) -> Self {
        std::fs::write(&self.surroundings.default_file, text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.surroundings.variables.insert(name.to_owned(), value.into());
        self
    }

    fn named(mut self, host_name: &str) -> Self {
        self.surroundings.host_name = host_name.to_owned();
        self
    }

    fn user(mut self) -> Self {
        self.surroundings.root = false;
        self
    }

    fn flag(mut self, set: impl FnOnce(&mut cli::RunArguments, &mut cli::Connection)) -> Self {
        set(&mut self.run, &mut self.connection);
        self
    }

    fn load(&self) -> Result<Loaded, SettingsError> {
        Loaded::from_layers(Flags::of(&self.run, &self.connection), &self.surroundings)
    }

    fn loaded(&self) -> Loaded {
        self.load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The message, with the directory of the file left out.
    fn error(&self) -> String {
        let message = self.load().expect_err("this is wrong").to_string();
        message.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

/// The value of a key and where it comes from, without the directory of the file.
fn shown(loaded: &Loaded, key: Key) -> (String, Origin) {
    let origin = match &loaded.origins[key.name()] {
        Origin::File(path, line) => Origin::File(path.file_name().unwrap().into(), *line),
        origin @ (Origin::Default | Origin::Environment(_) | Origin::Flag(_)) => origin.clone(),
    };
    (loaded.settings.text(key), origin)
}
