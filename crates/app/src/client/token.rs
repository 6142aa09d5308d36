//! The token that a change over TCP carries, and the directory it is in.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The token's file in the state directory; the daemon writes it.
pub(super) const TOKEN_FILE: &str = "api-token";
/// Longer than any token; what is longer is some other file.
const TOKEN_MAX: u64 = 1024;

/// The token of a state directory, or why there is none.
#[derive(Clone)]
pub(crate) struct Token {
    /// Where it is kept.
    pub(crate) path: PathBuf,
    /// What is kept there.
    pub(crate) text: Result<String, io::ErrorKind>,
    /// Whether its file was named by the user, so that it is fit for a daemon of another host.
    pub(crate) is_meant: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The token must not get into a log by way of a struct that holds it.
        write!(out, "Token({})", self.path.display())
    }
}

impl Token {
    /// Reads the token of this file; whoever names it means it for the daemon that is asked.
    pub(crate) fn of_file(path: PathBuf) -> Self {
        let text = read_short(&path).map_err(|error| error.kind());
        Self { path, text, is_meant: true }
    }

    /// Reads the token. One that cannot be read is told only when the daemon asks for it.
    pub(crate) fn read(state_directory: &std::path::Path) -> Self {
        let path = state_directory.join(TOKEN_FILE);
        let text = read_short(&path).map_err(|error| error.kind());
        Self { path, text, is_meant: false }
    }
}

/// Reads a token's file. What could break out of an HTTP header is no token.
fn read_short(path: &std::path::Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(TOKEN_MAX).read_to_string(&mut text)?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(token.to_owned())
}

/// The state directory: what was given, else the environment, else the usual place of this user.
pub(crate) fn state_directory(
    given: Option<&PathBuf>,
    is_root: bool,
    variable: impl Fn(&str) -> Option<OsString>,
) -> PathBuf {
    let variable = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(given) = given {
        return given.clone();
    }
    if let Some(own) = variable("KIMCHI_PEERS_STATE_DIR") {
        return own.into();
    }
    if let Some(of_service) = variable("STATE_DIRECTORY") {
        // systemd joins several by colons; ours is the first.
        return of_service.to_string_lossy().split(':').next().unwrap_or_default().into();
    }
    if is_root {
        return PathBuf::from("/var/lib/kimchi-peers");
    }
    let home_state = || PathBuf::from(variable("HOME").unwrap_or_default()).join(".local/state");
    // A relative path here is to be ignored, says the XDG base directory specification.
    let own_state = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    own_state.unwrap_or_else(home_state).join("kimchi-peers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(given: Option<&str>, is_root: bool, variables: &[(&str, &str)]) -> String {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value));
        state_directory(given.map(PathBuf::from).as_ref(), is_root, variable).display().to_string()
    }

    #[test]
    fn the_directory_is_where_the_daemon_has_it() {
        let all = [
            ("KIMCHI_PEERS_STATE_DIR", "/own"),
            ("STATE_DIRECTORY", "/service:/other"),
            ("XDG_STATE_HOME", "/xdg"),
            ("HOME", "/home/u"),
        ];
        assert_eq!(directory(Some("/given"), false, &all), "/given");
        assert_eq!(directory(None, false, &all), "/own");
        assert_eq!(directory(None, true, &all[1..]), "/service");
        assert_eq!(directory(None, true, &all[2..]), "/var/lib/kimchi-peers");
        assert_eq!(directory(None, false, &all[2..]), "/xdg/kimchi-peers");
        let relative = [("XDG_STATE_HOME", "xdg"), ("HOME", "/home/u")];
        assert_eq!(directory(None, false, &relative), "/home/u/.local/state/kimchi-peers");
        assert_eq!(directory(None, false, &all[3..]), "/home/u/.local/state/kimchi-peers");
        assert_eq!(directory(None, true, &[("KIMCHI_PEERS_STATE_DIR", "")]), "/var/lib/kimchi-peers");
    }

    #[test]
    fn a_token_is_read_without_its_line_end_and_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Token::read(directory.path()).text, Err(io::ErrorKind::NotFound));
        std::fs::write(directory.path().join("api-token"), "s3cret\n").unwrap();
        let token = Token::read(directory.path());
        assert_eq!(token.text.as_deref(), Ok("s3cret"));
        assert!(!format!("{token:?}").contains("s3cret"));
        for wrong in ["", "\n", "a\nb", "a b", "é"] {
            std::fs::write(directory.path().join("api-token"), wrong).unwrap();
            assert_eq!(Token::read(directory.path()).text, Err(io::ErrorKind::InvalidData), "{wrong:?}");
        }
    }
}
