//! The group keys of this host, in a file of the state directory: one key a line, the first one in use, lines with # are
//! comments.

use std::path::{Path, PathBuf};

use kimchi_peers::{GroupId, GroupKey, InvalidGroupKey, Keyring, KeyringError};
use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::private_file::{self, PrivateFileError};

/// The name of the file in the state directory.
pub(crate) const KEYS_FILE: &str = "group.keys";
/// What a file begins with that is written where there was none.
const HEADER: &str = "# The group keys of kimchi-peers: one a line, the first one is in use. Keep this file secret.";

/// The file of the group keys.
#[derive(Debug, Clone)]
pub(crate) struct KeyFile {
    path: PathBuf,
}

/// Why the group keys were not read or changed.
#[derive(Debug, Error)]
pub(crate) enum KeyFileError {
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// A line is neither a key nor a comment. The line itself is not told, since it may be most of a key.
    #[error("line {line} of {path} is no group key: it is 43 characters of base64url; a comment begins with #")]
    Line { path: PathBuf, line: usize },
    #[error("line {line} of {path}: {error}")]
    TooMany { path: PathBuf, line: usize, error: KeyringError },
    #[error(transparent)]
    Full(#[from] KeyringError),
    #[error("there is no group key {0}; `kimchi-peers key show` tells which there are")]
    Unknown(GroupId),
    #[error("the operating system gave no random numbers for a new key")]
    Random,
}

impl KeyFile {
    /// The file of this state directory.
    pub(crate) fn of(state_directory: &Path) -> Self {
        Self { path: state_directory.join(KEYS_FILE) }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The keys in it; none if there is no file.
    ///
    /// # Errors
    /// [`KeyFileError`]; a file that is too open is one.
    pub(crate) fn read(&self) -> Result<Keyring, KeyFileError> {
        Ok(self.contents()?.0)
    }

    /// Adds a key behind the others; the first one of all is in use at once.
    ///
    /// # Errors
    /// [`KeyFileError`]; the file is as it was.
    pub(crate) fn install(&self, key: GroupKey) -> Result<GroupId, KeyFileError> {
        self.change(|keyring| Ok(keyring.add(key)?))
    }

    /// Makes a key the one in use.
    ///
    /// # Errors
    /// [`KeyFileError`]; the file is as it was.
    pub(crate) fn make_primary(&self, id: GroupId) -> Result<(), KeyFileError> {
        self.change(|keyring| if keyring.make_primary(id) { Ok(()) } else { Err(KeyFileError::Unknown(id)) })
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// [`KeyFileError`]; the file is as it was.
    pub(crate) fn remove(&self, id: GroupId) -> Result<(), KeyFileError> {
        self.change(|keyring| if keyring.remove(id) { Ok(()) } else { Err(KeyFileError::Unknown(id)) })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Keyring) -> Result<T, KeyFileError>) -> Result<T, KeyFileError> {
        let (mut keyring, comments) = self.contents()?;
        let done = change(&mut keyring)?;
        let mut text = Zeroizing::new(String::with_capacity(1024));
        for comment in &comments {
            text.push_str(comment);
            text.push('\n');
        }
        for (_, key) in keyring.keys() {
            text.push_str(&Zeroizing::new(key.reveal()));
            text.push('\n');
        }
        private_file::write(&self.path, &text)?;
        Ok(done)
    }

    /// The keys and the comments.
    fn contents(&self) -> Result<(Keyring, Vec<String>), KeyFileError> {
        let (mut keyring, mut comments) = (Keyring::default(), Vec::new());
        let Some(text) = private_file::read(&self.path)? else { return Ok((keyring, vec![HEADER.to_owned()])) };
        for (index, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
            if line.starts_with('#') {
                comments.push(line.to_owned());
                continue;
            }
            let (path, line_number) = (self.path.clone(), index + 1);
            let Ok(key) = line.parse::<GroupKey>() else { return Err(KeyFileError::Line { path, line: line_number }) };
            keyring.add(key).map_err(|error| KeyFileError::TooMany { path, line: line_number, error })?;
        }
        Ok((keyring, comments))
    }
}

/// A new key.
///
/// # Errors
/// [`KeyFileError::Random`].
pub(crate) fn generate() -> Result<GroupKey, KeyFileError> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| KeyFileError::Random)?;
    Ok(GroupKey::from_bytes(*bytes))
}

