//! What the command line prints. Every text from outside goes through [`printable()`] before it reaches a terminal.

mod changes;
mod columns;
mod csv;
mod fingerprint;
mod json;
mod order;
mod page;
mod peers;
mod printable;
mod screen;
mod style;
mod time;
mod words;

#[cfg(test)]
pub(crate) use changes::tests::change;
pub(crate) use changes::{cause, changes_as_csv, changes_as_json, changes_as_table};
pub(crate) use columns::{Cell, Table};
pub(crate) use csv::record as csv_record;
pub(crate) use fingerprint::fingerprint;
pub(crate) use json::{line, pretty};
pub(crate) use order::{by_name, natural, sorted};
pub(crate) use page::Page;
pub(crate) use peers::{is_doubtful, is_there, peers, planned_words, state_tone, state_words};
pub(crate) use printable::printable;
#[cfg(test)]
pub(crate) use printable::tests::is_dangerous;
#[cfg(test)]
pub(crate) use screen::tests::Written;
pub(crate) use screen::{Screen, Surface};
pub(crate) use style::Tone;
pub(crate) use time::{ago, until};
pub(crate) use words::plain;
