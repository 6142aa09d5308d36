//! The options of `export`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::export::cockpit::DEFAULT_FILE;

/// What to write.
#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// Write the file by which Cockpit shows the peers among its hosts
    #[command(
        after_help = "Examples:\n  kimchi-peers export cockpit\n  kimchi-peers export cockpit --watch\n\nA file with machines that somebody else put there is left alone."
    )]
    Cockpit(ExportCockpitArguments),
}

/// Options of `export cockpit`.
#[derive(Debug, Args)]
pub(crate) struct ExportCockpitArguments {
    /// Writes this file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    pub(crate) file: PathBuf,
    /// Lists peers that are down too
    #[arg(long)]
    pub(crate) all: bool,
    /// Goes on until Ctrl-C and writes the file again whenever the list changes
    #[arg(long)]
    pub(crate) watch: bool,
}
