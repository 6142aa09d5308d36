//! The URL of a service, checked to the letter: Wok's page puts what it gets into a link without escaping it.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::NonZeroU16;
use std::str::FromStr;

use thiserror::Error;

/// Longest host in bytes (RFC 1035 section 2.3.4).
const HOST_MAX: usize = 253;

/// What kind of service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceType {
    /// Wok 2.0 and later, with Kimchi as its plug-in.
    Wokd,
    /// Kimchi 1.3 to 1.5.
    Kimchid,
}

impl ServiceType {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Wokd, Self::Kimchid];

    /// The type as SLP writes it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Wokd => "service:wokd",
            Self::Kimchid => "service:kimchid",
        }
    }

    /// The type of this name, in whatever case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str().eq_ignore_ascii_case(name))
    }
}

/// The URL of a service that this host offers, kept as it was written: who registered it knows it again by that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceUrl {
    text: String,
    kind: ServiceType,
    port: NonZeroU16,
}

/// Why a text is no URL of a service. Its owner is to blame; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the URL of a service: use service:wokd://HOST:PORT or service:kimchid://HOST:PORT")]
pub(crate) struct InvalidServiceUrl;

impl ServiceUrl {
    /// The URL as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) const fn kind(&self) -> ServiceType {
        self.kind
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port.get()
    }

    /// `HOST:PORT` of it.
    pub(crate) fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }
}

impl FromStr for ServiceUrl {
    type Err = InvalidServiceUrl;

    fn from_str(text: &str) -> Result<Self, InvalidServiceUrl> {
        let (kind, authority) = text.split_once("://").ok_or(InvalidServiceUrl)?;
        let kind = ServiceType::named(kind).ok_or(InvalidServiceUrl)?;
        let (host, port) = authority.rsplit_once(':').ok_or(InvalidServiceUrl)?;
        let is_port = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_port).ok_or(InvalidServiceUrl)?;
        // A host may call itself by a name with an underscore, which harms nobody: only others must not send us one.
        let is_own = is_host(&host.replace('_', "-"));
        if is_own { Ok(Self { text: text.to_owned(), kind, port }) } else { Err(InvalidServiceUrl) }
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Whether the text is a host that may stand in a line for Wok: letters, digits, hyphens and dots, or an IPv6 address in
/// brackets.
pub(crate) fn is_host(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            (1..=HOST_MAX).contains(&text.len()) && text.bytes().all(is_letter)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wok_and_kimchi_register_is_kept_to_the_letter() {
        for (text, kind, port) in [
            ("service:wokd://kvm-1.example.org:8001", ServiceType::Wokd, 8001),
            ("service:kimchid://KVM-1:1", ServiceType::Kimchid, 1),
            ("service:wokd://[2001:db8::1]:65535", ServiceType::Wokd, 65535),
            ("SERVICE:WOKD://my_host:8001", ServiceType::Wokd, 8001),
        ] {
            let url: ServiceUrl = text.parse().unwrap();
            assert_eq!((url.as_str(), url.kind(), url.port()), (text, kind, port));
            assert!(text.ends_with(url.authority()));
        }
    }

    #[test]
    fn nothing_else_is_a_url() {
        let long = format!("service:wokd://{}:8001", "a".repeat(254));
        for text in [
            "",
            "service:wokd",
            "service:wokd://",
            "service:wokd://kvm-1",
            "service:wokd://kvm-1:",
            "service:wokd://:8001",
            "service:wokd://kvm-1:0",
            "service:wokd://kvm-1:65536",
            "service:wokd://kvm-1:+1",
            "service:wokd://kvm-1:000001",
            "service:http://kvm-1:80",
            "wokd://kvm-1:8001",
            "service:wokd://kvm 1:8001",
            "service:wokd://kvm-1,2:8001",
            "service:wokd://\"><script>:8001",
            "service:wokd://user@kvm-1:8001",
            "service:wokd://kvm-1:8001/wok",
            "service:wokd://2001:db8::1:8001",
            "service:wokd://[kvm-1]:8001",
            "service:wokd://kvm-1:8001\n",
            &long,
        ] {
            assert_eq!(text.parse::<ServiceUrl>(), Err(InvalidServiceUrl), "{text:?}");
        }
    }
}
