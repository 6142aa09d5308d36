//! What can be wrong with a configuration.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// Why a configuration is of no use. Whoever wrote it is to blame; nothing was changed.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    /// The file is missing, although it was named, or it cannot be read.
    #[error("cannot read the configuration file {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// The file has a key that does not exist.
    #[error("unknown key `{key}` in {} line {line}; {}", path.display(), did_you_mean(*nearest))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// The known key most like it.
        nearest: Option<&'static str>,
    },
    /// A value that is not allowed.
    #[error("{subject} must be {shape}{allowed}, not {found}")]
    Invalid {
        /// Where the value is.
        subject: String,
        /// How the value must be written, if that is what is wrong; else empty.
        shape: &'static str,
        /// What is allowed.
        allowed: &'static str,
        /// What is there, quoted.
        found: String,
    },
    /// The API would be open to the network in clear.
    #[error(
        "{subject}: other hosts can reach {address}, so it needs TLS: give --tls-cert FILE and --tls-key FILE, or --tls \
         self-signed; every request there needs the token of the file api-token in the state directory"
    )]
    Exposed {
        /// Where the address is.
        subject: String,
        /// The address.
        address: SocketAddr,
    },
    /// A certificate without its key, or the other way round.
    #[error("{given} is of no use without {missing}")]
    HalfTls {
        /// The key that is set.
        given: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// A variable that is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// The operating system's host name tells this host from no other.
    #[error("the host name {0} cannot serve as this host's name on the network; set --name")]
    HostName(String),
    /// There is no place for the state.
    #[error("neither HOME nor XDG_STATE_HOME is set, so there is no place for the state; set --state-dir")]
    NoHome,
}

fn did_you_mean(nearest: Option<&'static str>) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "`kimchi-peers config show` lists the known keys".to_owned(),
    }
}

/// `text` in backquotes, fit to print.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", printable(text))
}

/// `text` without what would move a terminal's cursor or turn its direction of writing.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\'' | '\\' => printable.push(letter),
            _ => printable.extend(letter.escape_debug()),
        }
    }
    printable
}
