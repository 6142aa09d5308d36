//! The address of a remote peer, as a user writes it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::error::RemoteAddressError;
use super::policy::Policy;

/// The port of a Kimchi console over TLS, used when the user gives none, in a URL too: Kimchi's, not the 443 of a browser.
pub const DEFAULT_PORT: u16 = 8001;

/// Longest text that is looked at, in bytes. A name of 253, a prefix of 64, scheme and port come to 334.
const MAX_TEXT: usize = 512;
/// Longest host name, in bytes (RFC 1035 without the dot of the root).
const MAX_NAME: usize = 253;
/// Longest label of a name, in bytes (RFC 1035).
const MAX_LABEL: usize = 63;
/// Longest path prefix, in bytes with its leading slash. Real ones are `/wok` or `/kimchi`.
const MAX_SERVER_ROOT: usize = 64;

/// Where the console of a remote peer answers: host, port and the path prefix under which it lives.
///
/// Values are canonical: two texts that mean the same place give equal values. [`Display`](fmt::Display) writes the
/// [`key`](Self::key), which leaves out the prefix; [`url`](Self::url) has all parts and parses to an equal value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemoteAddress {
    host: Host,
    port: u16,
    server_root: String,
}

/// A host of another network.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name, in lower case and without trailing dot, to be resolved anew at each check.
    Name(String),
    /// A literal address.
    Address(IpAddr),
}

impl RemoteAddress {
    /// Reads an address as a user writes it: `kvm9`, `kvm9.example.org:8443`, `192.0.2.7`, `2001:db8::1`,
    /// `[2001:db8::1]:8001`, `https://kvm9.example.org/wok`.
    ///
    /// Without a port it is [`DEFAULT_PORT`], in a URL too. White space around it, upper case, a trailing dot of a name
    /// and trailing slashes of a path make no difference. Opens nothing and resolves nothing, so a name that leads to a
    /// forbidden address is only refused by the check.
    ///
    /// # Errors
    /// A sentence that tells what to write instead.
    pub fn parse(text: &str, policy: Policy) -> Result<Self, RemoteAddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(RemoteAddressError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(RemoteAddressError::TooLong);
        }
        if text.contains(['?', '#']) {
            return Err(RemoteAddressError::QueryOrFragment);
        }
        let (is_url, rest) = strip_scheme(text)?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(RemoteAddressError::Credentials);
        }
        if !is_url && !path.is_empty() {
            return Err(RemoteAddressError::PathWithoutScheme);
        }
        let (host, port) = parse_authority(authority, is_url)?;
        match &host {
            Host::Name(name) => policy.judge_name(name),
            Host::Address(address) => policy.judge(*address),
        }
        .map_err(RemoteAddressError::Forbidden)?;
        Ok(Self { host, port, server_root: parse_server_root(path)? })
    }

    /// The host part.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path prefix: empty, or with a leading and without a trailing slash, such as `/wok`.
    pub fn server_root(&self) -> &str {
        &self.server_root
    }

    /// The canonical host and port, which name the remote peer everywhere: `kvm9.example.org:8001`,
    /// `[2001:db8::1]:8001`. The prefix is left out, because one port has one server and one health.
    pub fn key(&self) -> String {
        self.to_string()
    }

    /// The URL of the console, always with the port and without a trailing slash: `https://kvm9.example.org:8001/wok`.
    pub fn url(&self) -> String {
        format!("https://{self}{}", self.server_root)
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Host {
    /// Writes the host as it stands in a URL, thus an IPv6 address in brackets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(formatter, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
        }
    }
}

impl FromStr for RemoteAddress {
    type Err = RemoteAddressError;

    /// [`RemoteAddress::parse`] with the default [`Policy`], which refuses loopback.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text, Policy::default())
    }
}

/// Returns whether the text is a URL, and what follows the scheme.
fn strip_scheme(text: &str) -> Result<(bool, &str), RemoteAddressError> {
    match text.split_once("://") {
        None => Ok((false, text)),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => Ok((true, rest)),
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("http") => Err(RemoteAddressError::PlainHttp),
        Some(_) => Err(RemoteAddressError::OtherScheme),
    }
}

fn parse_authority(authority: &str, is_url: bool) -> Result<(Host, u16), RemoteAddressError> {
    if let Some(inside) = authority.strip_prefix('[') {
        let (address, rest) = inside.split_once(']').ok_or(RemoteAddressError::BadIpv6)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if rest.is_empty() => DEFAULT_PORT,
            None => return Err(RemoteAddressError::BadIpv6),
        };
        return Ok((parse_ipv6(address)?, port));
    }
    match authority.split_once(':') {
        None => Ok((parse_host(authority)?, DEFAULT_PORT)),
        // `2001:db8::1:8443` in a URL is most likely meant to have a port, so the user must say.
        Some((_, rest)) if rest.contains(':') && is_url => Err(RemoteAddressError::BadIpv6),
        Some((_, rest)) if rest.contains(':') => Ok((parse_ipv6(authority)?, DEFAULT_PORT)),
        Some((host, port)) => Ok((parse_host(host)?, parse_port(port)?)),
    }
}

/// Only digits: Rust's own parser would also take `+8001`.
fn parse_port(text: &str) -> Result<u16, RemoteAddressError> {
    let is_number = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number && port != 0 => Ok(port),
        _ => Err(RemoteAddressError::BadPort),
    }
}

fn parse_ipv6(text: &str) -> Result<Host, RemoteAddressError> {
    if text.contains('%') {
        return Err(RemoteAddressError::Zone);
    }
    text.parse::<Ipv6Addr>().map(|address| Host::Address(address.into())).map_err(|_| RemoteAddressError::BadIpv6)
}

fn parse_host(text: &str) -> Result<Host, RemoteAddressError> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() {
        return Err(RemoteAddressError::NoHost);
    }
    if ends_in_number(&name) {
        return Err(part_too_great(&name).map_or(RemoteAddressError::NotCanonical, RemoteAddressError::PartTooGreat));
    }
    let is_name = name.len() <= MAX_NAME && name.split('.').all(is_label);
    if is_name { Ok(Host::Name(name)) } else { Err(RemoteAddressError::BadName) }
}

/// The rule of browsers (WHATWG URL, "ends in a number"): such a host is an IPv4 address or nothing. The system resolver
/// would read `127.1`, `0x7f.1` or `2130706433` as an address too, past our rules.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// The first number that is too great, where nothing else keeps the text from being an IPv4 address.
fn part_too_great(name: &str) -> Option<u32> {
    let number = |part: &str| {
        let is_canonical = part == "0" || !part.starts_with(['0', '+']);
        part.parse::<u32>().ok().filter(|_| is_canonical)
    };
    let parts = name.split('.').map(number).collect::<Option<Vec<_>>>()?;
    parts.iter().copied().find(|part| parts.len() == 4 && *part > u32::from(u8::MAX))
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Returns the prefix in canonical form. `path` is empty or starts with a slash.
fn parse_server_root(path: &str) -> Result<String, RemoteAddressError> {
    let path = path.trim_end_matches('/');
    let is_valid = path.len() <= MAX_SERVER_ROOT && path.split('/').skip(1).all(is_segment);
    if is_valid { Ok(path.to_owned()) } else { Err(RemoteAddressError::BadServerRoot) }
}

/// Unreserved characters of RFC 3986 only: nothing to decode, nothing to quote in a page, a shell or a CSV file.
fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}
