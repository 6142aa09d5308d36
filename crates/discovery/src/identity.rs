//! The host's key: made at the first start, kept in a file that only its owner can read.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kimchi_peers_proto::PeerId;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use thiserror::Error;

/// Permission bits that a key file must not have: anything for others, anything but reading for the group.
const FORBIDDEN_MODE: u32 = 0o037;
/// A key file is far shorter than this.
const KEY_FILE_MAX: u64 = 4096;

/// The Ed25519 key of this host. Its public half is the host's identity.
pub struct HostKey {
    pair: Ed25519KeyPair,
}

/// Why there is no key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostKeyError {
    /// The file cannot be read, or the new one not be written.
    #[error("cannot use the key file {path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// Others than the owner may read or change the key.
    #[error("the key file {path} is open to others (mode {mode:o}): make it private with: chmod 600 {path}")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds no Ed25519 key.
    #[error("the key file {path} is damaged; restore it from a backup, or remove it and this host becomes a new peer")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no random numbers for a new key")]
    Random,
}

impl HostKey {
    /// A new key that is kept nowhere.
    ///
    /// # Errors
    /// [`HostKeyError::Random`].
    pub fn generate() -> Result<Self, HostKeyError> {
        Self::generate_document().map(|(key, _)| key)
    }

    fn generate_document() -> Result<(Self, Vec<u8>), HostKeyError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| HostKeyError::Random)?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|_| HostKeyError::Random)?;
        Ok((Self { pair }, document.as_ref().to_vec()))
    }

    /// The key in the file `path` (PKCS#8, RFC 5958). Makes one if there is no file, durably before it returns.
    ///
    /// # Errors
    /// All but a missing file: a damaged or readable-by-all key is never replaced silently.
    pub fn load_or_create(path: &Path) -> Result<Self, HostKeyError> {
        let failed = |error| HostKeyError::File { path: path.to_owned(), error };
        match File::open(path) {
            Ok(file) => Self::load(path, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (key, document) = Self::generate_document()?;
                store(path, &document).map_err(failed)?;
                Ok(key)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn load(path: &Path, file: File) -> Result<Self, HostKeyError> {
        let failed = |error| HostKeyError::File { path: path.to_owned(), error };
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & FORBIDDEN_MODE != 0 {
            return Err(HostKeyError::TooOpen { path: path.to_owned(), mode });
        }
        let mut document = Vec::new();
        file.take(KEY_FILE_MAX).read_to_end(&mut document).map_err(failed)?;
        let pair =
            Ed25519KeyPair::from_pkcs8(&document).map_err(|_| HostKeyError::Damaged { path: path.to_owned() })?;
        Ok(Self { pair })
    }

    /// The identity: the public half.
    pub fn id(&self) -> PeerId {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PeerId::from_bytes(bytes)
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HostKey({})", self.id())
    }
}

/// Writes the file whole or not at all, and makes it durable.
fn store(path: &Path, document: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(document)?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn scratch(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("kimchi-peers-key-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        directory.join("host.key")
    }

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let path = scratch("once");
        let first = HostKey::load_or_create(&path).unwrap();
        assert_eq!(HostKey::load_or_create(&path).unwrap().id(), first.id());
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_ne!(HostKey::generate().unwrap().id(), first.id());
    }

    #[test]
    fn an_open_or_damaged_key_is_refused_and_kept() {
        let path = scratch("open");
        HostKey::load_or_create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(HostKey::load_or_create(&path), Err(HostKeyError::TooOpen { mode: 0o644, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, b"junk").unwrap();
        assert!(matches!(HostKey::load_or_create(&path), Err(HostKeyError::Damaged { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"junk");
    }
}
