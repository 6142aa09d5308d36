//! Why the daemon did not do what it was asked, and what that means for the exit status.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use hyper::StatusCode;
use thiserror::Error;

use crate::client::address::ApiAddress;
use crate::client::token::TOKEN_FILE;
use crate::failure::{FAILED, Failure, NO_DAEMON, NO_SUCH_PEER, Stop};
use crate::output::printable;
use crate::view::PeerState;

/// Candidates that are named when a text fits several peers.
const CANDIDATES_SHOWN: usize = 10;

/// Why the daemon did not do what it was asked.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// What was given as the API's address is none.
    #[error(
        "{0} is no address of an API: use HOST:PORT with a numeric address or localhost, unix:PATH, or https://HOST:PORT"
    )]
    Address(String),
    /// Nobody accepts connections at any of the addresses.
    #[error("no daemon reached; tried {}", tried(.0))]
    Unreachable(Vec<(ApiAddress, io::ErrorKind)>),
    /// The certificate there is not one that may be trusted.
    #[error("the certificate of {0} is not trusted: {1}")]
    Distrusted(ApiAddress, String),
    /// What certificates to trust is not told, or wrongly.
    #[error("{0}")]
    Belief(String),
    /// The connection ended within an exchange.
    #[error("the daemon at {0} broke off: {1}")]
    Broken(ApiAddress, hyper::Error),
    /// The daemon accepted the connection and then took too long.
    #[error("the daemon at {0} does not answer")]
    Silent(ApiAddress),
    /// Something else answers there.
    #[error("what answers at {0} is not this version of kimchi-peers: {1}")]
    Foreign(ApiAddress, String),
    /// No peer fits.
    #[error("no such peer: {0}")]
    NoSuchPeer(String),
    /// Several peers fit.
    #[error("{given} fits several peers: {}", listed(.candidates))]
    Ambiguous {
        /// What was given.
        given: String,
        /// The peers that fit.
        candidates: Vec<Candidate>,
    },
    /// Nobody fits in full, some by their beginning.
    #[error("no peer is called {given}; did you mean {}?", listed(.candidates))]
    NotWhole {
        /// What was given.
        given: String,
        /// The peers that it is the beginning of.
        candidates: Vec<Candidate>,
    },
    /// The text means the daemon's own host, which is no peer of itself.
    #[error("{0} is this host")]
    ThisHost(String),
    /// The daemon wants a token that was not found.
    #[error("a change needs this daemon's token; this daemon keeps its state in {}", .state_dir.display())]
    NoToken {
        /// Where the daemon says that it keeps its state.
        state_dir: PathBuf,
        /// The state directory in which the token was looked for.
        tried: PathBuf,
        /// Why the token in the daemon's directory cannot be read; `None` if it can.
        unreadable: Option<io::ErrorKind>,
    },
    /// The file that was named for the token has another daemon's, or none.
    #[error("{}", wrong_token(.file, *.unreadable))]
    WrongToken {
        /// The file.
        file: PathBuf,
        /// Why there is no token to be had from it; `None` if there is one.
        unreadable: Option<io::ErrorKind>,
        /// Where the daemon says that it keeps its state, and why the token there cannot be read; `None` before it was asked.
        daemon: Option<(PathBuf, Option<io::ErrorKind>)>,
    },
    /// The daemon refuses.
    #[error("{reason}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The daemon's sentence.
        reason: String,
        /// How it was asked.
        credential: Credential,
    },
}

/// A peer that a text may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) id: String,
    pub(crate) state: PeerState,
}

impl fmt::Display for Candidate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, address, id, state } = self;
        write!(out, "{name} ({}, {address}, id {id})", state.as_str())
    }
}

/// What a request carried to prove that it may change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Nothing was needed, or the Unix socket tells who asks.
    Unneeded,
    /// The token in this file.
    Sent(PathBuf),
    /// Nothing, because this file could not be read.
    Unreadable(PathBuf, io::ErrorKind),
    /// Nothing, because the token would have left this host in clear.
    Withheld,
    /// Nothing, because the token of this host's own daemon is none for another host.
    Unnamed,
}

impl ClientError {
    /// The HTTP status of a refusal.
    pub(crate) const fn status(&self) -> Option<StatusCode> {
        if let Self::Refused { status, .. } = self { Some(*status) } else { None }
    }

    /// Whether the daemon refuses because it was not given its token.
    pub(super) fn is_for_want_of_the_token(&self) -> bool {
        if let Self::Refused { status, credential, .. } = self {
            return *status == StatusCode::UNAUTHORIZED && credential.is_a_token();
        }
        matches!(self, Self::WrongToken { .. })
    }

    /// What goes wrong where there are several to choose from, each on a line of its own.
    fn with_lines(&self) -> Option<String> {
        if let Self::Ambiguous { given, candidates } = self {
            return Some(format!("{} fits several peers:{}", printable(given), one_a_line(candidates)));
        }
        let Self::NotWhole { given, candidates } = self else { return None };
        let lines =
            || format!("no peer is called {}; did you mean one of these?{}", printable(given), one_a_line(candidates));
        (candidates.len() > 1).then(lines)
    }

