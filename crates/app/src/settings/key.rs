//! The keys: one row for each, from which files, environment, messages and documents take its names.

/// Least likeness (Jaro-Winkler, 0 to 1) at which a known word is offered for an unknown one.
const LIKENESS: f64 = 0.8;

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// This host's name.
    Name,
    /// The only interfaces to use.
    Interfaces,
    /// When IPv6 is spoken.
    Ipv6,
    /// The IPv4 multicast group.
    Group,
    /// The UDP port of discovery.
    Port,
    /// Where this host's console answers HTTP.
    HttpPort,
    /// Where this host's console answers HTTPS.
    HttpsPort,
    /// The path under which this host's console is.
    ServerRoot,
    /// The hypervisor of this host.
    Hypervisor,
    /// The file that the console's certificate is in.
    ConsoleCert,
    /// Where the daemon keeps its state.
    StateDir,
    /// Where the API listens.
    Api,
    /// Who may use the API's socket.
    ApiGroup,
    /// How listeners that other hosts can reach come by a certificate, if not from files.
    Tls,
    /// The certificate of such listeners.
    TlsCert,
    /// The private key of that certificate.
    TlsSecret,
    /// Further values of the `Host` header that the API answers.
    AllowedHosts,
    /// Whom this host lists.
    Trust,
    /// The configuration of this host's Wok or Kimchi, from which its ports are read.
    WokConf,
    /// The executables that are run at each event.
    Hooks,
    /// Whether the console is announced by DNS-SD.
    DnsSd,
    /// What is logged.
    Log,
}

/// How a value is written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// An array of strings; in an environment variable the items are separated by commas.
    List,
}

/// What is known of a key.
struct Row {
    name: &'static str,
    variable: &'static str,
    flag: Option<&'static str>,
    kind: Kind,
    reloadable: bool,
    allowed: &'static str,
}

/// The row of a key without a flag that needs a restart.
const fn row(name: &'static str, variable: &'static str, kind: Kind, allowed: &'static str) -> Row {
    Row { name, variable, flag: None, kind, reloadable: false, allowed }
}

impl Row {
    const fn flag(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    const fn reloadable(self) -> Self {
        Self { reloadable: true, ..self }
    }
}

const PORT: &str = "a port number from 1 to 65535";
const NAME: &str = "a host name: labels of letters, digits, - and _ joined by dots, at most 253 characters";
const INTERFACE: &str = "the name of a network interface: 1 to 15 characters without /, : and blanks";
const GROUP: &str = "an IPv4 multicast address, 224.0.0.0 to 239.255.255.255";
const SERVER_ROOT: &str = "a path such as /wok: letters, digits and - . _ ~ between slashes, at most 64 bytes, no ..";
const HYPERVISOR: &str = "1 to 64 letters, digits and . _ - + ~ /";
const STATE_DIR: &str = "a directory, in the file with its whole path";
const API: &str = "an address such as 127.0.0.1:8132, [::1]:8132, localhost:8132 or unix:/path";
const API_GROUP: &str = "the name of a group: at most 64 visible characters without /, : and commas";
const TLS: &str = "self-signed, or nothing";
const PEM_FILE: &str = "a PEM file, in the configuration file with its whole path";
const TRUST: &str = "mark, require-signed or require-group";
const WOK_CONF: &str = "a file such as /etc/wok/wok.conf, in the configuration file with its whole path";
const HOOKS: &str = "a directory, in the configuration file with its whole path";
const ALLOWED_HOST: &str = "a host name or an IP address, without a port";

impl Key {
    /// All keys, in the order in which they are shown.
    pub(crate) const ALL: [Self; 22] = [
        Self::Name,
        Self::Interfaces,
        Self::Ipv6,
        Self::Group,
        Self::Port,
        Self::HttpPort,
        Self::HttpsPort,
        Self::ServerRoot,
        Self::Hypervisor,
        Self::ConsoleCert,
        Self::StateDir,
        Self::Api,
        Self::ApiGroup,
        Self::Tls,
        Self::TlsCert,
        Self::TlsSecret,
        Self::AllowedHosts,
        Self::Trust,
        Self::WokConf,
        Self::Hooks,
        Self::DnsSd,
        Self::Log,
    ];

