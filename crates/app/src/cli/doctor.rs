//! The options of the commands that tell why somebody is not seen.

use clap::{Args, ValueEnum};

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

/// What goes after the options of `matrix`.
pub(super) const MATRIX_EXPLANATION: &str = "\
A row is what one host hears itself, as it last said: 1 heard, 0 not heard, - itself, ? not known. Only hosts that run this program say so.";
