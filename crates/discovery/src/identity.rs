//! The host's key: made at the first start, kept in a file that only its owner can read.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use kimchi_peers_proto::{HostSecret, PeerId};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use thiserror::Error;

/// Permission bits that a key file must not have: anything for others, anything but reading for the group.
const FORBIDDEN_MODE: u32 = 0o037;
/// A key file is far shorter than this.
const KEY_FILE_MAX: u64 = 4096;

/// Where the 32 secret bytes stand in the PKCS#8 document of an Ed25519 key (RFC 8410 section 7), behind what every such document
/// begins with: the lengths, the version, the algorithm 1.3.101.112, and two octet strings one in the other.
const SEED_AT: usize = 16;
const ALGORITHM_AND_KEY: [u8; 11] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The Ed25519 key of this host. Its public half is the host's identity, and it signs whatever this host says.
#[derive(Clone)]
pub struct HostKey {
    secret: HostSecret,
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
        let secret = secret_of(document.as_ref()).ok_or(HostKeyError::Random)?;
        Ok((Self { secret }, document.as_ref().to_vec()))
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
        let secret = secret_of(&document).ok_or_else(|| HostKeyError::Damaged { path: path.to_owned() })?;
        Ok(Self { secret })
    }

    /// A new key in the file `path`, durably before it returns, whatever key was there: this host is another peer from then on.
    ///
    /// # Errors
    /// [`HostKeyError::Random`], [`HostKeyError::File`]; the old key is still there.
    pub fn replace(path: &Path) -> Result<Self, HostKeyError> {
        let (key, document) = Self::generate_document()?;
        store(path, &document).map_err(|error| HostKeyError::File { path: path.to_owned(), error })?;
        Ok(key)
    }

    /// The key in the file `path`; `None` if there is no file.
    ///
    /// # Errors
    /// As [`HostKey::load_or_create`].
    pub fn load_if_there(path: &Path) -> Result<Option<Self>, HostKeyError> {
        match File::open(path) {
            Ok(file) => Self::load(path, file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(HostKeyError::File { path: path.to_owned(), error }),
        }
    }

    /// The identity: the public half.
    pub fn id(&self) -> PeerId {
        self.secret.id()
    }

    pub(crate) fn secret(&self) -> &HostSecret {
        &self.secret
    }
}

/// The secret of a PKCS#8 document that holds an Ed25519 key together with its public half, which must fit.
fn secret_of(document: &[u8]) -> Option<HostSecret> {
    // Ring reads the document strictly and gives the public half, but never the secret one.
    let pair = Ed25519KeyPair::from_pkcs8(document).ok()?;
    let (head, rest) = document.split_at_checked(SEED_AT)?;
    let secret = HostSecret::from_bytes(rest.first_chunk()?);
    let fits = head.ends_with(&ALGORITHM_AND_KEY) && secret.id().as_bytes() == pair.public_key().as_ref();
    fits.then_some(secret)
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
        assert_eq!(HostKey::load_if_there(&path).unwrap().map(|key| key.id()), Some(first.id()));
        let other = HostKey::replace(&path).unwrap();
        assert_ne!(other.id(), first.id());
        assert_eq!(HostKey::load_or_create(&path).unwrap().id(), other.id());
        std::fs::remove_file(&path).unwrap();
        assert!(HostKey::load_if_there(&path).unwrap().is_none());
    }

    #[test]
    fn the_secret_in_a_document_is_the_one_of_its_public_half() {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        assert_eq!(secret_of(document.as_ref()).unwrap().id().as_bytes(), pair.public_key().as_ref());
        for place in 0..document.as_ref().len() {
            let mut other = document.as_ref().to_vec();
            other[place] ^= 1;
            // Whatever is different, it is no key, and never another one.
            assert!(secret_of(&other).is_none(), "byte {place}");
            assert!(secret_of(&document.as_ref()[..place]).is_none(), "{place} bytes");
        }
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
