//! Where a value comes from.

use std::fmt;
use std::path::PathBuf;

use super::key::Key;

/// Where a value comes from; later ones go before earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the configuration file, counted from 1.
    File(PathBuf, usize),
    /// An environment variable; of systemd or the desktop where ours is not set.
    Environment(&'static str),
    /// An option of the command line.
    Flag(&'static str),
}

impl Origin {
    /// The kind of origin in one word.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File(..) => "file",
            Self::Environment(_) => "environment",
            Self::Flag(_) => "flag",
        }
    }

    /// Which file and line, variable or option; `None` for a default.
    pub(crate) fn source(&self) -> Option<String> {
        match self {
            Self::Default => None,
            Self::File(path, line) => Some(format!("{}:{line}", path.display())),
            Self::Environment(name) | Self::Flag(name) => Some((*name).to_owned()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source() {
            Some(source) => write!(out, "{} {source}", self.kind()),
            None => out.write_str(self.kind()),
        }
    }
}

/// A value as somebody wrote it, not yet validated.
#[derive(Debug, Clone)]
pub(super) enum Raw {
    /// A text or a number. For a list, its items separated by commas.
    One(String),
    /// The items of a list.
    Many(Vec<String>),
    /// A path, which need not be UTF-8.
    Path(PathBuf),
}

/// A key, what somebody wrote for it, and where.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) key: Key,
    pub(super) raw: Raw,
    pub(super) origin: Origin,
}

impl Given {
    /// What a message about this value begins with.
    pub(super) fn subject(&self) -> String {
        match (&self.origin, self.origin.source()) {
            (Origin::Environment(_) | Origin::Flag(_), Some(source)) => source,
            (_, Some(source)) => format!("`{}` in {source}", self.key.name()),
            (_, None) => format!("`{}`", self.key.name()),
        }
    }
}
