//! What can go wrong with the state directory, and in which words it is told.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

/// Below this many free bytes an unclear failure is put down to a full disk: one page of the log and its index.
const FULL_BELOW_BYTES: u64 = 64 * 1024;

/// The newest version of the schema this program knows.
pub(super) const SCHEMA_VERSION: i64 = 4;

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The disk is full; nothing was changed. Goes away by itself once there is space.
    #[error("the disk that holds the state directory is full")]
    Full,
    /// The state directory or database cannot be written; nothing was changed. The operator has to act.
    #[error("the list of remote peers cannot be changed ({0})")]
    ReadOnly(String),
    /// The remote is already in the list; the caller's mistake, nothing was changed.
    #[error("remote peer {0} is already in the list")]
    Exists(String),
    /// Another program, for example a `sqlite3` shell in a transaction, holds the database; nothing was changed.
    #[error("the database is locked by another program")]
    Locked,
    /// More requests wait than the store accepts; nothing was changed. Only when the disk is very slow.
    #[error("too many requests wait for the store")]
    Busy,
    /// The store was closed before it answered; whether the change was made shows at the next start.
    #[error("the store is closed")]
    Closed,
    /// The database or second file failed otherwise.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The writer thread could not be started.
    #[error("cannot start the thread of the store")]
    Thread(#[source] io::Error),
}

/// The causes of failure the store tells apart, because it reacts to them differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// No space left: keep everything in memory and try again.
    Full,
    /// No permission, or a read-only file system: as above.
    ReadOnly,
    /// Another program holds the database: as above.
    Locked,
    /// Written by a newer program: never touch it.
    Newer(i64),
    /// The content is broken: put it aside and build a new one.
    Damaged(String),
    /// Anything else, for example a failing disk: keep everything in memory and try again.
    Failing(String),
}

impl Fault {
    /// Judges an error of SQLite; `directory` is asked for free space when the error could mean a full disk.
    pub(super) fn of_database(error: &rusqlite::Error, directory: &Path) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(text),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_full(directory) => Self::Full,
            Some(ErrorCode::CannotOpen) if !is_writable(directory) => Self::ReadOnly,
            // "no such table" and the like: the description of the tables is broken. A statement of ours that is
            // wrong would end here too, and the tests would see it.
            Some(ErrorCode::Unknown) => Self::Damaged(text),
            Some(_) | None => Self::Failing(text),
        }
    }

    /// Judges an error of a file operation.
    pub(super) fn of_file(error: &io::Error) -> Self {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            Self::Full
        } else if matches!(kind, io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied) {
            Self::ReadOnly
        } else {
            Self::Failing(error.to_string())
        }
    }

    /// One sentence for the operator; its beginning up to the colon is fixed and can be matched on.
    pub(super) fn sentence(&self, directory: &Path) -> String {
        let place = directory.display();
        match self {
            Self::Full => format!("disk-full: no space left in {place}; changes wait in memory until there is"),
            Self::ReadOnly => format!("read-only: {place} cannot be written; changes are kept in memory only"),
            Self::Locked => format!("locked: another program holds the database in {place}; changes wait in memory"),
            Self::Newer(version) => format!(
                "schema is newer: the database in {place} has version {version}, this program knows {SCHEMA_VERSION}; \
                 it is only read, changes are kept in memory. Install the newer program, or move the database away"
            ),
            Self::Damaged(why) | Self::Failing(why) => {
                format!("failing: the store in {place} does not work ({why}); changes are kept in memory")
            }
        }
    }

    /// The answer to a caller whose change met this fault.
    pub(super) fn into_error(self, directory: &Path) -> StoreError {
        match self {
            Self::Full => StoreError::Full,
            Self::ReadOnly | Self::Newer(_) => StoreError::ReadOnly(self.sentence(directory)),
            Self::Locked => StoreError::Locked,
            Self::Damaged(why) | Self::Failing(why) => StoreError::Failed(why),
        }
    }
}

fn is_full(directory: &Path) -> bool {
    nix::sys::statvfs::statvfs(directory)
        .is_ok_and(|disk| disk.blocks_available().saturating_mul(disk.fragment_size()) < FULL_BELOW_BYTES)
}

fn is_writable(directory: &Path) -> bool {
    nix::unistd::access(directory, nix::unistd::AccessFlags::W_OK).is_ok()
}
