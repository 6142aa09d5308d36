//! The command line: definitions only. The man pages and completions are made from them.

mod doctor;
mod export;
mod history;
mod leave;
mod output;
mod run;
mod trust;

use std::ffi::OsString;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use doctor::{DoctorArguments, MatrixArguments, MatrixOutput};
pub(crate) use export::{ExportCockpitArguments, ExportCommand};
pub(crate) use history::{HistoryArguments, Records};
pub(crate) use leave::LeaveArguments;
pub(crate) use output::{ListOutput, Output, TextOrJson, TextOutput};
pub(crate) use run::RunArguments;
pub(crate) use trust::{
    CheckArguments, KeyCommand, KeyGenerateArguments, KeyIdArguments, KeyInstallArguments, KeyShowArguments,
    ResetIdentityArguments, TrustArguments,
};

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

const SLPTOOL_EXPLANATION: &str = "\
Installed under the name slptool before that of OpenSLP in the PATH of Wok, the program does the same without `kimchi-peers`.

Commands: findsrvs TYPE, register URL, deregister URL for service:wokd and service:kimchid; findattrs, findsrvtypes, \
findscopes, getproperty. Options: -v, and -s -l -t -i -u with a value each, which change nothing.

It answers within a second and never fails: what cannot be done is said on stderr.";

/// How a command finds its daemon, and where the daemon listens and keeps its state.
#[derive(Debug, Default, Clone, Args)]
pub(crate) struct Connection {
    /// Where the API is: HOST:PORT, unix:PATH or https://HOST:PORT; may be given several times with `run`, which listens there
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
    /// Who asks https://HOST:PORT: trusts certificates that one of this PEM file has signed, or that stand in it
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "fingerprint")]
    pub(crate) ca: Option<PathBuf>,
    /// Who asks https://HOST:PORT: trusts this certificate alone, given by its SHA-256 in hexadecimal
    #[arg(long, global = true, value_name = "SHA256")]
    pub(crate) fingerprint: Option<String>,
    /// Who asks: takes the API token from this file, not from the state directory [env: KIMCHI_PEERS_TOKEN_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// The options of [`Connection`] for a command that reaches no daemon: they are taken, as they may stand before any
/// command, and its help leaves them out.
#[derive(Debug, Args)]
pub(crate) struct NoConnection {
    #[arg(long, hide = true, value_name = "ADDR")]
    api: Vec<String>,
    #[arg(long, hide = true, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "SHA256")]
    fingerprint: Option<String>,
    #[arg(long, hide = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl NoConnection {
    /// Whether one was given, before the command or after it.
    pub(crate) fn is_given(&self) -> bool {
        let files = [&self.state_dir, &self.ca, &self.token_file];
        !self.api.is_empty() || self.fingerprint.is_some() || files.iter().any(|file| file.is_some())
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take part in discovery: the daemon, in the foreground
    #[command(after_help = run::EXAMPLES)]
    Run(RunArguments),
    /// Ask the network who is there, now
    #[command(after_help = "Examples:\n  kimchi-peers search\n  kimchi-peers search --wait 3s -o json")]
    Search(SearchArguments),
    /// List the peers that are there, and all that were added by hand
    #[command(
        after_help = "Examples:\n  kimchi-peers list\n  kimchi-peers list --all -o wide\n  kimchi-peers list -o urls\n  kimchi-peers list -o ssh-config >~/.ssh/kimchi-peers"
    )]
    List(ListArguments),
    /// Write the list into the file of another program
    #[command(subcommand)]
    Export(ExportCommand),
    /// Show one peer with its history and where it is heard
    Show(ShowArguments),
    /// List what happened to the peers, newest first
    #[command(after_help = history::EXAMPLES)]
    History(HistoryArguments),
    /// Show who comes and goes, live: a screen of its own on a terminal, a line for each change elsewhere
    #[command(
        after_help = "Examples:\n  kimchi-peers watch              q quits, ? tells the other keys\n  kimchi-peers watch | cat        a line for each change\n  kimchi-peers watch -o json      an object for each change"
    )]
    Watch(WatchArguments),
    /// Keep a host of another network, for good
    #[command(
        after_help = "Examples:\n  kimchi-peers add kvm9.example.org\n  kimchi-peers add 192.0.2.7:8001 --name lab-7\n  kimchi-peers add https://kvm9.example.org/wok"
    )]
    Add(AddArguments),
    /// Forget a host that was added, or one that is down
    Remove(RemoveArguments),
    /// Look at the certificate that a peer's console shows, and hold it against the one that is known
    #[command(after_help = trust::CHECK_EXPLANATION)]
    Check(CheckArguments),
    /// Give a name to the host that bears it with its present key, or take a remote peer's new certificate
    #[command(after_help = trust::TRUST_EXPLANATION)]
    Trust(TrustArguments),
    /// Forget a host that is down, with the key that its name belonged to
    #[command(after_help = trust::FORGET_EXPLANATION)]
    Forget(RemoveArguments),
    /// The keys by which this host and its group are known
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make this host a new one: for a copy of another host
    #[command(after_help = trust::RESET_EXPLANATION)]
    ResetIdentity(ResetIdentityArguments),
    /// Show how the daemon is doing
    Status(StatusArguments),
    /// Find out why somebody is not seen, and what mends it
    #[command(after_help = doctor::DOCTOR_EXPLANATION)]
    Doctor(DoctorArguments),
    /// Show who hears whom, as far as this host knows
    #[command(after_help = doctor::MATRIX_EXPLANATION)]
    Matrix(MatrixArguments),
    /// Announce that this host is away for a while, and end its daemon
    #[command(after_help = leave::EXPLANATION)]
    Leave(LeaveArguments),
    /// Print a link that signs a browser in, once
    #[command(
        after_help = "The link is good for one minute and for one use. Whoever opens it may do all that you may."
    )]
    Open,
    /// Answer Wok and Kimchi in place of OpenSLP's slptool, whose options and commands it takes
    #[command(after_help = SLPTOOL_EXPLANATION)]
    Slptool {
        /// Options and command of slptool
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
        arguments: Vec<OsString>,
    },
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
        #[command(flatten)]
        unused: NoConnection,
    },
    /// Print a man page, or write all of them into a directory
    Man {
        /// Writes all pages into this directory: one per command, kimchi-peers.7 and kimchi-peers.toml.5
        #[arg(long, value_name = "DIR")]
        directory: Option<PathBuf>,
        #[command(flatten)]
        unused: NoConnection,
    },
}

