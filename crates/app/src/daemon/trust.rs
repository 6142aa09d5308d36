//! Whom this host trusts: names, group keys, the machine that its state was made on.

use std::path::Path;
use std::time::{Duration, SystemTime};

use kimchi_peers::{GroupId, Mode, PeerKey, Reason, State, Trust};
use thiserror::Error;

use crate::daemon::{Daemon, present};
use crate::keys::{KeyFile, KeyFileError};
use crate::machine::{Fit, MADE_ELSEWHERE, Machine};
use crate::view::{CertificateState, KeyView, KeysView, TrustView};

/// How long after its last sign a copy of this host is told of. The engine reports one at most once a minute.
const CLONE_TOLD_FOR: Duration = Duration::from_secs(180);

/// How long after the start peers may still be on their way to be listed.
const NOBODY_YET_FOR: Duration = Duration::from_secs(20);

/// A host that uses this host's identity.
#[derive(Debug, Clone)]
pub(crate) struct SeenClone {
    at: SystemTime,
    host: String,
}

impl SeenClone {
    /// Seen just now.
    pub(crate) fn now(host: String) -> Self {
        Self { at: SystemTime::now(), host }
    }

    /// Which host, while that was seen not long ago.
    pub(crate) fn told(&self) -> Option<&str> {
        self.at.elapsed().is_ok_and(|age| age < CLONE_TOLD_FOR).then_some(self.host.as_str())
    }

    fn sentence(&self) -> Option<String> {
        self.told().map(|host| {
            format!(
                "{} uses this host's identity: one of the two is a copy of the other; on the copy stop the daemon and run: \
                 kimchi-peers reset-identity",
                host
            )
        })
    }
}

/// Why a name was not given to a peer.
#[derive(Debug, Error)]
pub(crate) enum TrustError {
    #[error("no peer has the id {0}")]
    Unknown(String),
    #[error("{0} signs nothing, so there is no key to trust; only its own program can change that")]
    Unsigned(String),
    #[error("{0} was added by hand and has shown no other certificate than its first: there is nothing to trust")]
    Remote(String),
    #[error(
        "{0} has its name; its console shows another certificate than it announces, which only {0} itself can settle: there say \
         systemctl reload kimchi-peers, then here kimchi-peers check {0}"
    )]
    Certificate(String),
    #[error("{0} is a copy of another host: run `kimchi-peers reset-identity` on it")]
    Copy(String),
    #[error("the daemon is ending")]
    Ended,
}

/// Why the group keys were not changed.
#[derive(Debug, Error)]
pub(crate) enum KeyError {
    #[error("{0:?} is no id of a group key: it is 11 characters of base64url")]
    Id(String),
    #[error("there is no group key {0}; `kimchi-peers key show` tells which there are")]
    Unknown(GroupId),
    #[error("the group key {id} is in use by {users}; give them another one first")]
    InUse { id: GroupId, users: String },
    #[error(transparent)]
    File(KeyFileError),
    #[error("the daemon is ending")]
    Ended,
}

impl From<KeyFileError> for KeyError {
    fn from(error: KeyFileError) -> Self {
        match error {
            KeyFileError::Unknown(id) => Self::Unknown(id),
            other @ (KeyFileError::File(_)
            | KeyFileError::Line { .. }
            | KeyFileError::TooMany { .. }
            | KeyFileError::Full(_)
            | KeyFileError::Random) => Self::File(other),
        }
    }
}

/// Whether the state directory was made here. Where that cannot be found out, it counts as made here.
pub(crate) fn fit_of(directory: &Path) -> Fit {
    match Machine::of_this_host().check(directory) {
        Ok(Fit::Elsewhere) => {
            tracing::error!("{MADE_ELSEWHERE}");
            Fit::Elsewhere
        }
        Ok(Fit::Here) => Fit::Here,
        Err(error) => {
            tracing::warn!(%error, "cannot tell on which machine the state was made");
            Fit::Here
        }
    }
}

