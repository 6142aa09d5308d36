//! Browsers that are signed in, in memory: a restart signs all of them out.
//!
//! ```text
//!  `open` ── code (once, 60 s) ──▶ link ──▶ browser ── code ──▶ cookie + proof
//! ```
//!
//! A browser sends the cookie to every port of this machine, so also to a program that another user runs here. The cookie
//! alone therefore only reads; a change needs the proof too, which the page keeps for itself. Nothing is kept but hashes.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::Instant;

/// How long a code can be exchanged.
pub(crate) const CODE_LIFETIME: Duration = Duration::from_secs(60);
/// How long a browser stays signed in.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Codes and sessions kept at a time, each; the one that ends first makes room.
const KEPT_MAX: usize = 16;
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;

/// The SHA-256 of a secret. To find it in a map tells nothing about the secret by the time it takes.
type Hash = [u8; 32];

/// What a browser gets for its code.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    /// What the cookie holds.
    pub(crate) cookie: String,
    /// What a change carries beside the cookie.
    pub(crate) proof: String,
}

#[derive(Debug)]
struct Code {
    listener: String,
    until: Instant,
}

#[derive(Debug)]
struct Session {
    listener: String,
    proof: Hash,
    until: Instant,
}

#[derive(Debug, Default)]
struct Kept {
    codes: BTreeMap<Hash, Code>,
    sessions: BTreeMap<Hash, Session>,
}

/// The codes and sessions of all listeners; each is good at the listener it was made for.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Kept>);

impl Sessions {
    /// A code for a browser that comes to `listener`.
    ///
    /// # Errors
    /// The operating system has no random numbers.
    pub(crate) fn code(&self, listener: &str) -> io::Result<String> {
        let code = secret()?;
        let until = Instant::now() + CODE_LIFETIME;
        let mut kept = self.lock();
        make_room(&mut kept.codes, |code| code.until);
        kept.codes.insert(hash(&code), Code { listener: listener.to_owned(), until });
        Ok(code)
    }

    /// Exchanges a code. It is used up, even where it is of no use at this listener.
    ///
    /// # Errors
    /// The operating system has no random numbers.
    pub(crate) fn sign_in(&self, code: &str, listener: &str) -> io::Result<Option<SignedIn>> {
        let now = Instant::now();
        let mut kept = self.lock();
        let good = kept.codes.remove(&hash(code)).is_some_and(|code| code.listener == listener && code.until > now);
        if !good {
            return Ok(None);
        }
        let signed_in = SignedIn { cookie: secret()?, proof: secret()? };
        make_room(&mut kept.sessions, |session| session.until);
        let session =
            Session { listener: listener.to_owned(), proof: hash(&signed_in.proof), until: now + SESSION_LIFETIME };
        kept.sessions.insert(hash(&signed_in.cookie), session);
        Ok(Some(signed_in))
    }

    /// Whether the cookie is that of a browser signed in at this listener.
    pub(crate) fn may_read(&self, cookie: &str, listener: &str) -> bool {
        self.session(cookie, listener, |_| true)
    }

    /// Whether this is so, and the proof is that of the same session.
    pub(crate) fn may_change(&self, cookie: &str, proof: &str, listener: &str) -> bool {
        self.session(cookie, listener, |session| session.proof == hash(proof))
    }

    /// Signs a browser out.
    pub(crate) fn sign_out(&self, cookie: &str) {
        self.lock().sessions.remove(&hash(cookie));
    }

    fn session(&self, cookie: &str, listener: &str, fits: impl Fn(&Session) -> bool) -> bool {
        let now = Instant::now();
        let kept = self.lock();
        kept.sessions
            .get(&hash(cookie))
            .is_some_and(|session| session.listener == listener && session.until > now && fits(session))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes out what has ended, and what ends first if there is still no room for one more.
fn make_room<T>(kept: &mut BTreeMap<Hash, T>, until: impl Fn(&T) -> Instant) {
    let now = Instant::now();
    kept.retain(|_, value| until(value) > now);
    let first = kept.iter().min_by_key(|(_, value)| until(value)).map(|(hash, _)| *hash);
    if let Some(first) = first.filter(|_| kept.len() >= KEPT_MAX) {
        kept.remove(&first);
    }
}

fn hash(text: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    hash
}

fn secret() -> io::Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const HERE: &str = "127.0.0.1:8132";

    #[tokio::test(start_paused = true)]
    async fn a_code_is_good_once_for_a_minute_and_at_its_listener() {
        let sessions = Sessions::default();
        let code = sessions.code(HERE).unwrap();
        assert!(sessions.sign_in(&code, HERE).unwrap().is_some());
        assert!(sessions.sign_in(&code, HERE).unwrap().is_none(), "twice");
        let code = sessions.code(HERE).unwrap();
        assert!(sessions.sign_in(&code, "127.0.0.1:1").unwrap().is_none(), "elsewhere");
        assert!(sessions.sign_in(&code, HERE).unwrap().is_none(), "it was used up elsewhere");
        let code = sessions.code(HERE).unwrap();
        advance(CODE_LIFETIME).await;
        assert!(sessions.sign_in(&code, HERE).unwrap().is_none(), "late");
        for nonsense in ["", "0", &"0".repeat(64)] {
            assert!(sessions.sign_in(nonsense, HERE).unwrap().is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_cookie_reads_and_only_with_its_proof_changes() {
        let sessions = Sessions::default();
        let sign_in = || sessions.sign_in(&sessions.code(HERE).unwrap(), HERE).unwrap().unwrap();
        let (one, other) = (sign_in(), sign_in());
        assert!(sessions.may_read(&one.cookie, HERE) && sessions.may_change(&one.cookie, &one.proof, HERE));
        for (cookie, proof, listener) in [
            (&one.cookie, &other.proof, HERE),
            (&one.cookie, &one.cookie, HERE),
            (&one.proof, &one.cookie, HERE),
            (&one.cookie, &String::new(), HERE),
            (&one.cookie, &one.proof, "[::1]:8132"),
        ] {
            assert!(!sessions.may_change(cookie, proof, listener));
        }
        assert!(!sessions.may_read(&one.proof, HERE) && !sessions.may_read(&one.cookie, "[::1]:8132"));
        sessions.sign_out(&one.cookie);
        assert!(!sessions.may_read(&one.cookie, HERE) && sessions.may_read(&other.cookie, HERE));
        advance(SESSION_LIFETIME).await;
        assert!(!sessions.may_read(&other.cookie, HERE));
    }

    #[tokio::test(start_paused = true)]
    async fn no_number_of_codes_grows_without_bound() {
        let sessions = Sessions::default();
        let codes: Vec<String> = (0..100).map(|_| sessions.code(HERE).unwrap()).collect();
        assert_eq!(sessions.lock().codes.len(), KEPT_MAX);
        assert!(sessions.sign_in(codes.last().unwrap(), HERE).unwrap().is_some());
    }
}
