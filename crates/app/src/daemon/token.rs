//! The API token: 256 random bits in a file that only the owner can read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::private_file;

/// The name of the token's file in the state directory.
pub(crate) const TOKEN_FILE: &str = "api-token";
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// A shorter text in the file is not a token but an accident.
const TOKEN_TEXT_MIN: usize = 32;

/// What a change over TCP must carry.
#[derive(Clone)]
pub(crate) struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token(..)")
    }
}

impl Token {
    /// The token in the file, made at the first start.
    pub(crate) fn load_or_create(path: &Path) -> io::Result<Self> {
        match File::open(path) {
            Ok(file) => {
                if let Some(mode) = private_file::open_mode(path) {
                    let path = path.display();
                    // Refused, it would end a daemon that ran before; who reads it can change this host's list, no more.
                    tracing::warn!(
                        "the API's token {path} is open to others (mode {mode:o}): make it private with: chmod 600 {path}"
                    );
                }
                let mut text = String::new();
                file.take(1024).read_to_string(&mut text)?;
                let text = text.trim();
                if text.len() < TOKEN_TEXT_MIN {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the file holds no token; remove it and start again",
                    ));
                }
                Ok(Self(text.to_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path) -> io::Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Never seen half written: a reader finds no file or the whole token.
        let partial = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::rename(&partial, path)?;
        Ok(Self(text))
    }

    /// Whether `offered` is the token; takes the same time wherever the two differ.
    pub(crate) fn matches(&self, offered: &str) -> bool {
        let (own, offered) = (self.0.as_bytes(), offered.as_bytes());
        let differences = own.iter().zip(offered).fold(0, |found, (one, other)| found | (one ^ other));
        own.len() == offered.len() && differences == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_token_is_made_once_and_kept_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(TOKEN_FILE);
        let token = Token::load_or_create(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(Token::load_or_create(&path).unwrap().matches(text.trim()));
        assert!(token.matches(text.trim()));
        assert!(!token.matches("") && !token.matches(&text) && !token.matches(&text[..63]));
        std::fs::write(&path, "").unwrap();
        assert!(Token::load_or_create(&path).is_err());
    }
}
