//! Where the API is: `HOST:PORT`, `unix:PATH` or `https://HOST:PORT`.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::cli::Connection;
use crate::client::ClientError;

/// The daemon's socket, where it could make one.
pub(crate) const DEFAULT_SOCKET: &str = "/run/kimchi-peers/api.sock";
/// The daemon's TCP port on loopback.
pub(crate) const DEFAULT_PORT: u16 = 8132;

/// One place where the API may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiAddress {
    /// A TCP address on the loopback, in clear.
    Tcp(SocketAddr),
    /// A host that is asked over TLS.
    Https {
        /// Its name or address, as it stands in a certificate: an IPv6 address without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl ApiAddress {
    /// Reads `HOST:PORT`, `unix:PATH` or `https://HOST[:PORT]`. `localhost` stands for two addresses, of which a daemon may use either.
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>, ClientError> {
        let wrong = || ClientError::Address(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(wrong()) } else { Ok(vec![Self::Unix(PathBuf::from(path))]) };
        }
        if let Some(authority) = text.strip_prefix("https://") {
            return parse_https(authority.trim_end_matches('/')).map(|address| vec![address]).ok_or_else(wrong);
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return if address.port() == 0 { Err(wrong()) } else { Ok(vec![Self::Tcp(address)]) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        if !host.eq_ignore_ascii_case("localhost") {
            return Err(wrong());
        }
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        Ok(loopback.into_iter().map(|address| Self::Tcp(SocketAddr::new(address, port))).collect())
    }

    /// The addresses to try, in order.
    pub(crate) fn candidates(
        connection: &Connection,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Vec<Self>, ClientError> {
        let mut given = connection.api.clone();
        if given.is_empty() {
            let from_environment = variable("KIMCHI_PEERS_API").map(|value| value.to_string_lossy().into_owned());
            given.extend(from_environment.filter(|value| !value.is_empty()));
        }
        if given.is_empty() {
            return Ok(Self::defaults(Path::new(DEFAULT_SOCKET)));
        }
        let parsed: Result<Vec<_>, _> = given.iter().map(|text| Self::parse(text)).collect();
        Ok(parsed?.concat())
    }

    /// The socket if there is one, and the port on loopback: reading there is free, so it helps who may not open the
    /// socket, and it helps against a socket that a killed daemon left behind.
    fn defaults(socket: &Path) -> Vec<Self> {
        let tcp = Self::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT));
        if socket.exists() { vec![Self::Unix(socket.to_owned()), tcp] } else { vec![tcp] }
    }

    /// What the `Host` header says there.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Tcp(address) => address.to_string(),
            Self::Https { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Https { host, port } => format!("{host}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Whether nothing that is sent there leaves this host.
    pub(crate) fn is_on_this_host(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Https { host, .. } => {
                host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
            }
            Self::Unix(_) => true,
        }
    }
}

/// Host and port of a URL, without a path.
fn parse_https(authority: &str) -> Option<ApiAddress> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host.parse::<Ipv6Addr>().ok()?.to_string(), port.strip_prefix(':'))
        }
        None => {
            let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let is_host = !host.is_empty() && host.bytes().all(is_letter);
            (is_host.then(|| host.to_ascii_lowercase())?, port)
        }
    };
    let port = port.map_or(Some(DEFAULT_PORT), |port| port.parse().ok().filter(|port| *port != 0))?;
    Some(ApiAddress::Https { host, port })
}

impl fmt::Display for ApiAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(out),
            Self::Https { .. } => write!(out, "https://{}", self.authority()),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(api: &[&str]) -> Connection {
        Connection { api: api.iter().map(|text| (*text).to_owned()).collect(), ..Connection::default() }
    }

    fn texts(addresses: &[ApiAddress]) -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_forms_are_read_and_shown_alike() {
        for text in ["127.0.0.1:8132", "[::1]:8132", "192.0.2.7:1", "unix:/run/x y/api.sock", "unix:relative"] {
            assert_eq!(texts(&ApiAddress::parse(text).unwrap()), [text]);
        }
        for (text, shown) in [
            ("https://KVM-1.example.org/", "https://kvm-1.example.org:8132"),
            ("https://192.0.2.7:9", "https://192.0.2.7:9"),
            ("https://[2001:DB8::1]:9", "https://[2001:db8::1]:9"),
            ("https://[::1]", "https://[::1]:8132"),
        ] {
            assert_eq!(texts(&ApiAddress::parse(text).unwrap()), [shown]);
        }
        assert_eq!(texts(&ApiAddress::parse("LocalHost:81").unwrap()), ["127.0.0.1:81", "[::1]:81"]);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":",
            "unix:",
            "127.0.0.1",
            "8132",
            ":8132",
            "127.0.0.1:",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "::1:8132x",
            "[::1]",
            "kvm-1:8132",
            "http://127.0.0.1:8132",
            "https://",
            "https://kvm-1:0",
            "https://kvm-1:65536",
            "https://kvm-1/v1",
            "https://root@kvm-1",
            "https://2001:db8::1",
            "https://[kvm-1]:1",
            "localhost:0",
            "127.1:8132",
            " 127.0.0.1:1",
        ] {
            assert!(ApiAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_option_goes_before_the_environment_and_that_before_the_defaults() {
        let variable = |name: &str| (name == "KIMCHI_PEERS_API").then(|| OsString::from("127.0.0.2:2"));
        let given = ApiAddress::candidates(&connection(&["127.0.0.1:1", "unix:/x"]), variable).unwrap();
        assert_eq!(texts(&given), ["127.0.0.1:1", "unix:/x"]);
        assert_eq!(texts(&ApiAddress::candidates(&connection(&[]), variable).unwrap()), ["127.0.0.2:2"]);
        let empty = ApiAddress::candidates(&connection(&[]), |_| Some(OsString::new())).unwrap();
        assert_eq!(empty.last().unwrap().to_string(), "127.0.0.1:8132");
    }

    #[test]
    fn the_socket_is_a_default_only_where_it_exists() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("api.sock");
        assert_eq!(texts(&ApiAddress::defaults(&socket)), ["127.0.0.1:8132"]);
        std::fs::write(&socket, "").unwrap();
        assert_eq!(ApiAddress::defaults(&socket).len(), 2);
        assert_eq!(ApiAddress::defaults(&socket).first(), Some(&ApiAddress::Unix(socket.clone())));
    }

    #[test]
    fn loopback_and_sockets_are_on_this_host() {
        for (text, here) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("unix:/x", true),
            ("192.0.2.7:1", false),
            ("[fe80::1]:1", false),
            ("0.0.0.0:1", false),
            ("https://127.0.0.1", true),
            ("https://[::1]:1", true),
            ("https://localhost", false),
            ("https://kvm-1", false),
        ] {
            assert_eq!(ApiAddress::parse(text).unwrap().iter().all(ApiAddress::is_on_this_host), here, "{text}");
        }
    }
}
