//! From a written value to a validated one.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::path::PathBuf;

use kimchi_peers::{Fact, HostName};

use super::error::{SettingsError, quoted};
use super::origin::{Given, Origin, Raw};
use super::{ApiAddress, Ipv6Mode};

/// Longest name of a network interface in bytes: `IFNAMSIZ` without the final NUL.
const INTERFACE_MAX: usize = 15;
/// Longest name of a group in bytes.
const GROUP_NAME_MAX: usize = 64;

/// The one way to come by a certificate without files.
pub(super) const SELF_SIGNED: &str = "self-signed";

/// The two positions of a switch.
pub(super) const ON: &str = "on";
pub(super) const OFF: &str = "off";

/// What is logged: messages of this level and more severe ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LogLevel {
    /// Only what stops the daemon's work.
    Error,
    /// And what somebody should look at.
    Warn,
    /// And what changes.
    #[default]
    Info,
    /// And what deviates from the usual.
    Debug,
    /// And every datagram.
    Trace,
}

impl LogLevel {
    /// All levels, the most severe first.
    const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level in lower case.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// A value, quoted, that is not allowed.
#[derive(Debug)]
pub(super) struct Wrong(String);

impl Wrong {
    /// The sentence for the administrator.
    pub(super) fn in_place(self, given: &Given) -> SettingsError {
        let Self(found) = self;
        SettingsError::Invalid { subject: given.subject(), shape: "", allowed: given.key.allowed(), found }
    }
}

impl fmt::Display for Raw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(text) => out.write_str(text),
            Self::Many(items) => out.write_str(&items.join(",")),
            Self::Path(path) => path.display().fmt(out),
        }
    }
}

/// Reads a single value.
pub(super) fn one<T>(raw: &Raw, read: impl Fn(&str) -> Option<T>) -> Result<T, Wrong> {
    let text = raw.to_string();
    read(&text).ok_or_else(|| Wrong(quoted(&text)))
}

/// Reads a value that an empty text takes away.
pub(super) fn optional<T>(raw: &Raw, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Wrong> {
    one(raw, |text| if text.is_empty() { Some(None) } else { read(text).map(Some) })
}

/// Reads a list; what is there twice is kept once.
pub(super) fn each<T: PartialEq>(raw: &Raw, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Wrong> {
    let separated;
    let items: Vec<&str> = match raw {
        Raw::Many(items) => items.iter().map(String::as_str).collect(),
        Raw::One(_) | Raw::Path(_) => {
            separated = raw.to_string();
            separated.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
        }
    };
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        let value = read(item).ok_or_else(|| Wrong(quoted(item)))?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

/// The addresses of the API: at least one.
pub(super) fn api(given: &Given) -> Result<Vec<ApiAddress>, Wrong> {
    let in_file = matches!(given.origin, Origin::File(..));
    let addresses = each(&given.raw, |text| {
        let address = text.parse().ok()?;
        let placed = !matches!(&address, ApiAddress::Unix(path) if in_file && path.is_relative());
        placed.then_some(address)
    })?;
    if addresses.is_empty() { Err(Wrong("an empty list".to_owned())) } else { Ok(addresses) }
}

/// A path that an empty text takes away.
pub(super) fn optional_path(given: &Given) -> Result<Option<PathBuf>, Wrong> {
    let is_empty = given.raw.to_string().is_empty();
    if is_empty { Ok(None) } else { path(given).map(Some) }
}

/// A path. In a file a relative one would depend on where the daemon was started.
pub(super) fn path(given: &Given) -> Result<PathBuf, Wrong> {
    let path = match &given.raw {
        Raw::Path(path) => path.clone(),
        raw @ (Raw::One(_) | Raw::Many(_)) => raw.to_string().into(),
    };
    let in_file = matches!(given.origin, Origin::File(..));
    let written = path.as_os_str().as_encoded_bytes();
    let wrong = written.is_empty() || written.contains(&0) || (in_file && path.is_relative());
    if wrong { Err(Wrong(quoted(&given.raw.to_string()))) } else { Ok(path) }
}

/// Whether the daemon makes a certificate of its own.
pub(super) fn tls(text: &str) -> Option<bool> {
    match text {
        "" => Some(false),
        SELF_SIGNED => Some(true),
        _ => None,
    }
}

/// Whether a switch is on.
pub(super) fn switch(text: &str) -> Option<bool> {
    match text {
        ON => Some(true),
        OFF => Some(false),
        _ => None,
    }
}

pub(super) fn host_name(text: &str) -> Option<String> {
    text.parse::<HostName>().ok().map(|name| name.as_str().to_owned())
}

pub(super) fn fact(text: &str) -> Option<String> {
    text.parse::<Fact>().ok().map(|fact| fact.as_str().to_owned())
}

pub(super) fn port(text: &str) -> Option<u16> {
    text.parse::<NonZeroU16>().ok().map(NonZeroU16::get)
}

pub(super) fn group(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok().filter(Ipv4Addr::is_multicast)
}

pub(super) fn ipv6(text: &str) -> Option<Ipv6Mode> {
    [Ipv6Mode::Fallback, Ipv6Mode::Always, Ipv6Mode::Never].into_iter().find(|mode| ipv6_text(*mode) == text)
}

/// The mode in lower case.
pub(super) const fn ipv6_text(mode: Ipv6Mode) -> &'static str {
    match mode {
        Ipv6Mode::Fallback => "fallback",
        Ipv6Mode::Always => "always",
        Ipv6Mode::Never => "never",
    }
}

pub(super) fn log(text: &str) -> Option<LogLevel> {
    LogLevel::ALL.into_iter().find(|level| level.as_str() == text)
}

/// What the kernel takes as the name of an interface.
pub(super) fn interface(text: &str) -> Option<String> {
    let good = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != '/' && letter != ':';
    let named = (1..=INTERFACE_MAX).contains(&text.len()) && text != "." && text != ".." && text.chars().all(good);
    named.then(|| text.to_owned())
}

/// A path that goes into URLs as it is: unreserved characters of RFC 3986 between slashes. `/` alone is no path.
pub(super) fn server_root(text: &str) -> Option<Option<String>> {
    let path = text.strip_suffix('/').unwrap_or(text);
    if path.is_empty() {
        return Some(None);
    }
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(unreserved);
    let whole = path.strip_prefix('/')?.split('/').all(good);
    if whole { fact(path).map(Some) } else { None }
}

pub(super) fn group_name(text: &str) -> Option<String> {
    let good = |letter: char| !letter.is_whitespace() && !letter.is_control() && !"/:,".contains(letter);
    (text.len() <= GROUP_NAME_MAX && text.chars().all(good)).then(|| text.to_owned())
}

/// A host of a `Host` header, in lower case, without a port and without the brackets of an IPv6 address.
pub(super) fn allowed_host(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    match bare.parse::<Ipv6Addr>() {
        Ok(address) => Some(address.to_string()),
        Err(_) => host_name(text),
    }
}
