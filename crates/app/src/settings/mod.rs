//! The settings of the daemon: what they are, and how they come together.
//!
//! ```text
//!  default < configuration file < environment < command line
//! ```
//!
//! Every layer is validated, also where another one goes before it: a mistake that nobody notices today is one that
//! somebody looks for tomorrow. [`Loaded::reload`] does it all again and says what that changes.

mod address;
mod default;
mod environment;
mod error;
mod file;
mod flags;
mod key;
mod load;
mod origin;
mod value;
mod wok;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use kimchi_peers::Mode;
use serde_json::{Value, json};

pub(crate) use address::ApiAddress;
pub(crate) use environment::TOKEN_FILE as TOKEN_FILE_VARIABLE;
pub(crate) use error::{SettingsError, printable};
pub(crate) use key::Key;
pub(crate) use kimchi_peers::Ipv6 as Ipv6Mode;
pub(crate) use load::Loaded;
pub(crate) use value::LogLevel;

use origin::Given;
use value::Wrong;

/// The ports of Kimchi's own console, and so those of this host's unless told otherwise.
const HTTP_PORT: u16 = 8000;
const HTTPS_PORT: u16 = 8001;
/// Where the API listens unless told otherwise.
const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8132);

/// What the daemon does; all values are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// This host's name on the network, in lower case. Default: the operating system's host name.
    pub(crate) name: String,
    /// The only interfaces to use. Empty, the default: all that lead out of the host. Naming one that leads to guests
    /// lets guests see and be seen.
    pub(crate) interfaces: Vec<String>,
    /// When IPv6 is spoken. Default: where an interface has no IPv4 address.
    pub(crate) ipv6: Ipv6Mode,
    /// The IPv4 multicast group, the same on all hosts. Default: 224.0.0.132.
    pub(crate) group: Ipv4Addr,
    /// The UDP port of discovery, 1 to 65535, the same on all hosts. Default: 8000.
    pub(crate) port: u16,
    /// The TCP port of this host's console for HTTP, 1 to 65535. Default: 8000.
    pub(crate) http_port: u16,
    /// The TCP port of this host's console for HTTPS, 1 to 65535. Default: 8001.
    pub(crate) https_port: u16,
    /// Whether nobody set that port, so that it may be that of a console which registers itself.
    pub(crate) https_port_is_default: bool,
    /// The path under which this host's console is, such as `/wok`: at most 64 bytes, no slash at its end. Default:
    /// none.
    pub(crate) server_root: Option<String>,
    /// The hypervisor that other hosts are told, such as `kvm`; 1 to 64 characters. Default: none.
    pub(crate) hypervisor: Option<String>,
    /// The PEM file that the certificate of this host's console is in. Default: none; the console is asked.
    pub(crate) console_cert: Option<PathBuf>,
    /// Where identity, database and API token are. Default: /var/lib/kimchi-peers for root.
    pub(crate) state_dir: PathBuf,
    /// Where the API must listen, at least one; TCP off the loopback only with a certificate. Default: 127.0.0.1:8132.
    pub(crate) api: Vec<ApiAddress>,
    /// Where the API listens too, if a socket can be made there. `None` where `api` was set by somebody.
    pub(crate) api_optional_socket: Option<PathBuf>,
    /// The group whose members may use the API's sockets; need not exist. Default: none, only the daemon's user.
    pub(crate) api_group: Option<String>,
    /// Whether the daemon makes a certificate of its own for listeners that other hosts can reach. Default: no.
    pub(crate) tls_self_signed: bool,
    /// The certificate chain of such listeners, PEM. Set together with `tls_key`, or neither. Default: none.
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate, PEM. Default: none.
    pub(crate) tls_key: Option<PathBuf>,
    /// Further hosts, in lower case and without a port, that the `Host` header of a request may name, for a reverse
    /// proxy. Each one more is one more name that a web page may use for our API. Default: none.
    pub(crate) allowed_hosts: Vec<String>,
    /// Whom this host lists. Default: everybody.
    pub(crate) trust: Mode,
    /// The file of this host's Wok or Kimchi that tells its ports. Default: none.
    pub(crate) wok_conf: Option<PathBuf>,
    /// The directory of the executables that are run at each event. Default: none.
    pub(crate) hooks: Option<PathBuf>,
    /// Whether the console is announced by DNS-SD on the links in use. Default: no.
    pub(crate) dns_sd: bool,
    /// What is logged. Default: info.
    pub(crate) log: LogLevel,
}

impl Default for Settings {
    /// The defaults that are the same everywhere; name and state directory are empty.
    fn default() -> Self {
        Self {
            name: String::new(),
            interfaces: Vec::new(),
            ipv6: Ipv6Mode::Fallback,
            group: kimchi_peers::GROUP_V4,
            port: kimchi_peers::PORT,
            http_port: HTTP_PORT,
            https_port: HTTPS_PORT,
            https_port_is_default: true,
            server_root: None,
            hypervisor: None,
            console_cert: None,
            state_dir: PathBuf::new(),
            api: vec![ApiAddress::Tcp(API)],
            api_optional_socket: None,
            api_group: None,
            tls_self_signed: false,
            tls_cert: None,
            tls_key: None,
            allowed_hosts: Vec::new(),
            trust: Mode::Mark,
            wok_conf: None,
            hooks: None,
            dns_sd: false,
            log: LogLevel::Info,
        }
    }
}