impl Daemon {
    /// Gives a name to the peer that bears it now, whichever key the name had before; of a remote peer, takes its certificate.
    pub(crate) async fn trust(&self, id: &str) -> Result<(), TrustError> {
        let known = self.registry().local(id).map(|row| {
            let another = present::certificates(row).state == CertificateState::Changed;
            (row.peer.key.clone(), row.peer.trust, row.peer.name.to_string(), another && !row.peer.is_disputed())
        });
        let Some((key, trust, name, is_about_certificate)) = known else {
            return self.trust_remote(id);
        };
        if is_about_certificate {
            return Err(TrustError::Certificate(name));
        }
        match key {
            PeerKey::Clone(..) => return Err(TrustError::Copy(name)),
            PeerKey::Base(..) => return Err(TrustError::Unsigned(name)),
            PeerKey::Identity(_) if trust == Trust::Unsigned => return Err(TrustError::Unsigned(name)),
            PeerKey::Identity(_) => {}
        }
        self.discovery.trust(key).await.map_err(|_| TrustError::Ended)?;
        // Who lost the name is told by no event if it is not there.
        let peers = self.discovery.peers().await.map_err(|_| TrustError::Ended)?;
        let keep = self.registry().settle(peers);
        self.keep(keep);
        tracing::info!(peer = %name, id, "its key is trusted for its name");
        Ok(())
    }

    /// Holds a remote peer to the certificate that it shows now.
    fn trust_remote(&self, id: &str) -> Result<(), TrustError> {
        if self.registry().remote(id).is_none() {
            return Err(TrustError::Unknown(id.to_owned()));
        }
        let keep = self.registry().trust_certificate(id).ok_or_else(|| TrustError::Remote(id.to_owned()))?;
        self.keep(keep);
        let certificate = self.registry().remote(id).and_then(|row| row.stored.certificate.clone()).unwrap_or_default();
        tracing::info!(peer = id, sha256 = %certificate, "the certificate that it shows now is trusted");
        Ok(())
    }

    /// The group keys' ids, and who uses them.
    pub(crate) async fn keys(&self) -> Result<KeysView, KeyError> {
        let ids = self.discovery.status().await.map_err(|_| KeyError::Ended)?.group_keys;
        let view = |(index, id): (usize, &GroupId)| KeyView {
            id: id.to_string(),
            primary: index == 0,
            peers: self.users_of(*id),
        };
        Ok(KeysView {
            file: self.key_file().path().display().to_string(),
            keys: ids.iter().enumerate().map(view).collect(),
        })
    }

    /// Reads the group keys from their file again.
    pub(crate) async fn reload_keys(&self) -> Result<KeysView, KeyError> {
        let _one_at_a_time = self.key_changes.lock().await;
        self.take_keys().await
    }

    /// Has this host prove by this key from now on that it is a member.
    pub(crate) async fn use_key(&self, id: &str) -> Result<KeysView, KeyError> {
        let id = group_id(id)?;
        let _one_at_a_time = self.key_changes.lock().await;
        self.key_file().make_primary(id)?;
        tracing::info!(key = %id, "this group key is in use now");
        self.take_keys().await
    }

    /// Takes a group key away that no peer uses.
    pub(crate) async fn remove_key(&self, id: &str) -> Result<(), KeyError> {
        let id = group_id(id)?;
        let _one_at_a_time = self.key_changes.lock().await;
        let users = self.users_of(id);
        if !users.is_empty() {
            return Err(KeyError::InUse { id, users: some_of(&users) });
        }
        self.key_file().remove(id)?;
        tracing::info!(key = %id, "this group key was removed");
        self.take_keys().await.map(drop)
    }

    async fn take_keys(&self) -> Result<KeysView, KeyError> {
        let read = self.key_file().read();
        self.note_reload("keys", "the group keys stay as they were", read.as_ref().err());
        let keyring = read?;
        self.discovery.set_keyring(keyring).await.map_err(|_| KeyError::Ended)?;
        self.keys().await
    }

    fn key_file(&self) -> KeyFile {
        KeyFile::of(&self.state_dir)
    }

    /// The peers that are there and proved by this key that they are members.
    fn users_of(&self, id: GroupId) -> Vec<String> {
        let registry = self.registry();
        let uses = registry.locals().filter(|row| row.peer.is_live() && row.peer.group.as_deref() == Some(&id));
        uses.map(|row| row.peer.name.to_string()).collect()
    }

