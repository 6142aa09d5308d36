//! The options of `run`.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Args;

use super::port;

/// The daemon's options. Each goes before the environment, and that before the configuration file.
#[derive(Debug, Args, Default)]
pub(crate) struct RunArguments {
    /// Reads this configuration file [default: /etc/kimchi-peers/kimchi-peers.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// This host's name [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Uses only this interface; several times for several [default: all that lead out of the host]
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) interface: Vec<String>,
    /// The IPv4 multicast group [default: 224.0.0.132]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) group: Option<Ipv4Addr>,
    /// The UDP port of discovery [default: 8000]
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub(crate) port: Option<u16>,
    /// Where this host's console answers HTTP [default: 8000]
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub(crate) http_port: Option<u16>,
    /// Where this host's console answers HTTPS [default: 8001]
    #[arg(long, value_name = "PORT", value_parser = port)]
    pub(crate) https_port: Option<u16>,
    /// Makes a certificate for what other hosts can reach of the API: self-signed
    #[arg(long, value_name = "HOW")]
    pub(crate) tls: Option<String>,
    /// The certificate of what other hosts can reach of the API, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate, PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Whom to list: mark (everybody, marked), require-signed or require-group [default: mark]
    #[arg(long, value_name = "MODE")]
    pub(crate) trust: Option<String>,
    /// What to log on stderr: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Prints one JSON object per event on stdout
    #[arg(long)]
    pub(crate) events: bool,
}

/// What goes after the options of `run`.
pub(super) const EXAMPLES: &str = "\
Examples:
  kimchi-peers run
  kimchi-peers run --name kvm-1 --interface br0
  kimchi-peers run --state-dir ./state --api 127.0.0.1:8132 --events
  kimchi-peers run --api unix:/run/kimchi-peers/api.sock --api 0.0.0.0:8132 --tls self-signed";