    const fn exit_status(&self) -> u8 {
        match self {
            Self::Unreachable(_) => NO_DAEMON,
            Self::NoSuchPeer(_) | Self::ThisHost(_) => NO_SUCH_PEER,
            Self::Address(_)
            | Self::Distrusted(..)
            | Self::Belief(_)
            | Self::Broken(..)
            | Self::Silent(_)
            | Self::Foreign(..)
            | Self::Ambiguous { .. }
            | Self::NotWhole { .. }
            | Self::NoToken { .. }
            | Self::WrongToken { .. }
            | Self::Refused { .. } => FAILED,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable(_) => Some("start it with: systemctl start kimchi-peers, or kimchi-peers run".to_owned()),
            Self::NoSuchPeer(_) => Some("see all of them with: kimchi-peers list --all".to_owned()),
            Self::Ambiguous { given, .. } if given.parse::<IpAddr>().is_ok() => Some("give its id".to_owned()),
            Self::Ambiguous { .. } => Some("give its address or id".to_owned()),
            Self::NotWhole { .. } => Some("give the whole name, address or id".to_owned()),
            Self::ThisHost(_) => Some("see it with: kimchi-peers status".to_owned()),
            Self::NoToken { state_dir, tried, unreadable } => Some(token_hint(state_dir, tried, *unreadable)),
            Self::WrongToken { file, daemon, .. } => Some(match daemon {
                Some((state_dir, unreadable)) => other_token_hint(file, state_dir, *unreadable),
                None => "give the file api-token of that daemon's state directory with --token-file".to_owned(),
            }),
            Self::Foreign(..) => Some("give the daemon's address with --api".to_owned()),
            Self::Refused { status, credential, .. } if is_about_rights(*status) => credential.hint(),
            Self::Distrusted(..) => Some(
                "compare its fingerprint, which its log tells at start, and give it with --fingerprint, or its CA with --ca"
                    .to_owned(),
            ),
            Self::Belief(_) | Self::Address(_) | Self::Broken(..) | Self::Silent(_) | Self::Refused { .. } => None,
        }
    }
}

impl Credential {
    /// Whether it is that of a file, be it sent or not to be read.
    pub(super) const fn is_a_token(&self) -> bool {
        matches!(self, Self::Sent(_) | Self::Unreadable(..))
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Unneeded => None,
            Self::Unnamed => Some("give the token of that daemon with --token-file FILE".to_owned()),
            Self::Sent(path) => Some(format!(
                "the token of {} is not this daemon's; give its --state-dir or --token-file",
                path.display()
            )),
            Self::Unreadable(path, why) => {
                let cure = if *why == io::ErrorKind::PermissionDenied { "use sudo" } else { "give --state-dir" };
                Some(format!("cannot read {}: {}; {cure}", path.display(), words(*why)))
            }
            Self::Withheld => Some(
                "the token is sent only to this host itself; ask a daemon on loopback, or over https://".to_owned(),
            ),
        }
    }
}

/// How to come by the token of a daemon that keeps its state there.
fn token_hint(state_dir: &Path, tried: &Path, unreadable: Option<io::ErrorKind>) -> String {
    let token = state_dir.join(TOKEN_FILE);
    match unreadable {
        Some(io::ErrorKind::PermissionDenied) => format!("read {} as its owner, e.g. with sudo", token.display()),
        _ if state_dir != tried => format!("add --state-dir {}", state_dir.display()),
        Some(why) => format!("cannot read {}: {}", token.display(), words(why)),
        None => format!("{} is not this daemon's: does it run in a container?", token.display()),
    }
}

/// How to come by it for whoever named another file.
fn other_token_hint(file: &Path, state_dir: &Path, unreadable: Option<io::ErrorKind>) -> String {
    let token = state_dir.join(TOKEN_FILE);
    if unreadable.is_none() && file != token {
        format!("give --token-file {}", token.display())
    } else {
        token_hint(state_dir, state_dir, unreadable)
    }
}

fn wrong_token(file: &Path, unreadable: Option<io::ErrorKind>) -> String {
    let file = file.display();
    match unreadable {
        None => format!("the token in {file} is not this daemon's"),
        Some(io::ErrorKind::InvalidData) => format!("there is no token in {file}"),
        Some(why) => format!("cannot read {file}: {}", words(why)),
    }
}

/// Whether the daemon wants to know who asks.
fn is_about_rights(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        // The daemon's sentences may quote names from the network.
        let hint = error.hint().map(|hint| printable(&hint).into_owned());
        let message = error.with_lines().unwrap_or_else(|| printable(&error.to_string()).into_owned());
        Self { status: error.exit_status(), message, hint }
    }
}

