//! The options of the commands about keys and names.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{NoConnection, TextOutput};

/// Options of `trust`.
#[derive(Debug, Args)]
pub(crate) struct TrustArguments {
    /// Its name, address or id; of several with one name the one in conflict is meant
    #[arg(allow_hyphen_values = true)]
    pub(crate) peer: String,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// Its name, address or id, or the beginning of one
    #[arg(allow_hyphen_values = true)]
    pub(crate) peer: String,
    #[command(flatten)]
    pub(crate) output: TextOutput,
}

/// What goes after the options of `trust`.
pub(super) const TRUST_EXPLANATION: &str = "\
Compare first: `kimchi-peers show PEER` here and `kimchi-peers key show` at the peer's own console must print the same fingerprint. \
If they do not, somebody else uses the name, and both `trust` and `forget` would give him the name.";

/// What goes after the options of `forget`.
pub(super) const FORGET_EXPLANATION: &str = "\
The name is free then: whoever bears it next has it, and a host that is in conflict about it has it at once. Where that is so, compare \
keys first: `kimchi-peers show PEER` here and `kimchi-peers key show` at the peer's own console must print the same fingerprint.";

/// What goes after the options of `check`.
pub(super) const CHECK_EXPLANATION: &str = "\
The daemon connects to the peer's HTTPS port and shakes hands; nothing is sent above that. `match`: its console shows the \
certificate that the host announces under its signature, or that a host added by hand showed first. `changed`: it shows another \
one; the exit status is 1. `unknown`: there is nothing to hold it against, or none was seen.";

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Print who this host is, the ids of its group keys, and which peers use which
    Show(KeyShowArguments),
    /// Make a new group key and write it into a file, to be installed on each host
    #[command(after_help = "Example:\n  kimchi-peers key generate --output ./lab.key")]
    Generate(KeyGenerateArguments),
    /// Add a group key to this host's, behind those that it has
    #[command(
        after_help = "Examples:\n  kimchi-peers key install ./lab.key\n  ssh kvm-1 cat lab.key | kimchi-peers key install -"
    )]
    Install(KeyInstallArguments),
    /// Have this host prove by this key that it is a member
    Use(KeyIdArguments),
    /// Take a group key away that no peer uses any more
    Remove(KeyIdArguments),
}

/// Options of `key show`.
#[derive(Debug, Args)]
pub(crate) struct KeyShowArguments {
    #[command(flatten)]
    pub(crate) output: TextOutput,
}

/// Options of `key generate`.
#[derive(Debug, Args)]
pub(crate) struct KeyGenerateArguments {
    /// Writes the key into this new file, which only its owner can read; - prints it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) unused: NoConnection,
}

/// Options of `key install`.
#[derive(Debug, Args)]
pub(crate) struct KeyInstallArguments {
    /// The file that has the key, or - for standard input. A key is never given on the command line, where others see it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Options of `key use` and `key remove`.
#[derive(Debug, Args)]
pub(crate) struct KeyIdArguments {
    /// The id of the key, as `key show` prints it
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub(crate) id: String,
}

/// Options of `reset-identity`.
#[derive(Debug, Args)]
pub(crate) struct ResetIdentityArguments {
    /// Keeps the identity: this is the same host on another machine
    #[arg(long)]
    pub(crate) keep: bool,
}

/// What goes after the options of `reset-identity`.
pub(super) const RESET_EXPLANATION: &str = "\
The daemon must not run on the same state directory. The host gets a new key and a new API token; hosts that were added by hand, \
settings and group keys stay. Other hosts then see a new host; where the old one bore the same name and is gone, they show a \
conflict until somebody there says `kimchi-peers trust NAME`.";
