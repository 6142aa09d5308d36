//! The database file: opened, migrated, put aside when damaged.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::clock;
use super::fault::{Fault, SCHEMA_VERSION};

/// Name of the database in the state directory.
pub(super) const FILE: &str = "kimchi-peers.db";
const NEW_FILE: &str = "kimchi-peers.db.new";

/// No SQLite database is smaller.
const SMALLEST_BYTES: u64 = 512;

/// The steps from an empty database to the present schema; the version of a database counts those already taken.
pub(super) const MIGRATIONS: [&str; SCHEMA_VERSION as usize] =
    [include_str!("schema.sql"), include_str!("trust.sql"), include_str!("memory.sql"), include_str!("away.sql")];

/// A `sqlite3` shell may hold the database for a moment; longer is reported.
const PATIENCE: Duration = Duration::from_millis(250);

/// Memory is scarce and the tables small: a quarter of a MiB of cache, no mapping, a log of at most about 1 MiB.
/// `cell_size_check` finds more kinds of damage when a page is read.
const PRAGMAS: &str = "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -256; \
                       PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 1048576; \
                       PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

/// Opens the database for writing, creates it if there is none, and brings its schema up to date.
pub(super) fn attach(directory: &Path) -> Result<Connection, Fault> {
    let path = directory.join(FILE);
    match fs::metadata(&path) {
        // It would open as a valid database without tables. It is none of ours: see `create`.
        Ok(file) if file.len() < SMALLEST_BYTES => return Err(Fault::Damaged(format!("it had {} bytes", file.len()))),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(directory)?,
        Err(error) => return Err(Fault::of_file(&error)),
    }
    let mut connection = connect(&path).map_err(|error| Fault::of_database(&error, directory))?;
    prepare(&mut connection, &MIGRATIONS).map_err(|error| error.judged(directory))?;
    Ok(connection)
}

/// Whether there is no database.
pub(super) fn is_missing(directory: &Path) -> bool {
    fs::metadata(directory.join(FILE)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Opens the database for reading alone, as far as that goes without writing anything.
pub(super) fn read_only(directory: &Path) -> Option<Connection> {
    let path = directory.join(FILE);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let readable = |connection: &Connection| {
        connection.busy_timeout(PATIENCE).is_ok()
            && connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).is_ok()
    };
    // A log beside the database can be read only if its index can be made; if not, the database is read without it.
    Connection::open_with_flags(&path, flags).ok().filter(readable).or_else(|| {
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        Connection::open_with_flags(immutable_uri(&path), flags).ok().filter(readable)
    })
}

/// Puts the damaged database aside and opens a new, empty one. Returns also a sentence for the operator.
pub(super) fn rebuild(directory: &Path, why: &str) -> Result<(Connection, String), Fault> {
    let aside = put_aside(directory, FILE).map_err(|error| Fault::of_file(&error))?;
    let connection = attach(directory)?;
    Ok((
        connection,
        format!("the database was damaged ({why}); it was kept as {} and a new one built", aside.display()),
    ))
}

/// Renames a damaged file of the state directory, for a database with its log and index, to a name that is free.
pub(super) fn put_aside(directory: &Path, file: &str) -> io::Result<PathBuf> {
    let free = |second: &u64| !directory.join(format!("{file}.damaged-{second}")).exists();
    let second = (clock::unix_seconds()..).find(free).unwrap_or_default();
    let aside = directory.join(format!("{file}.damaged-{second}"));
    fs::rename(directory.join(file), &aside)?;
    for suffix in ["-wal", "-shm"] {
        match fs::rename(directory.join(format!("{file}{suffix}")), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(aside)
}

/// Size of the database and its log in bytes.
pub(super) fn size(directory: &Path) -> u64 {
    let path = directory.join(FILE);
    [with_suffix(&path, "-wal"), path].iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum()
}

/// Takes the steps that are missing, all or none.
pub(super) fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let taken = usize::try_from(version(connection)?).unwrap_or(usize::MAX);
    let missing = steps.get(taken..).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    missing.iter().try_for_each(|step| transaction.execute_batch(step))?;
    transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    transaction.commit()
}

enum PrepareError {
    Fault(Fault),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for PrepareError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl PrepareError {
    fn judged(self, directory: &Path) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Database(error) => Fault::of_database(&error, directory),
        }
    }
}

fn prepare(connection: &mut Connection, steps: &[&str]) -> Result<(), PrepareError> {
    connection.busy_timeout(PATIENCE)?;
    // Closing must not fold the log of a newer program's database into it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let version = version(connection)?;
    if version > SCHEMA_VERSION {
        return Err(PrepareError::Fault(Fault::Newer(version)));
    }
    if version < 0 {
        return Err(PrepareError::Fault(Fault::Damaged(format!("its version is {version}"))));
    }
    if connection.is_readonly("main")? {
        return Err(PrepareError::Fault(Fault::ReadOnly));
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch(PRAGMAS)?;
    migrate(connection, steps)?;
    Ok(())
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Makes an empty database with all tables. It is built under another name, so that a daemon killed on the way leaves
/// nothing behind that looks like a database that lost its content.
fn create(directory: &Path) -> Result<(), Fault> {
    let new = directory.join(NEW_FILE);
    let built = fill_new(&new)
        .map_err(|error| Fault::of_file(&error))
        .and_then(|mut connection| {
            migrate(&mut connection, &MIGRATIONS).map_err(|error| Fault::of_database(&error, directory))
        })
        .and_then(|()| rename_new(directory, &new).map_err(|error| Fault::of_file(&error)));
    if built.is_err() {
        let _ = fs::remove_file(&new);
    }
    built
}

/// Opens a new, empty file with our mode, which SQLite then uses for the log too.
fn fill_new(new: &Path) -> io::Result<Connection> {
    for stale in [new.to_owned(), with_suffix(new, "-journal")] {
        remove_if_there(&stale)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    connect(new).map_err(io::Error::other)
}

fn rename_new(directory: &Path, new: &Path) -> io::Result<()> {
    let path = directory.join(FILE);
    // The log of a database that was deleted would be replayed into the new one.
    for suffix in ["-wal", "-shm"] {
        remove_if_there(&with_suffix(&path, suffix))?;
    }
    fs::rename(new, path)?;
    File::open(directory)?.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn immutable_uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("file:{path}?immutable=1")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