/// Each candidate on a line of its own, for people who choose one.
fn one_a_line(candidates: &[Candidate]) -> String {
    let cells = |candidate: &Candidate| {
        [&candidate.name, &candidate.address, &candidate.id].map(|text| printable(text).into_owned())
    };
    let shown: Vec<_> = candidates.iter().take(CANDIDATES_SHOWN).map(|one| (cells(one), one.state)).collect();
    let names = shown.iter().map(|([name, ..], _)| name.chars().count()).max().unwrap_or(0);
    let addresses = shown.iter().map(|([_, address, _], _)| address.chars().count()).max().unwrap_or(0);
    let mut lines = String::new();
    for ([name, address, id], state) in &shown {
        lines.push_str(&format!("\n  {name:names$}  {address:addresses$}  {id}"));
        if *state != PeerState::Up {
            lines.push_str(&format!("  {}", state.as_str()));
        }
    }
    if candidates.len() > shown.len() {
        lines.push_str(&format!("\n  and {} more", candidates.len() - shown.len()));
    }
    lines
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Failure(error.into())
    }
}

fn tried(addresses: &[(ApiAddress, io::ErrorKind)]) -> String {
    let all: Vec<_> = addresses.iter().map(|(address, why)| format!("{address} ({})", words(*why))).collect();
    all.join(" and ")
}

/// What the standard library says, but for its "entity".
fn words(why: io::ErrorKind) -> String {
    if why == io::ErrorKind::NotFound { "no such file".to_owned() } else { why.to_string() }
}

fn listed(candidates: &[Candidate]) -> String {
    let shown = candidates.iter().take(CANDIDATES_SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match candidates.len().checked_sub(CANDIDATES_SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, address: &str, state: PeerState) -> Candidate {
        Candidate { name: name.to_owned(), address: address.to_owned(), id: format!("{name}@{address}"), state }
    }

    #[test]
    fn who_may_be_meant_stands_one_a_line_and_can_make_no_line() {
        let mut candidates =
            vec![candidate("twin\n", "10.1.0.1", PeerState::Down), candidate("twin", "10.1.0.20", PeerState::Up)];
        let ambiguous =
            Failure::from(ClientError::Ambiguous { given: "tw".to_owned(), candidates: candidates.clone() });
        let expected = "tw fits several peers:
  twin\\u{a}  10.1.0.1   twin\\u{a}@10.1.0.1  down
  twin       10.1.0.20  twin@10.1.0.20";
        assert_eq!(ambiguous.message, expected);
        assert_eq!(ambiguous.hint.as_deref(), Some("give its address or id"));
        candidates.extend((0..10).map(|number| candidate("a", &format!("10.0.0.{number}"), PeerState::Up)));
        let many = Failure::from(ClientError::NotWhole { given: "tw".to_owned(), candidates });
        assert!(many.message.starts_with("no peer is called tw; did you mean one of these?\n  twin"), "{many:?}");
        assert!(many.message.ends_with("\n  and 2 more") && many.message.lines().count() == 12, "{many:?}");
    }

    #[test]
    fn a_token_that_was_named_is_judged_itself() {
        use io::ErrorKind::{InvalidData, NotFound, PermissionDenied};
        for (file, unreadable, message) in [
            ("bad", None, "the token in bad is not this daemon's"),
            ("bad", Some(NotFound), "cannot read bad: no such file"),
            ("bad", Some(InvalidData), "there is no token in bad"),
        ] {
            let error = ClientError::WrongToken { file: file.into(), unreadable, daemon: None };
            assert_eq!(error.to_string(), message);
        }
        for (file, there, hint) in [
            ("bad", None, "give --token-file /s/api-token"),
            ("bad", Some(PermissionDenied), "read /s/api-token as its owner, e.g. with sudo"),
            ("/s/api-token", None, "/s/api-token is not this daemon's: does it run in a container?"),
        ] {
            let daemon = Some(("/s".into(), there));
            let error = ClientError::WrongToken { file: file.into(), unreadable: None, daemon };
            assert_eq!(Failure::from(error).hint.as_deref(), Some(hint));
        }
    }

    #[test]
    fn the_way_to_the_token_is_told_once() {
        use io::ErrorKind::{NotFound, PermissionDenied};
        for (tried, unreadable, hint) in [
            ("/home/u/kp", None, "add --state-dir /s"),
            ("/home/u/kp", Some(NotFound), "add --state-dir /s"),
            ("/home/u/kp", Some(PermissionDenied), "read /s/api-token as its owner, e.g. with sudo"),
            ("/s", Some(PermissionDenied), "read /s/api-token as its owner, e.g. with sudo"),
            ("/s", Some(NotFound), "cannot read /s/api-token: no such file"),
            ("/s", None, "/s/api-token is not this daemon's: does it run in a container?"),
        ] {
            let error = ClientError::NoToken { state_dir: "/s".into(), tried: tried.into(), unreadable };
            let failure = Failure::from(error);
            assert!(failure.message.ends_with("this daemon keeps its state in /s"), "{}", failure.message);
            assert_eq!(failure.hint.as_deref(), Some(hint));
        }
    }
}
