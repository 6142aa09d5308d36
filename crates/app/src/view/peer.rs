//! A peer: its row, and what led to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::HistoryView;

/// A peer as programs see it. The names of its members are stable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerView {
    /// Identity of an extended peer, `NAME@ADDRESS` of a base peer, `HOST:PORT` of a remote peer.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The one to use first.
    pub(crate) addresses: Vec<String>,
    /// Not known of a remote peer: only where its HTTPS answers was given.
    pub(crate) http_port: Option<u16>,
    pub(crate) https_port: u16,
    /// Where its console answers; empty where the row is in conflict.
    pub(crate) url: String,
    pub(crate) origin: Origin,
    pub(crate) state: PeerState,
    /// Why it is down or doubtful, as a word.
    pub(crate) reason: Option<String>,
    pub(crate) trust: Trust,
    /// Which of the two ways to it work; nothing of a remote peer, and of one that is not there.
    #[serde(default)]
    pub(crate) reach: Option<Reach>,
    /// RFC 3339, as are the other times.
    pub(crate) first_seen: String,
    pub(crate) last_seen: Option<String>,
    pub(crate) state_since: String,
    /// Round trip in milliseconds of the newest check or directed search.
    pub(crate) rtt_ms: Option<f64>,
    /// What it tells of itself.
    pub(crate) facts: BTreeMap<String, String>,
    /// The absence that it announced when it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) planned: Option<PlannedView>,
    /// Whether its console shows the certificate that it should.
    #[serde(default)]
    pub(crate) certificate_state: CertificateState,
}

impl PeerView {
    /// Where its console answers, for who would follow it without a second thought: nothing where the row is in conflict, or
    /// where another certificate was shown than should be, since whoever answers there gets the password that is typed.
    pub(crate) fn safe_url(&self) -> Option<&str> {
        let is_safe = self.trust != Trust::Conflict && self.certificate_state != CertificateState::Changed;
        (is_safe && !self.url.is_empty()).then_some(self.url.as_str())
    }
}

/// Whether a console shows the certificate that its host announces, or, of a remote peer, that it showed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CertificateState {
    /// It does.
    Match,
    /// It shows another one.
    Changed,
    /// Nobody looked, or there is nothing to hold it against.
    #[default]
    Unknown,
}

impl CertificateState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
        }
    }
}

/// An announced absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedView {
    /// When it means to be back.
    pub(crate) until: String,
    pub(crate) reason: String,
    /// Whether it should be back already.
    pub(crate) overdue: bool,
}

/// Where a peer is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    /// Heard on a link.
    Local,
    /// Added by hand.
    Remote,
}

impl Origin {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// Whether a peer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PeerState {
    Up,
    Suspect,
    Down,
    Unknown,
}

impl PeerState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// How far a row can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Trust {
    /// Anybody on the link could have said it.
    Unsigned,
    /// Signed by the key that the host had when it was heard first.
    Pinned,
    /// Signed, and by a member of this host's group.
    Verified,
    /// Another host has a better claim to its name, address or identity: its link is not to be followed.
    Conflict,
}

impl Trust {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Pinned => "pinned",
            Self::Verified => "verified",
            Self::Conflict => "conflict",
        }
    }
}

/// Which of the two ways between this host and a peer work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    /// As far as anything is known.
    Both,
    /// It is heard and does not answer.
    HearsUsNot,
    /// Others hear it, this host does not.
    NotHeard,
}

impl Reach {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::HearsUsNot => "hears_us_not",
            Self::NotHeard => "not_heard",
        }
    }

    /// Whether only one of the two ways works.
    pub(crate) const fn is_one_way(self) -> bool {
        matches!(self, Self::HearsUsNot | Self::NotHeard)
    }
}

/// One peer with what led to its row; the answer of `GET /v1/peers/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerDetail {
    #[serde(flatten)]
    pub(crate) peer: PeerView,
    /// With whom it is at odds, in words.
    pub(crate) conflict: Option<String>,
    /// Why the newest check of a remote peer failed, in words.
    #[serde(default)]
    pub(crate) failure: Option<String>,
    /// Where it is heard.
    pub(crate) evidence: Vec<Evidence>,
    /// SHA-256 of the certificate that its console showed, in hexadecimal.
    pub(crate) certificate: Option<String>,
    /// What it is held against: the one that its host announces, or that a remote peer showed first.
    #[serde(default)]
    pub(crate) certificate_expected: Option<String>,
    /// What happened to it, newest first.
    pub(crate) history: Vec<HistoryView>,
}

/// What a look at a console found; the answer of `POST /v1/peers/{id}/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckView {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Where it was looked: `HOST:PORT`.
    pub(crate) address: String,
    pub(crate) certificate_state: CertificateState,
    /// SHA-256 of the certificate that was shown, in hexadecimal.
    pub(crate) certificate: Option<String>,
    /// What it is held against.
    pub(crate) certificate_expected: Option<String>,
    /// Why none was seen, in words.
    pub(crate) failure: Option<String>,
}

/// Where and when a peer was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) interface: Option<String>,
    pub(crate) address: String,
    pub(crate) last_heard: Option<String>,
}