/// Options of `search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    /// How long to wait for answers, such as 2, 0.5 (both seconds) or 500ms
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub(crate) wait: Duration,
    /// Without a daemon: uses only this interface; several times for several
    #[arg(long, value_name = "INTERFACE")]
    pub(crate) interface: Vec<String>,
    /// Without a daemon: the UDP port of discovery
    #[arg(long, value_name = "PORT", default_value_t = 8000, value_parser = port)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) output: ListOutput,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Lists peers that are down too
    #[arg(long)]
    pub(crate) all: bool,
    /// With -o ansible: the variables of this host alone, as an inventory is asked for them
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    #[command(flatten)]
    pub(crate) output: ListOutput,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// A name, an address, an id, or the beginning of one that fits no other peer
    #[arg(allow_hyphen_values = true)]
    pub(crate) peer: String,
    #[command(flatten)]
    pub(crate) output: TextOutput,
}

/// Options of `watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArguments {
    #[command(flatten)]
    pub(crate) output: TextOutput,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) output: TextOutput,
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
    /// Its whole name, address or id, or the URL or HOST:PORT of its console
    #[arg(allow_hyphen_values = true)]
    pub(crate) peer: String,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// How many peers to run
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=64))]
    pub(crate) hosts: u8,
    /// Ends after this long instead of at Ctrl-C, such as 10s
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    #[command(flatten)]
    pub(crate) unused: NoConnection,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print what would be in force, and where each value comes from
    #[command(
        after_help = "Examples:\n  kimchi-peers config show\n  kimchi-peers config show --config ./kimchi-peers.toml\n  kimchi-peers config show --json"
    )]
    Show(Box<ConfigShowArguments>),
}

/// Options of `config show`: those of `run`, which it would give.
#[derive(Debug, Args)]
pub(crate) struct ConfigShowArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: TextOutput,
}

/// Reads a port.
fn port(text: &str) -> Result<u16, &'static str> {
    text.parse::<NonZeroU16>().map(NonZeroU16::get).map_err(|_| "it must be a port number from 1 to 65535")
}

/// Reads a duration: plain seconds, or with units.
fn duration(text: &str) -> Result<Duration, &'static str> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = || text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let read = if is_plain { seconds() } else { humantime::parse_duration(text).ok() };
    read.ok_or("give seconds, such as 2 or 0.5, or a time with its unit, such as 500ms, 10s or 1m")
}

#[cfg(test)]
mod tests;
