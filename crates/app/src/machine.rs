//! On which machine a state directory was made: a copy of it, with the key of a host, must not become a second one of that host.
//!
//! What names the machine is kept as hashes, since its own text is said to be confidential (`machine-id(5)`).

use std::fmt::Write as _;
use std::path::Path;

use ring::digest::{SHA256, digest};

use crate::private_file::{self, PrivateFileError};

/// The name of the file in the state directory.
pub(crate) const MACHINE_FILE: &str = "host.machine";
/// What is hashed first, so that the result is of no use for anything else.
const CONTEXT: &str = "kimchi-peers 1 machine\0";
/// What names a machine, and where it is found. The second one can be read by root alone, and is the one that differs between two
/// guests of one image.
const SOURCES: [(&str, &str); 2] =
    [("machine-id", "/etc/machine-id"), ("product-uuid", "/sys/class/dmi/id/product_uuid")];

/// What this host says when its state directory is another machine's.
pub(crate) const MADE_ELSEWHERE: &str = "this state directory was made on another machine: if this host is a copy, stop the daemon and \
     run `kimchi-peers reset-identity`; if the machine was replaced, or got a new id, run `kimchi-peers reset-identity --keep`";

/// What names a machine: a name and a hash for each source that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Machine(Vec<(String, String)>);

/// How a state directory fits a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It was made here, or nothing is known to the contrary.
    Here,
    /// It was made on another machine.
    Elsewhere,
}

impl Machine {
    /// This machine.
    pub(crate) fn of_this_host() -> Self {
        Self::under(Path::new("/"))
    }

    /// The machine whose files are under this directory.
    fn under(root: &Path) -> Self {
        let named = |(name, path): (&str, &str)| {
            let text = std::fs::read_to_string(root.join(path.trim_start_matches('/'))).ok()?;
            let text = text.trim().to_ascii_lowercase();
            // A machine that was not set up yet says so instead of its id.
            (!text.is_empty() && text != "uninitialized").then(|| (name.to_owned(), hashed(name, &text)))
        };
        Self(SOURCES.into_iter().filter_map(named).collect())
    }

    /// Whether the state directory was made on this machine. A directory that does not say becomes this machine's.
    ///
    /// # Errors
    /// [`PrivateFileError`].
    pub(crate) fn check(&self, state_directory: &Path) -> Result<Fit, PrivateFileError> {
        let path = state_directory.join(MACHINE_FILE);
        let kept = private_file::read(&path)?.map(|text| Self::parse(&text)).unwrap_or_default();
        let differs = |(name, hash): &(String, String)| kept.hash(name).is_some_and(|kept| kept != hash);
        if self.0.iter().any(differs) {
            return Ok(Fit::Elsewhere);
        }
        if self.0.iter().any(|(name, _)| kept.hash(name).is_none()) {
            // What cannot be read by this user stays as another one found it.
            let others = kept.0.iter().filter(|(name, _)| self.hash(name).is_none());
            Self(self.0.iter().chain(others).cloned().collect()).keep(state_directory)?;
        }
        Ok(Fit::Here)
    }

    /// Makes the state directory this machine's.
    ///
    /// # Errors
    /// [`PrivateFileError`].
    pub(crate) fn keep(&self, state_directory: &Path) -> Result<(), PrivateFileError> {
        let mut text = String::new();
        for (name, hash) in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} {hash}");
        }
        private_file::write(&state_directory.join(MACHINE_FILE), &text)
    }

    fn parse(text: &str) -> Self {
        let pair = |line: &str| line.split_once(' ').map(|(name, hash)| (name.to_owned(), hash.trim().to_owned()));
        Self(text.lines().filter_map(pair).collect())
    }

    fn hash(&self, name: &str) -> Option<&String> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, hash)| hash)
    }
}

fn hashed(name: &str, text: &str) -> String {
    let digest = digest(&SHA256, format!("{CONTEXT}{name}\0{text}").as_bytes());
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(id: &str, uuid: Option<&str>) -> Machine {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        std::fs::create_dir_all(root.path().join("sys/class/dmi/id")).unwrap();
        std::fs::write(root.path().join("etc/machine-id"), format!("{id}\n")).unwrap();
        if let Some(uuid) = uuid {
            std::fs::write(root.path().join("sys/class/dmi/id/product_uuid"), uuid).unwrap();
        }
        Machine::under(root.path())
    }

    #[test]
    fn a_directory_belongs_to_the_machine_that_made_it() {
        let state = tempfile::tempdir().unwrap();
        let first = machine("aa", Some("U-1\n"));
        assert_eq!(first.check(state.path()).unwrap(), Fit::Here);
        assert_eq!(first.check(state.path()).unwrap(), Fit::Here);
        let text = std::fs::read_to_string(state.path().join(MACHINE_FILE)).unwrap();
        assert!(text.lines().count() == 2 && !text.contains("aa\n") && !text.to_lowercase().contains("u-1"), "{text}");
        for other in [machine("bb", Some("U-1")), machine("aa", Some("U-2")), machine("bb", None)] {
            assert_eq!(other.check(state.path()).unwrap(), Fit::Elsewhere);
            assert_eq!(other.check(state.path()).unwrap(), Fit::Elsewhere, "it does not become another's by asking");
        }
        let second = machine("bb", Some("U-2"));
        second.keep(state.path()).unwrap();
        assert_eq!(second.check(state.path()).unwrap(), Fit::Here);
        assert_eq!(first.check(state.path()).unwrap(), Fit::Elsewhere);
    }

    #[test]
    fn what_cannot_be_read_proves_nothing_and_is_not_forgotten() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Machine::default().check(state.path()).unwrap(), Fit::Here);
        assert!(!state.path().join(MACHINE_FILE).exists());
        // First as an unprivileged user, then as root, then as the former again.
        for fitting in [machine("aa", None), machine("aa", Some("u-1")), machine("aa", None), Machine::default()] {
            assert_eq!(fitting.check(state.path()).unwrap(), Fit::Here);
        }
        assert_eq!(machine("aa", Some("u-2")).check(state.path()).unwrap(), Fit::Elsewhere);
        assert_eq!(machine("uninitialized", None), Machine::default());
    }
}
