//! The file of peers in `machines.d` of Cockpit, whose host switcher shows them.
//!
//! Cockpit reads all files of that directory; its own page writes `99-webui.json`, which goes before ours. A file that
//! holds anything that is not ours is never replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::export::Destination;

/// Where the file is unless another one is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/cockpit/machines.d/50-kimchi-peers.json";
/// The member by which a file is known to be ours; Cockpit passes over it.
const MARK: &str = "source";
const OURS: &str = "kimchi-peers";
/// Far longer than any that we write.
const LENGTH_MAX: u64 = 16 << 20;

/// Why the file was not written. It is as it was.
#[derive(Debug, Error)]
pub(crate) enum CockpitError {
    /// Somebody else wrote it.
    #[error("{} holds machines that kimchi-peers did not put there; name another file with --file", .0.display())]
    Foreign(PathBuf),
    /// There is no such directory.
    #[error("there is no directory {}: is Cockpit installed?", .0.display())]
    NoDirectory(PathBuf),
    /// It cannot be read or written.
    #[error("cannot use {}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
}

/// The text of the file: a machine for each, named by its name.
pub(crate) fn machines(destinations: &[Destination]) -> String {
    let machine = |each: &Destination| {
        let members = json!({ "address": each.host.to_string(), "label": each.label, "visible": true, MARK: OURS });
        (each.label.clone(), members)
    };
    let machines: Map<String, Value> = destinations.iter().map(machine).collect();
    format!("{:#}\n", Value::Object(machines))
}

/// Puts the text in the place of the file, whole or not at all; whether that changed anything.
///
/// # Errors
/// [`CockpitError`]; the old file is still there.
pub(crate) fn write(path: &Path, text: &str) -> Result<bool, CockpitError> {
    let failed = |error| CockpitError::File { path: path.to_owned(), error };
    let named = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let directory = named.unwrap_or_else(|| Path::new("."));
    if !directory.is_dir() {
        return Err(CockpitError::NoDirectory(directory.to_owned()));
    }
    match read(path).map_err(failed)? {
        Some(old) if old == text => return Ok(false),
        Some(old) if !is_ours(&old) => return Err(CockpitError::Foreign(path.to_owned())),
        Some(_) | None => {}
    }
    replace(path, directory, text).map_err(failed)?;
    Ok(true)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LENGTH_MAX).read_to_end(&mut bytes)?;
    // What is no text is not ours, and is kept by being unlike anything that is.
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Whether all that the file holds was put there by us.
fn is_ours(text: &str) -> bool {
    let Ok(Value::Object(machines)) = serde_json::from_str(text) else { return text.trim().is_empty() };
    machines.values().all(|machine| machine.get(MARK).is_some_and(|mark| mark == OURS))
}

fn replace(path: &Path, directory: &Path, text: &str) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    // Cockpit reads what ends in .json alone.
    partial.push(format!(".{}.new", std::process::id()));
    let partial = PathBuf::from(partial);
    let written = write_new(&partial, text).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // What is there of it is of no use; the first error is the one to tell.
        let _ = fs::remove_file(&partial);
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