/// The one key of a text, as `key generate` wrote it.
///
/// # Errors
/// There is none, or more than one.
pub(crate) fn only_key(text: &str) -> Result<GroupKey, InvalidGroupKey> {
    let mut keys = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (keys.next(), keys.next()) {
        (Some(key), None) => key.parse(),
        _ => Err(InvalidGroupKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> GroupKey {
        GroupKey::from_bytes([number; 32])
    }

    #[test]
    fn keys_are_installed_used_and_removed_and_comments_stay() {
        let place = tempfile::tempdir().unwrap();
        let file = KeyFile::of(place.path());
        let order = || file.read().unwrap().keys().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(order(), []);
        assert_eq!(file.install(key(1)).unwrap(), key(1).id());
        file.install(key(2)).unwrap();
        assert!(matches!(file.install(key(1)), Err(KeyFileError::Full(KeyringError::Known))));
        file.make_primary(key(2).id()).unwrap();
        assert_eq!(order(), [key(2).id(), key(1).id()]);
        file.remove(key(2).id()).unwrap();
        assert!(matches!(file.remove(key(2).id()), Err(KeyFileError::Unknown(_))));
        assert!(matches!(file.make_primary(key(2).id()), Err(KeyFileError::Unknown(_))));
        assert_eq!(order(), [key(1).id()]);
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(text, format!("{HEADER}\n{}\n", key(1).reveal()));
    }

    #[test]
    fn what_root_changes_in_the_directory_of_another_user_stays_that_users() {
        use std::os::unix::fs::{MetadataExt as _, chown};
        const OTHER: u32 = 65_534;
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("state");
        std::fs::create_dir(&directory).unwrap();
        if chown(&directory, Some(OTHER), Some(OTHER)).is_err() {
            return crate::skipped::not_tested("the keys of another user: only root may give files away");
        }
        let file = KeyFile::of(&directory);
        let is_private = || {
            let metadata = std::fs::metadata(file.path()).unwrap();
            assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (OTHER, OTHER, 0o600));
        };
        file.install(key(1)).unwrap();
        is_private();
        file.install(key(2)).unwrap();
        file.make_primary(key(2).id()).unwrap();
        is_private();
        file.remove(key(1).id()).unwrap();
        is_private();
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_broken_line_is_named_and_never_shown() {
        let place = tempfile::tempdir().unwrap();
        let file = KeyFile::of(place.path());
        let most_of_a_key = &key(1).reveal()[..42];
        private_file::write(file.path(), &format!("# of the lab\n\n{}\n{most_of_a_key}\n", key(2).reveal())).unwrap();
        let error = file.read().unwrap_err().to_string();
        assert!(error.starts_with("line 4 of ") && !error.contains(most_of_a_key), "{error}");
        let before = std::fs::read(file.path()).unwrap();
        assert!(file.install(key(3)).is_err());
        assert_eq!(std::fs::read(file.path()).unwrap(), before);
        let five: String = (1..=5).map(|number| key(number).reveal() + "\n").collect();
        private_file::write(file.path(), &five).unwrap();
        assert!(file.read().unwrap_err().to_string().contains("four group keys"));
    }

    #[test]
    fn a_text_holds_one_key_or_none() {
        let text = key(7).reveal();
        assert_eq!(only_key(&format!("# of the lab\n  {text}\n\n")), Ok(key(7)));
        for wrong in
            [String::new(), "#\n".to_owned(), format!("{text}\n{text}"), format!("{text}="), "short".to_owned()]
        {
            assert_eq!(only_key(&wrong), Err(InvalidGroupKey), "{wrong}");
        }
        assert_ne!(generate().unwrap(), generate().unwrap());
    }
}
