//! One file per command.

pub(crate) mod add;
pub(crate) mod completions;
pub(crate) mod config_show;
pub(crate) mod demo;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod remove;
pub(crate) mod run;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod watch;
