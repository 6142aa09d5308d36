//! `kimchi-peers config show`: what would be in force, and where each value comes from.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde_json::{Map, Value, json};

use crate::cli;
use crate::failure::{FAILED, Failure, USAGE};
use crate::settings::{Key, Loaded, Settings, SettingsError, printable};

/// Prints the configuration that `run` would have with these arguments.
///
/// # Errors
/// The configuration is wrong, or standard output cannot be written.
pub(crate) fn run(arguments: &cli::ConfigShowArguments, connection: &cli::Connection) -> Result<(), Failure> {
    let loaded = Settings::load(&arguments.run, connection)?;
    let text = match arguments.output.format() {
        cli::TextOrJson::Text => table(&loaded),
        cli::TextOrJson::Json => document(&loaded),
    };
    for warning in &loaded.warnings {
        // Who closed standard error wants no words.
        let _ = writeln!(io::stderr().lock(), "warning: {warning}");
    }
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure { status: FAILED, message: format!("cannot write the configuration: {error}"), hint: None })
        }
        // The reader has all it wanted.
        Ok(()) | Err(_) => Ok(()),
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self { status: USAGE, message: printable(&error.to_string()), hint: None }
    }
}

/// For people: the file, then a row for each key.
fn table(loaded: &Loaded) -> String {
    let mut rows = vec![["KEY".to_owned(), "VALUE".to_owned(), "FROM".to_owned()]];
    rows.extend(Key::ALL.into_iter().map(|key| {
        let origin = loaded.origins.get(key.name()).map(ToString::to_string).unwrap_or_default();
        [key.name().to_owned(), printable(&loaded.settings.text(key)), printable(&origin)]
    }));
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let (keys, values) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    let mut text = match &loaded.file {
        Some(file) => format!("Configuration file: {}\n", printable(&file.display().to_string())),
        None => "Configuration file: none\n".to_owned(),
    };
    for [key, value, origin] in &rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:keys$}  {value:values$}  {origin}");
    }
    text
}

/// For programs: one object, in ASCII.
fn document(loaded: &Loaded) -> String {
    let entry = |key: Key| {
        let origin = loaded.origins.get(key.name());
        let (from, source) = (origin.map(|origin| origin.kind()), origin.and_then(|origin| origin.source()));
        (key.name().to_owned(), json!({"value": loaded.settings.json(key), "from": from, "source": source}))
    };
    let settings: Map<String, Value> = Key::ALL.into_iter().map(entry).collect();
    let file = loaded.file.as_ref().map(|file| file.to_string_lossy());
    let document = json!({"file": file, "settings": settings, "warnings": loaded.warnings});
    ascii(&format!("{document:#}\n"))
}

/// JSON whose characters outside of ASCII are escaped.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut units = [0; 2];
    for letter in json.chars() {
        if letter == '\n' || matches!(letter, ' '..='~') {
            text.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_moves_no_cursor() {
        assert_eq!(printable("a\u{1b}[2J\u{9b}\u{202e}ä\"\\"), "a\\u{1b}[2J\\u{9b}\\u{202e}ä\"\\");
        assert_eq!(ascii("\"\u{7f}ä\u{1f600}\"\n"), "\"\\u007f\\u00e4\\ud83d\\ude00\"\n");
    }
}
