//! Files of the state directory that only their owner may read: written whole or not at all, refused where they are too open.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

/// Permission bits that such a file must not have: anything for others, anything but reading for the group.
const FORBIDDEN_MODE: u32 = 0o037;
/// Longer than any of them.
const LENGTH_MAX: u64 = 16 * 1024;

/// Why such a file was not read or written.
#[derive(Debug, Error)]
pub(crate) enum PrivateFileError {
    /// It cannot be read or written.
    #[error("cannot use {path}: {error}")]
    File { path: PathBuf, error: io::Error },
    /// It is a directory or a device.
    #[error("{path} is no regular file")]
    NoFile { path: PathBuf },
    /// Others than the owner may read or change it.
    #[error("{path} is open to others (mode {mode:o}): make it private with: chmod 600 {path}")]
    TooOpen { path: PathBuf, mode: u32 },
}

/// The text of the file; `None` if there is none. It is wiped from memory when it is dropped.
///
/// # Errors
/// [`PrivateFileError`]; a file that is too open is one.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<String>>, PrivateFileError> {
    let failed = |error| PrivateFileError::File { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    let kind = metadata.file_type();
    // A pipe is as good as a file: a shell makes one of the output of another command.
    if kind.is_dir() || kind.is_char_device() || kind.is_block_device() {
        return Err(PrivateFileError::NoFile { path: path.to_owned() });
    }
    let mode = metadata.mode() & 0o777;
    if mode & FORBIDDEN_MODE != 0 {
        return Err(PrivateFileError::TooOpen { path: path.to_owned(), mode });
    }
    // No text that grows leaves a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(LENGTH_MAX as usize));
    file.take(LENGTH_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(Some(text))
}

/// The permission bits of a file that is too open; `None` where it is not, or cannot be looked at.
pub(crate) fn open_mode(path: &Path) -> Option<u32> {
    let mode = std::fs::metadata(path).ok()?.mode() & 0o777;
    (mode & FORBIDDEN_MODE != 0).then_some(mode)
}

/// Writes the file with mode 0600, durably before it returns. Where root writes into the directory of another user, as of
/// the daemon, the file becomes that user's.
///
/// # Errors
/// [`PrivateFileError::File`]; the old file is still there.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    store(path, text).map_err(|error| PrivateFileError::File { path: path.to_owned(), error })
}

fn store(path: &Path, text: &str) -> io::Result<()> {
    let directory =
        path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !directory.exists() {
        // A host can get its keys before the daemon's first start.
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".new");
    let partial = PathBuf::from(partial);
    // A file of that name has its own mode, and may be anything.
    match std::fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    if nix::unistd::geteuid().is_root() {
        let owner = std::fs::metadata(directory)?;
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_written_is_private_and_comes_back() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("secret");
        assert!(read(&path).unwrap().is_none());
        // A half-written one of an earlier attempt, open to all.
        std::fs::write(place.path().join("secret.new"), "half").unwrap();
        for text in ["first\n", "second\n"] {
            write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap().unwrap().as_str(), text);
            assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_is_not_to_be_made_private() {
        let place = tempfile::tempdir().unwrap();
        for path in [place.path(), Path::new("/dev/zero")] {
            assert!(matches!(read(path), Err(PrivateFileError::NoFile { .. })), "{}", path.display());
        }
    }

    #[test]
    fn one_that_is_too_open_is_refused_with_the_remedy() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("secret");
        write(&path, "x").unwrap();
        for (mode, is_fit) in
            [(0o600, true), (0o640, true), (0o400, true), (0o644, false), (0o660, false), (0o601, false)]
        {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            match read(&path) {
                Ok(_) => assert!(is_fit, "{mode:o}"),
                Err(error) => {
                    assert!(!is_fit, "{mode:o}: {error}");
                    assert!(error.to_string().ends_with(&format!("chmod 600 {}", path.display())), "{error}");
                }
            }
        }
    }
}
