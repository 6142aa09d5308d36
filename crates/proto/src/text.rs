//! Text that came from the network or the administrator, validated once so that it can be printed anywhere.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// A host's name: labels of ASCII letters, digits, `-` and `_`, joined by dots, kept in lower case.
///
/// At most 253 bytes, labels of 1 to 63 bytes (RFC 1035 section 2.3.4; the underscore is in use among hypervisors).
/// Nothing in it can be markup, a terminal escape or a part of a URL's syntax. A clone shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(Arc<str>);

/// Longest host name in bytes (RFC 1035 section 2.3.4).
pub const HOST_NAME_MAX: usize = 253;
/// Longest label of a host name in bytes (RFC 1035 section 2.3.4).
pub const LABEL_MAX: usize = 63;
/// Longest fact in bytes: a version, an architecture, a path prefix.
pub const FACT_MAX: usize = 64;

/// Longest note in bytes: a few words.
pub const NOTE_MAX: usize = 100;

/// Why a text is no host name. The text's owner is to blame; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a host name: use labels of letters, digits, - and _ joined by dots, at most 253 characters")]
pub struct InvalidHostName;

/// Why a text is no fact. The text's owner is to blame; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a fact: use 1 to 64 letters, digits and . _ - + ~ /")]
pub struct InvalidFact;

/// Why a text is no note. The text's owner is to blame; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "not a note: use 1 to 100 letters, digits, blanks and signs of ASCII but \" and \\, no blank at its beginning or end"
)]
pub struct InvalidNote;

impl HostName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = InvalidHostName;

    fn from_str(text: &str) -> Result<Self, InvalidHostName> {
        let label_is_good = |label: &str| {
            (1..=LABEL_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if text.len() <= HOST_NAME_MAX && text.split('.').all(label_is_good) {
            Ok(Self(if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                text.to_ascii_lowercase().into()
            } else {
                text.into()
            }))
        } else {
            Err(InvalidHostName)
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// A short fact that a host tells of itself: its version, its architecture, the path prefix of its console. A clone
/// shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact(Arc<str>);

impl Fact {
    /// The fact as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Fact {
    type Err = InvalidFact;

    fn from_str(text: &str) -> Result<Self, InvalidFact> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~/".contains(&byte);
        if (1..=FACT_MAX).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidFact)
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

/// A few words that an administrator tells others, such as why a host is away: printable ASCII without `"` and `\`. A clone
/// shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Note(Arc<str>);

impl Note {
    /// The note as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Note {
    type Err = InvalidNote;

    fn from_str(text: &str) -> Result<Self, InvalidNote> {
        let good = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
        if (1..=NOTE_MAX).contains(&text.len()) && text.trim() == text && text.bytes().all(good) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidNote)
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_a_few_plain_words() {
        assert_eq!("new firmware, <2 h>".parse::<Note>().unwrap().as_str(), "new firmware, <2 h>");
        assert!("x".repeat(100).parse::<Note>().is_ok());
        for text in ["", " ", " a", "a ", "a\"b", "a\\b", "a\nb", "a\u{1b}[2J", "é", "a\u{7f}"] {
            assert!(text.parse::<Note>().is_err(), "{text:?}");
        }
        assert!("x".repeat(101).parse::<Note>().is_err());
    }

    #[test]
    fn names_are_lowered_and_kept() {
        assert_eq!("Kimchi-Host1.Example".parse::<HostName>().unwrap().as_str(), "kimchi-host1.example");
        assert!("a_b".parse::<HostName>().is_ok());
        assert!("x".repeat(63).parse::<HostName>().is_ok());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in
            ["", ".", "a.", ".a", "a..b", "a b", "a/b", "<b>", "a\u{1b}[2J", "ä", "a\0", "a:1", "a,b", "a\u{202e}b"]
        {
            assert!(text.parse::<HostName>().is_err(), "{text:?}");
        }
        assert!("x".repeat(64).parse::<HostName>().is_err());
        assert!(["a"; 128].join(".").parse::<HostName>().is_err());
    }

    #[test]
    fn facts_are_short_and_plain() {
        assert!("0.1.0+git~1".parse::<Fact>().is_ok());
        assert!("/wok".parse::<Fact>().is_ok());
        for text in ["", "a b", "\"", "a\nb", "é"] {
            assert!(text.parse::<Fact>().is_err(), "{text:?}");
        }
        assert!("x".repeat(65).parse::<Fact>().is_err());
    }
}
