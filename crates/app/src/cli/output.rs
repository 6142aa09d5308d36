//! How something is printed, as it was asked for.

use clap::{Args, ValueEnum};

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
