//! The state directory, which one daemon at a time may use.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file whose lock is held; contains the process number of the holder.
const LOCK_FILE: &str = "lock";

/// The state directory, locked for as long as a clone of this value lives.
#[derive(Debug, Clone)]
pub(crate) struct StateDirectory {
    path: PathBuf,
    _lock: Arc<File>,
}

/// Why the state directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LockError {
    /// A second daemon was started on one directory; the first is not disturbed.
    #[error("another kimchi-peers{} already uses {}; stop it or choose another --state-dir", holder(*.pid), .path.display())]
    Held {
        /// Process number of the other daemon, where it could be read.
        pid: Option<u32>,
        /// The directory.
        path: PathBuf,
    },
    /// The directory does not exist and could not be created.
    #[error(
        "cannot create the state directory {}: {}; create it, give it to the user the daemon runs as, or choose another \
         --state-dir",
        .path.display(),
        .source.kind()
    )]
    Create {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory exists but cannot even be read.
    #[error(
        "cannot use the state directory {}: {}; give it to the user the daemon runs as, or choose another --state-dir",
        .path.display(),
        .source.kind()
    )]
    Use {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StateDirectory {
    /// Creates the directory (mode 0700) if it is missing and locks it without waiting.
    ///
    /// A directory that cannot be written is locked all the same, so that the daemon can run from memory.
    ///
    /// # Errors
    /// See [`LockError`]; the message names the remedy.
    pub(crate) fn open(path: &Path) -> Result<Self, LockError> {
        create(path)?;
        let file = open_lock(path).map_err(|source| LockError::Use { path: path.to_owned(), source })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { pid: read_pid(path), path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(LockError::Use { path: path.to_owned(), source }),
        }
        // Only a courtesy to the second daemon: on a full or read-only disk the lock holds without the number.
        let _ = write_pid(&file);
        Ok(Self { path: path.to_owned(), _lock: Arc::new(file) })
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn create(path: &Path) -> Result<(), LockError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| LockError::Create { path: path.to_owned(), source })
}

/// Opens the lock file; where it cannot be written or created, opens it for reading, or at last the directory itself,
/// for a lock needs no write permission.
fn open_lock(directory: &Path) -> io::Result<File> {
    let path = directory.join(LOCK_FILE);
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .or_else(|_| File::open(&path))
        .or_else(|_| File::open(directory))
}

fn write_pid(mut file: &File) -> io::Result<()> {
    // In one width, so that nothing has to be cut off: a change of length is a transaction of the file system.
    let line = format!("{:<10}\n", std::process::id());
    file.rewind()?;
    file.write_all(line.as_bytes())?;
    if file.metadata()?.len() == line.len() as u64 { Ok(()) } else { file.set_len(line.len() as u64) }
}

fn read_pid(directory: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(directory.join(LOCK_FILE)).ok()?.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn holder(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
}
