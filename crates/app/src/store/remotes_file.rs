//! The second copy of the remotes, `remotes.json`, from which a damaged database is rebuilt.
//!
//! It is never changed in place: a new file is written beside it, synced, and renamed over it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checksum::Checksum;
use super::record::StoredRemote;
use super::remotes::RemoteList;

/// Name of the file in the state directory.
pub(super) const FILE: &str = "remotes.json";
const NEW_FILE: &str = "remotes.json.new";
/// A larger file is not ours: 1,024 remotes take less than 1 MiB.
const LARGEST_BYTES: u64 = 8 * 1024 * 1024;
const ABOUT: &str = "Second copy of the remote peers of kimchi-peers, read only if kimchi-peers.db is lost or damaged";

/// The content of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    #[serde(default)]
    about: String,
    /// Number of the run that wrote the file.
    pub(super) epoch: u64,
    /// The same number as in the database, growing with every change of the list.
    pub(super) generation: i64,
    remotes: Vec<Entry>,
    checksum: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    key: String,
    name: Option<String>,
    host: String,
    port: u16,
    server_root: String,
    added_at: i64,
    certificate: Option<String>,
}

/// What was found at the place of the file.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// An intact file.
    Intact(Document),
    /// Readable, but the checksum does not fit: edited by hand or damaged.
    Doubtful(Document),
    /// Nothing usable, for this reason.
    Unreadable(String),
}

impl Document {
    /// Describes the list as of `generation`.
    pub(super) fn new(epoch: u64, generation: i64, list: &RemoteList) -> Self {
        let remotes = list.values().map(Entry::from).collect();
        let mut document = Self { about: ABOUT.to_owned(), epoch, generation, remotes, checksum: String::new() };
        document.checksum = document.expected_checksum();
        document
    }

    /// The remotes, their health unknown.
    pub(super) fn list(&self) -> RemoteList {
        self.remotes.iter().map(|entry| (entry.key.clone(), entry.restore())).collect()
    }

    fn expected_checksum(&self) -> String {
        let head = Checksum::of(FILE).integer(self.epoch.cast_signed()).integer(self.generation);
        let sum = |checksum: Checksum, entry: &Entry| {
            checksum
                .text(&entry.key)
                .optional_text(entry.name.as_deref())
                .text(&entry.host)
                .integer(entry.port.into())
                .text(&entry.server_root)
                .integer(entry.added_at)
                .optional_text(entry.certificate.as_deref())
        };
        self.remotes.iter().fold(head, sum).finish()
    }
}

impl From<&StoredRemote> for Entry {
    fn from(remote: &StoredRemote) -> Self {
        Self {
            key: remote.key.clone(),
            name: remote.name.clone(),
            host: remote.host.clone(),
            port: remote.port,
            server_root: remote.server_root.clone(),
            added_at: remote.added_at,
            certificate: remote.certificate.clone(),
        }
    }
}

impl Entry {
    fn restore(&self) -> StoredRemote {
        StoredRemote {
            key: self.key.clone(),
            name: self.name.clone(),
            host: self.host.clone(),
            port: self.port,
            server_root: self.server_root.clone(),
            added_at: self.added_at,
            state: "unknown".to_owned(),
            reason: None,
            state_since: self.added_at,
            last_seen: None,
            round_trip_ms: None,
            certificate: self.certificate.clone(),
        }
    }
}

/// Reads the file and judges it.
pub(super) fn read(directory: &Path) -> Found {
    let mut text = String::new();
    let file = match File::open(directory.join(FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Missing,
        Err(error) => return Found::Unreadable(error.to_string()),
    };
    if let Err(error) = file.take(LARGEST_BYTES).read_to_string(&mut text) {
        return Found::Unreadable(error.to_string());
    }
    match serde_json::from_str::<Document>(&text) {
        Ok(document) if document.checksum == document.expected_checksum() => Found::Intact(document),
        Ok(document) => Found::Doubtful(document),
        Err(error) => Found::Unreadable(error.to_string()),
    }
}

/// A new file, complete and synced, that has not yet taken the place of the old one. Dropped, it is deleted.
pub(super) struct Staged {
    directory: PathBuf,
    published: bool,
}

/// Writes `document` beside the file. Afterwards only the renaming is left, which needs hardly any space.
pub(super) fn stage(directory: &Path, document: &Document) -> io::Result<Staged> {
    let staged = Staged { directory: directory.to_owned(), published: false };
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(directory.join(NEW_FILE))?;
    file.write_all(&text)?;
    file.sync_all()?;
    Ok(staged)
}

impl Staged {
    /// Puts the new file in the place of the old one, durably.
    pub(super) fn publish(mut self) -> io::Result<()> {
        fs::rename(self.directory.join(NEW_FILE), self.directory.join(FILE))?;
        self.published = true;
        File::open(&self.directory)?.sync_all()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // A file left over does no harm: it is never read, and the next one replaces it.
            let _ = fs::remove_file(self.directory.join(NEW_FILE));
        }
    }
}
