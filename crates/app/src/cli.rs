//! The command line: definitions only. The man pages and completions are made from them.

mod doctor;
mod export;
mod history;
mod leave;
mod trust;

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use doctor::{DoctorArguments, MatrixArguments, MatrixOutput};
pub(crate) use export::{ExportCockpitArguments, ExportCommand};
pub(crate) use history::{HistoryArguments, Records};
pub(crate) use leave::LeaveArguments;
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
    #[command(after_help = RUN_EXAMPLES)]
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
    Trust(TrustArguments),
    /// Forget a host that is down, with the key that its name belonged to
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

const RUN_EXAMPLES: &str = "\
Examples:
  kimchi-peers run
  kimchi-peers run --name kvm-1 --interface br0
  kimchi-peers run --state-dir ./state --api 127.0.0.1:8132 --events
  kimchi-peers run --api unix:/run/kimchi-peers/api.sock --api 0.0.0.0:8132 --tls self-signed";

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

/// How a list of peers is printed, as it was asked for.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ListOutput {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    /// Short for -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl ListOutput {
    /// What was asked for.
    pub(crate) const fn format(self) -> Output {
        if self.json { Output::Json } else { self.output }
    }
}

impl From<Output> for ListOutput {
    fn from(output: Output) -> Self {
        Self { output, json: false }
    }
}

/// How anything else is printed, as it was asked for.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct TextOutput {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: TextOrJson,
    /// Short for -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl TextOutput {
    /// What was asked for.
    pub(crate) const fn format(self) -> TextOrJson {
        if self.json { TextOrJson::Json } else { self.output }
    }
}

impl From<TextOrJson> for TextOutput {
    fn from(output: TextOrJson) -> Self {
        Self { output, json: false }
    }
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
    /// A dynamic inventory of Ansible
    Ansible,
    /// Targets for the file service discovery of Prometheus
    Prometheus,
    /// Host blocks for ssh_config
    SshConfig,
    /// Lines of /etc/hosts
    Hosts,
    /// Connection URIs of libvirt, one a line
    Libvirt,
}

impl Output {
    /// Whether it is read by a program that wants hosts to talk to.
    pub(crate) const fn is_of_hosts_to_talk_to(self) -> bool {
        !matches!(self, Self::Table | Self::Wide | Self::Json | Self::Csv)
    }
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
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_are_seconds_or_have_a_unit() {
        for (text, milliseconds) in [("2", 2000), ("0.5", 500), ("500ms", 500), ("1m 1s", 61_000), ("0", 0)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", ".", "-1", "soon", "1.2.3", "inf", "1e9", "99999999999999999999999", "2 parsecs"] {
            assert!(duration(text).is_err_and(|error| error.contains("500ms")), "{text}");
        }
    }

    #[test]
    fn all_ports_have_the_same_bounds() {
        for option in ["run --port", "run --http-port", "run --https-port", "search --port", "config show --port"] {
            for (value, is_port) in [("0", false), ("1", true), ("65535", true), ("65536", false), ("-1", false)] {
                let words = format!("kimchi-peers {option}={value}");
                match Cli::try_parse_from(words.split(' ')) {
                    Ok(_) => assert!(is_port, "{words}"),
                    Err(error) => assert!(!is_port && error.to_string().contains("1 to 65535"), "{words}: {error}"),
                }
            }
        }
    }

    #[test]
    fn the_daemon_is_named_before_the_command_or_after_it() {
        let read = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap();
        for line in ["kimchi-peers --api a --state-dir s list", "kimchi-peers list --api a --state-dir s"] {
            let Cli { connection, .. } = read(line);
            assert_eq!((connection.api, connection.state_dir), (vec!["a".to_owned()], Some(PathBuf::from("s"))));
        }
        assert_eq!(read("kimchi-peers run --api a --api b").connection.api, ["a", "b"]);
        assert_eq!(read("kimchi-peers config show --api a").connection.api, ["a"]);
        for line in ["kimchi-peers --api a demo", "kimchi-peers demo --api a", "kimchi-peers --state-dir s demo"] {
            assert!(matches!(read(line).command, Command::Demo(demo) if demo.unused.is_given()), "{line}");
        }
        assert!(matches!(read("kimchi-peers demo").command, Command::Demo(demo) if !demo.unused.is_given()));
    }

    #[test]
    fn only_commands_that_reach_a_daemon_show_where_it_is() {
        let mut cli = Cli::command();
        cli.build();
        for (command, shows) in [("list", true), ("run", true), ("demo", false), ("man", false), ("completions", false)]
        {
            let help = cli.find_subcommand_mut(command).unwrap().render_help().to_string();
            assert_eq!(help.contains("--api"), shows, "{help}");
            assert_eq!(help.contains("--state-dir"), shows, "{help}");
        }
    }

    #[test]
    fn an_id_may_begin_with_a_hyphen() {
        for line in [
            "kp show -4geZoMyUZ1S --json",
            "kp show --json -4geZoMyUZ1S",
            "kp trust -4geZoMyUZ1S",
            "kp key use -4geZoMyUZ1",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        assert!(Cli::try_parse_from(["kp", "show", "a", "--jsno"]).is_err());
    }

    #[test]
    fn json_is_short_for_its_format() {
        let json = |line: &str| Cli::try_parse_from(line.split(' ')).map(|cli| cli.command);
        assert!(matches!(json("kp list --json"), Ok(Command::List(list)) if list.output.format() == Output::Json));
        assert!(
            matches!(json("kp show a --json"), Ok(Command::Show(show)) if show.output.format() == TextOrJson::Json)
        );
        assert!(json("kp list --json -o csv").is_err());
    }
}