    /// Whom this host lists, what the rows proved, and who would vanish in a stricter mode.
    pub(crate) fn trust_view(&self, status: &kimchi_peers::Status) -> TrustView {
        let registry = self.registry();
        let mut view = TrustView {
            mode: status.mode.to_string(),
            group_keys: status.group_keys.iter().map(ToString::to_string).collect(),
            ..TrustView::default()
        };
        for word in ["unsigned", "pinned", "verified", "conflict"] {
            view.peers.insert(word.to_owned(), 0);
        }
        for row in registry.locals() {
            *view.peers.entry(present::trust(&row.peer).as_str().to_owned()).or_insert(0) += 1;
        }
        for mode in Mode::ALL.into_iter().filter(|mode| *mode != Mode::Mark) {
            let stays = |peer: &kimchi_peers::Peer| mode.admits(peer.trust) || peer.state != State::Up;
            let gone = registry.locals().filter(|row| !stays(&row.peer)).map(|row| row.peer.name.to_string());
            view.would_vanish.insert(mode.to_string(), gone.collect());
        }
        for word in ["match", "changed", "unknown"] {
            view.certificates.insert(word.to_owned(), 0);
        }
        for peer in registry.views() {
            *view.certificates.entry(peer.certificate_state.as_str().to_owned()).or_insert(0) += 1;
        }
        view.evicted = status.counters.evicted.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect();
        view.limits = status.limits.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect();
        view.unproven.insert("extended".to_owned(), status.unproven as u64);
        view.unproven.insert("base".to_owned(), status.unproven_base as u64);
        view
    }

    /// Whether the state directory was made on another machine.
    pub(crate) fn is_made_elsewhere(&self) -> bool {
        self.fit == Fit::Elsewhere
    }

    /// What is wrong with identity and keys, a sentence each.
    pub(crate) fn trust_troubles(&self, status: &kimchi_peers::Status) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.fit == Fit::Elsewhere {
            sentences.push(MADE_ELSEWHERE.to_owned());
        }
        sentences.extend(self.seen_clone().as_ref().and_then(SeenClone::sentence));
        if status.mode == Mode::RequireGroup && status.group_keys.is_empty() {
            sentences.push(
                "trust is require-group and this host has no group key, so it lists nobody; install one with: kimchi-peers key install"
                    .to_owned(),
            );
        }
        sentences.extend(self.keeps_all_out(status));
        sentences
    }

    /// That nobody of those whom this host knew is there, while others are heard that its mode does not list.
    fn keeps_all_out(&self, status: &kimchi_peers::Status) -> Option<String> {
        let refused = status.counters.dropped.get("not_admitted").copied().filter(|count| *count > 0)?;
        let registry = self.registry();
        let nobody = registry.locals().all(|row| !row.peer.is_live());
        let is_missed = |peer: &kimchi_peers::Peer| peer.state == State::Unknown || peer.reason == Some(Reason::Lost);
        let is_missed = registry.keeps_anybody_aside() || registry.locals().any(|row| is_missed(&row.peer));
        (nobody && is_missed && kimchi_peers::now().since(self.started_at) > NOBODY_YET_FOR).then(|| {
            format!(
                "none of the peers of before is there, and {refused} datagrams came from hosts that trust = {} does not list; \
                 compare the group keys here and there: kimchi-peers key show",
                status.mode
            )
        })
    }
}

fn group_id(text: &str) -> Result<GroupId, KeyError> {
    text.parse().map_err(|_| KeyError::Id(text.to_owned()))
}

/// The first few names, and how many more there are.
fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_names_is_cut() {
        let names: Vec<String> = (1..=7).map(|number| format!("kvm-{number}")).collect();
        assert_eq!(some_of(&names[..2]), "kvm-1, kvm-2");
        assert_eq!(some_of(&names), "kvm-1, kvm-2, kvm-3, kvm-4, kvm-5 and 2 more");
    }

    #[test]
    fn a_copy_is_told_of_for_a_while() {
        let seen = SeenClone::now("kvm-2 at 10.0.0.2".to_owned());
        assert!(seen.sentence().is_some_and(|sentence| sentence.starts_with("kvm-2 at 10.0.0.2 uses")));
        let long_ago = SeenClone { at: SystemTime::now() - CLONE_TOLD_FOR, ..seen };
        assert_eq!(long_ago.sentence(), None);
    }
}
