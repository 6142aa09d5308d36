//! What the command line sets.

use std::path::PathBuf;

use super::key::Key;
use super::origin::{Given, Origin, Raw};
use crate::cli;

/// The command line, kept because it stays in force at every reload.
#[derive(Debug, Clone)]
pub(super) struct Flags {
    /// The file named by `--config`.
    pub(super) config: Option<PathBuf>,
    /// The settings.
    pub(super) given: Vec<Given>,
}

impl Flags {
    /// What these arguments set.
    pub(super) fn of(run: &cli::RunArguments, connection: &cli::Connection) -> Self {
        let number = |port: Option<u16>| port.map(|port| Raw::One(port.to_string()));
        let list = |items: &[String]| (!items.is_empty()).then(|| Raw::Many(items.to_vec()));
        let given = [
            (Key::Name, run.name.clone().map(Raw::One)),
            (Key::Interfaces, list(&run.interface)),
            (Key::Group, run.group.map(|group| Raw::One(group.to_string()))),
            (Key::Port, number(run.port)),
            (Key::HttpPort, number(run.http_port)),
            (Key::HttpsPort, number(run.https_port)),
            (Key::StateDir, connection.state_dir.clone().map(Raw::Path)),
            (Key::Api, list(&connection.api)),
            (Key::Tls, run.tls.clone().map(Raw::One)),
            (Key::TlsCert, run.tls_cert.clone().map(Raw::Path)),
            (Key::TlsSecret, run.tls_key.clone().map(Raw::Path)),
            (Key::Trust, run.trust.clone().map(Raw::One)),
            (Key::Log, run.log.clone().map(Raw::One)),
        ];
        let given = given.into_iter().filter_map(|(key, raw)| {
            let origin = Origin::Flag(key.flag()?);
            Some(Given { key, raw: raw?, origin })
        });
        Self { config: run.config.clone(), given: given.collect() }
    }
}
