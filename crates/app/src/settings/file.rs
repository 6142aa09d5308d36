//! The configuration file.

use std::io;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::environment::{CONFIG, Surroundings};
use super::error::{SettingsError, printable, quoted};
use super::key::{Key, Kind, nearest};
use super::origin::{Given, Origin, Raw};

/// Most characters of a value that a message repeats.
const EXCERPT_MAX: usize = 40;

/// Reads the file named by `--config`, else by the environment, else the usual one if it exists.
///
/// # Errors
/// A named file is missing, or the file cannot be read or has something in it that is not allowed.
pub(super) fn find(
    named: Option<&Path>,
    surroundings: &Surroundings,
) -> Result<(Option<PathBuf>, Vec<Given>), SettingsError> {
    let named = named.map(PathBuf::from).or_else(|| surroundings.variable(CONFIG).map(PathBuf::from));
    let path = named.as_ref().unwrap_or(&surroundings.default_file);
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((Some(path.clone()), parse(path, &text)?)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && named.is_none() => Ok((None, Vec::new())),
        Err(cause) => Err(SettingsError::Read { path: path.clone(), cause }),
    }
}

/// What a file with this text gives, in the order of its lines.
fn parse(path: &Path, text: &str) -> Result<Vec<Given>, SettingsError> {
    let file = File { path, text };
    let table = DeTable::parse(text).map_err(|error| SettingsError::Syntax {
        path: path.to_owned(),
        line: file.line(error.span().map_or(0, |span| span.start)),
        message: error.message().lines().collect::<Vec<_>>().join("; "),
    })?;
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries.into_iter().map(|(name, value)| file.entry(name, value)).collect()
}

/// The file that is being read.
struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// The line, from 1, of a byte of the text.
    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }

    fn entry(&self, name: &Spanned<impl AsRef<str>>, value: &Spanned<DeValue<'_>>) -> Result<Given, SettingsError> {
        let line = self.line(name.span().start);
        let path = self.path.to_owned();
        let name = name.get_ref().as_ref();
        let Some(key) = Key::named(name) else {
            let nearest = nearest(name, Key::ALL.iter().map(|key| key.name()));
            return Err(SettingsError::UnknownKey { path, line, key: printable(name), nearest });
        };
        let origin = Origin::File(path, line);
        match raw(key.kind(), value.get_ref()) {
            Some(raw) => Ok(Given { key, raw, origin }),
            None => {
                let subject = Given { key, raw: Raw::Many(Vec::new()), origin }.subject();
                Err(SettingsError::Invalid {
                    subject,
                    shape: shape(key.kind()),
                    allowed: key.allowed(),
                    found: self.excerpt(value),
                })
            }
        }
    }

    /// The beginning of a value as it is written.
    fn excerpt(&self, value: &Spanned<DeValue<'_>>) -> String {
        let written = self.text.get(value.span()).unwrap_or_default();
        let first = written.lines().next().unwrap_or_default();
        quoted(&first.chars().take(EXCERPT_MAX).collect::<String>())
    }
}

/// How a value of this kind is written; goes between "must be" and what is allowed.
const fn shape(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text in quotes: ",
        Kind::Number => "a number without quotes: ",
        Kind::List => "a list of texts in quotes, each ",
    }
}

/// The value, if it is of this kind.
fn raw(kind: Kind, value: &DeValue<'_>) -> Option<Raw> {
    match kind {
        Kind::Text => value.as_str().map(|text| Raw::One(text.to_owned())),
        Kind::Number => value.as_integer().map(|number| Raw::One(decimal(number))),
        Kind::List => value.as_array().and_then(texts).map(Raw::Many),
    }
}

fn texts(items: &DeArray<'_>) -> Option<Vec<String>> {
    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// The number in decimal digits; one too large for that is left as it is, for it fits nowhere anyway.
fn decimal(number: &DeInteger<'_>) -> String {
    match i64::from_str_radix(number.as_str(), number.radix()) {
        Ok(number) => number.to_string(),
        Err(_) => number.to_string(),
    }
}