impl Settings {
    /// Puts a value in the place of the one that is there.
    fn set(&mut self, given: &Given) -> Result<(), Wrong> {
        let raw = &given.raw;
        match given.key {
            Key::Name => self.name = value::one(raw, value::host_name)?,
            Key::Interfaces => self.interfaces = value::each(raw, value::interface)?,
            Key::Ipv6 => self.ipv6 = value::one(raw, value::ipv6)?,
            Key::Group => self.group = value::one(raw, value::group)?,
            Key::Port => self.port = value::one(raw, value::port)?,
            Key::HttpPort => self.http_port = value::one(raw, value::port)?,
            Key::HttpsPort => self.https_port = value::one(raw, value::port)?,
            Key::ServerRoot => self.server_root = value::one(raw, value::server_root)?,
            Key::Hypervisor => self.hypervisor = value::optional(raw, value::fact)?,
            Key::ConsoleCert => self.console_cert = value::optional_path(given)?,
            Key::StateDir => self.state_dir = value::path(given)?,
            Key::Api => self.api = value::api(given)?,
            Key::ApiGroup => self.api_group = value::optional(raw, value::group_name)?,
            Key::Tls => self.tls_self_signed = value::one(raw, value::tls)?,
            Key::TlsCert => self.tls_cert = value::optional_path(given)?,
            Key::TlsSecret => self.tls_key = value::optional_path(given)?,
            Key::AllowedHosts => self.allowed_hosts = value::each(raw, value::allowed_host)?,
            Key::Trust => self.trust = value::one(raw, |text| text.parse().ok())?,
            Key::WokConf => self.wok_conf = value::optional_path(given)?,
            Key::Hooks => self.hooks = value::optional_path(given)?,
            Key::DnsSd => self.dns_sd = value::one(raw, value::switch)?,
            Key::Log => self.log = value::one(raw, value::log)?,
        }
        Ok(())
    }

    /// Takes the values that need a restart from `old`.
    fn keep_fixed(&mut self, old: &Self) {
        let old = old.clone();
        self.ipv6 = old.ipv6;
        self.group = old.group;
        self.port = old.port;
        self.state_dir = old.state_dir;
        self.api = old.api;
        self.api_optional_socket = old.api_optional_socket;
        self.api_group = old.api_group;
        self.tls_self_signed = old.tls_self_signed;
        self.tls_cert = old.tls_cert;
        self.tls_key = old.tls_key;
    }

    /// The value of a key as JSON, `null` for none.
    pub(crate) fn json(&self, key: Key) -> Value {
        match key {
            Key::Name => json!(self.name),
            Key::Interfaces => json!(self.interfaces),
            Key::Ipv6 => json!(value::ipv6_text(self.ipv6)),
            Key::Group => json!(self.group),
            Key::Port => json!(self.port),
            Key::HttpPort => json!(self.http_port),
            Key::HttpsPort => json!(self.https_port),
            Key::ServerRoot => json!(self.server_root),
            Key::Hypervisor => json!(self.hypervisor),
            Key::ConsoleCert => json!(self.console_cert.as_ref().map(|path| path.to_string_lossy())),
            Key::StateDir => json!(self.state_dir.to_string_lossy()),
            Key::Api => Value::from(self.api_texts("")),
            Key::ApiGroup => json!(self.api_group),
            Key::Tls => json!(self.tls_self_signed.then_some(value::SELF_SIGNED)),
            Key::TlsCert => json!(self.tls_cert.as_ref().map(|path| path.to_string_lossy())),
            Key::TlsSecret => json!(self.tls_key.as_ref().map(|path| path.to_string_lossy())),
            Key::AllowedHosts => json!(self.allowed_hosts),
            Key::Trust => json!(self.trust.as_str()),
            Key::WokConf => json!(self.wok_conf.as_ref().map(|path| path.to_string_lossy())),
            Key::Hooks => json!(self.hooks.as_ref().map(|path| path.to_string_lossy())),
            Key::DnsSd => json!(if self.dns_sd { value::ON } else { value::OFF }),
            Key::Log => json!(self.log.as_str()),
        }
    }

    /// The value of a key for a person, `-` for none.
    pub(crate) fn text(&self, key: Key) -> String {
        let items = match (key, self.json(key)) {
            (Key::Api, _) => self.api_texts(" (if it can be made)"),
            (_, Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            (_, Value::String(text)) => vec![text],
            (_, Value::Null) => Vec::new(),
            (_, other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => vec![other.to_string()],
        };
        if items.is_empty() { "-".to_owned() } else { items.join(", ") }
    }

    /// All addresses of the API; `remark` goes after the optional one.
    fn api_texts(&self, remark: &str) -> Vec<String> {
        let optional = self.api_optional_socket.iter().map(|path| format!("unix:{}{remark}", path.display()));
        optional.chain(self.api.iter().map(ToString::to_string)).collect()
    }
}