    const fn row(self) -> Row {
        use Kind::{List, Number, Text};
        match self {
            Self::Name => row("name", "KIMCHI_PEERS_NAME", Text, NAME).flag("--name").reloadable(),
            Self::Interfaces => {
                row("interfaces", "KIMCHI_PEERS_INTERFACES", List, INTERFACE).flag("--interface").reloadable()
            }
            Self::Ipv6 => row("ipv6", "KIMCHI_PEERS_IPV6", Text, "fallback, always or never"),
            Self::Group => row("group", "KIMCHI_PEERS_GROUP", Text, GROUP).flag("--group"),
            Self::Port => row("port", "KIMCHI_PEERS_PORT", Number, PORT).flag("--port"),
            Self::HttpPort => row("http_port", "KIMCHI_PEERS_HTTP_PORT", Number, PORT).flag("--http-port").reloadable(),
            Self::HttpsPort => {
                row("https_port", "KIMCHI_PEERS_HTTPS_PORT", Number, PORT).flag("--https-port").reloadable()
            }
            Self::ServerRoot => row("server_root", "KIMCHI_PEERS_SERVER_ROOT", Text, SERVER_ROOT).reloadable(),
            Self::Hypervisor => row("hypervisor", "KIMCHI_PEERS_HYPERVISOR", Text, HYPERVISOR).reloadable(),
            Self::ConsoleCert => row("console_cert", "KIMCHI_PEERS_CONSOLE_CERT", Text, PEM_FILE).reloadable(),
            Self::StateDir => row("state_dir", "KIMCHI_PEERS_STATE_DIR", Text, STATE_DIR).flag("--state-dir"),
            Self::Api => row("api", "KIMCHI_PEERS_API", List, API).flag("--api"),
            Self::ApiGroup => row("api_group", "KIMCHI_PEERS_API_GROUP", Text, API_GROUP),
            Self::Tls => row("tls", "KIMCHI_PEERS_TLS", Text, TLS).flag("--tls"),
            Self::TlsCert => row("tls_cert", "KIMCHI_PEERS_TLS_CERT", Text, PEM_FILE).flag("--tls-cert"),
            Self::TlsSecret => row("tls_key", "KIMCHI_PEERS_TLS_KEY", Text, PEM_FILE).flag("--tls-key"),
            Self::AllowedHosts => row("allowed_hosts", "KIMCHI_PEERS_ALLOWED_HOSTS", List, ALLOWED_HOST).reloadable(),
            Self::Trust => row("trust", "KIMCHI_PEERS_TRUST", Text, TRUST).flag("--trust").reloadable(),
            Self::WokConf => row("wok_conf", "KIMCHI_PEERS_WOK_CONF", Text, WOK_CONF).reloadable(),
            Self::Hooks => row("hooks", "KIMCHI_PEERS_HOOKS", Text, HOOKS).reloadable(),
            Self::DnsSd => row("dns_sd", "KIMCHI_PEERS_DNS_SD", Text, "on or off").reloadable(),
            Self::Log => {
                row("log", "KIMCHI_PEERS_LOG", Text, "error, warn, info, debug or trace").flag("--log").reloadable()
            }
        }
    }

    /// The key's name in the file and in what is printed.
    pub(crate) const fn name(self) -> &'static str {
        self.row().name
    }

    /// The environment variable.
    pub(crate) const fn variable(self) -> &'static str {
        self.row().variable
    }

    /// The option of `run`; `None` if there is none.
    pub(crate) const fn flag(self) -> Option<&'static str> {
        self.row().flag
    }

    /// Whether the value is a path, which need not be UTF-8.
    pub(super) const fn is_path(self) -> bool {
        matches!(
            self,
            Self::ConsoleCert | Self::StateDir | Self::TlsCert | Self::TlsSecret | Self::WokConf | Self::Hooks
        )
    }

    /// How the value is written in the file.
    pub(super) const fn kind(self) -> Kind {
        self.row().kind
    }

    /// Whether a reload puts a new value in force; otherwise a restart does.
    pub(super) const fn is_reloadable(self) -> bool {
        self.row().reloadable
    }

    /// What the value, or each item of a list, must be; goes after "must be".
    pub(crate) const fn allowed(self) -> &'static str {
        self.row().allowed
    }

    /// The key with this name in the file.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }
}

/// The known word that is most like `word`, if one is like it at all.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
