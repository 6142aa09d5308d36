//! JSON for programs, and for people who look at it.

use std::fmt::Write as _;

use serde::Serialize;

use crate::failure::{Failure, Stop};
use crate::output::printable::is_plain;

/// The value over several lines.
pub(crate) fn pretty<T: Serialize>(value: &T, on_terminal: bool) -> Result<String, Stop> {
    finish(serde_json::to_string_pretty(value), on_terminal)
}

/// The value on one line.
pub(crate) fn line<T: Serialize>(value: &T, on_terminal: bool) -> Result<String, Stop> {
    finish(serde_json::to_string(value), on_terminal)
}

fn finish(text: serde_json::Result<String>, on_terminal: bool) -> Result<String, Stop> {
    let mut text = text.map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    text = escaped(&text, on_terminal);
    text.push('\n');
    Ok(text)
}

/// The same JSON, on a terminal in plain ASCII. What could do harm there is escaped in a pipe too: somebody may look at it
/// later. Anything but ASCII stands within a string, where an escape means the same; so does DEL, the one control character that
/// JSON lets through.
fn escaped(text: &str, on_terminal: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        let harmless = if on_terminal { false } else { is_plain(character) };
        if (character.is_ascii() && character != '\u{7f}') || harmless {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::printable::tests::is_dangerous;

    #[test]
    fn on_a_terminal_it_is_ascii_and_means_the_same() {
        let value: String =
            (0..=0x10_ffff).filter_map(char::from_u32).step_by(7).chain("\u{1b}\u{7f}\u{9b}\u{202e}".chars()).collect();
        let text = line(&value, true).unwrap();
        assert!(text.trim_end().bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        let piped = line(&value, false).unwrap();
        assert_eq!(serde_json::from_str::<String>(&piped).unwrap(), value);
        assert!(!piped.trim_end().chars().any(|each| is_dangerous(u32::from(each), each)));
        assert_eq!(line(&"é", false).unwrap(), "\"é\"\n");
        assert_eq!(line(&"é", true).unwrap(), "\"\\u00e9\"\n");
    }
}
