//! The command line: definitions only. The man pages and completions are made from them.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finds the other hosts of the network and keeps a list of them.
#[derive(Debug, Parser)]
#[command(name = "kimchi-peers", version, about, long_about = LONG_ABOUT, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const LONG_ABOUT: &str = "\
Finds the other Kimchi hosts of the network by UDP multicast and keeps a list of them, with no central service.

`kimchi-peers run` is the daemon: run one on every host. All other commands ask the daemon of this host; `search` works \
without one too.";

const EXAMPLES: &str = "\
Examples:
  kimchi-peers run                         take part in discovery until Ctrl-C
  kimchi-peers list                        who is there
  kimchi-peers add kvm9.example.org        keep a host of another network
  kimchi-peers watch                       who comes and goes, live
  kimchi-peers demo                        see it work on this machine alone

Exit status: 0 done, 1 failed, 2 wrong usage, 3 no daemon reached, 4 no such peer.";

/// How a command finds its daemon, and where the daemon listens and keeps its state.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// Where the API is: HOST:PORT or unix:PATH. `run` listens there and takes it several times
    ///
    /// Without it: KIMCHI_PEERS_API, else the socket unix:/run/kimchi-peers/api.sock, else 127.0.0.1:8132.
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) api: Vec<String>,
    /// Where the daemon keeps its state, and where its API token is
    ///
    /// Without it: KIMCHI_PEERS_STATE_DIR, else STATE_DIRECTORY, else /var/lib/kimchi-peers for root and
    /// $XDG_STATE_HOME/kimchi-peers for others.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take part in discovery: the daemon, in the foreground
    Run(RunArguments),
    /// Ask the network who is there, now
    #[command(after_help = "Examples:\n  kimchi-peers search\n  kimchi-peers search --wait 3s -o json")]
    Search(SearchArguments),
    /// List the peers that are there
    #[command(
        after_help = "Examples:\n  kimchi-peers list\n  kimchi-peers list --all -o wide\n  kimchi-peers list -o urls"
    )]
    List(ListArguments),
    /// Show one peer with its history and where it is heard
    Show(ShowArguments),
    /// Print who comes and goes until Ctrl-C
    Watch(WatchArguments),
    /// Keep a host of another network, for good
    #[command(
        after_help = "Examples:\n  kimchi-peers add kvm9.example.org\n  kimchi-peers add 192.0.2.7:8001 --name lab-7\n  kimchi-peers add https://kvm9.example.org/wok"
    )]
    Add(AddArguments),
    /// Forget a host that was added, or one that is down
    Remove(RemoveArguments),
    /// Show how the daemon is doing
    Status(StatusArguments),
    /// Run several peers on this machine's loopback and watch them find each other
    #[command(after_help = "Needs no privilege and sends nothing off this machine. Ctrl-C ends it.")]
    Demo(DemoArguments),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a man page, or write all of them into a directory
    Man {
        /// Writes one page per command into this directory
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

/// The daemon's options. Each goes before the environment, and that before the configuration file.
#[derive(Debug, Args, Default)]
#[command(after_help = RUN_EXAMPLES)]
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
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Where this host's console answers HTTP [default: 8000]
    #[arg(long, value_name = "PORT")]
    pub(crate) http_port: Option<u16>,
    /// Where this host's console answers HTTPS [default: 8001]
    #[arg(long, value_name = "PORT")]
    pub(crate) https_port: Option<u16>,
    /// What to log on stderr: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Prints one JSON object per event on stdout
    #[arg(long)]
    pub(crate) events: bool,
}

const RUN_EXAMPLES: &str = "\
Examples:
  kimchi-peers run
  kimchi-peers run --name kvm-1 --interface br0
  kimchi-peers run --state-dir ./state --api 127.0.0.1:8132 --events";

/// Options of `search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    /// How long to wait for answers, such as 500ms or 2s
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    pub(crate) wait: Duration,
    /// Without a daemon: uses only this interface; several times for several
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) interface: Vec<String>,
    /// Without a daemon: the UDP port of discovery
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub(crate) port: u16,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Lists peers that are down too
    #[arg(long)]
    pub(crate) all: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// A name, an address, an id, or the beginning of one that fits no other peer
    pub(crate) peer: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: TextOrJson,
}

/// Options of `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: TextOrJson,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: TextOrJson,
}

/// Options of `add`.
#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// HOST, HOST:PORT or an https URL; the port is 8001 unless given
    pub(crate) host: String,
    /// What to call it [default: its host name]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Options of `remove`.
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// A name, an address, an id, or the beginning of one that fits no other peer
    pub(crate) peer: String,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// How many peers to run
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=64))]
    pub(crate) hosts: u8,
    /// Ends after this long instead of at Ctrl-C, such as 10s
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) duration: Option<Duration>,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print what would be in force, and where each value comes from
    Show(Box<ConfigShowArguments>),
}

/// Options of `config show`: those of `run`, which it would give.
#[derive(Debug, Args)]
pub(crate) struct ConfigShowArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: TextOrJson,
}

/// How a list of peers is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Output {
    /// Columns that fit the width
    #[default]
    Table,
    /// All columns
    Wide,
    /// A JSON array
    Json,
    /// Comma-separated values with a header
    Csv,
    /// One URL a line
    Urls,
    /// One name a line
    Names,
}

/// How anything else is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum TextOrJson {
    /// For people
    #[default]
    Text,
    /// JSON, one object
    Json,
}
