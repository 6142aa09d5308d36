//! The options of the commands that tell why somebody is not seen.

use clap::{Args, ValueEnum};

use super::TextOutput;

/// Options of `matrix`.
#[derive(Debug, Args)]
pub(crate) struct MatrixArguments {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: MatrixOutput,
    /// Short for -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl MatrixArguments {
    /// What was asked for.
    pub(crate) const fn format(&self) -> MatrixOutput {
        if self.json { MatrixOutput::Json } else { self.output }
    }
}

#[cfg(test)]
impl From<MatrixOutput> for MatrixArguments {
    fn from(output: MatrixOutput) -> Self {
        Self { output, json: false }
    }
}

/// How the matrix is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum MatrixOutput {
    /// A grid where it fits the width, else who does not hear whom
    #[default]
    Table,
    /// JSON, one object
    Json,
    /// Comma-separated values: a row and a column for each host
    Csv,
}

/// Options of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Explains why this one is or is not seen: a name, an address, an id, or the beginning of one
    #[arg(allow_hyphen_values = true)]
    pub(crate) peer: Option<String>,
    #[command(flatten)]
    pub(crate) output: TextOutput,
}

/// What goes after the options of `matrix`.
pub(super) const MATRIX_EXPLANATION: &str = "\
A row is what one host hears itself, as it last said: 1 heard, 0 not heard, - itself, ? not known. Only hosts that run this program say so.";

/// What goes after the options of `doctor`.
pub(super) const DOCTOR_EXPLANATION: &str = "\
Examples:
  kimchi-peers doctor
  kimchi-peers doctor kvm-2
  kimchi-peers doctor -o json

Exit status: 0 no problem found (there may be warnings), 1 a problem found, 2 wrong usage, 3 no daemon reached and nothing could be \
judged without it. It changes nothing, and sends nothing off the link but to hosts that were added by hand.";
