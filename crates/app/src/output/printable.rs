//! The one function between texts from outside and a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with everything escaped as `\u{..}` that could move the cursor, change colours, hide, reorder or imitate
/// other text: control characters, direction marks, characters without width, and all spaces but the plain one.
///
/// What it gives is left as it is when it is given to it again.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_plain(character) {
            escaped.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
        }
    }
    Cow::Owned(escaped)
}

/// Whether a character shows as itself, moves nothing and hides nothing.
pub(crate) fn is_plain(character: char) -> bool {
    match character {
        ' '..='~' => true,
        '\u{a1}'.. => !(character.is_control() || character.is_whitespace() || is_unseen(character)),
        _ => false,
    }
}

/// Characters that show as nothing, or that change how their neighbours show (Unicode: `Default_Ignorable_Code_Point`,
/// `Bidi_Control`, interlinear annotations, blanks that are no white space, private use).
const fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..)
}

/// How many columns a terminal gives to a printable character. Combining marks count as one: too wide a guess only
/// makes a column wider, too narrow a one breaks the line.
pub(crate) const fn width_of(character: char) -> usize {
    match character {
        '\u{1100}'..='\u{115f}'
        | '\u{231a}'..='\u{23f3}'
        | '\u{25fd}'..='\u{27bf}'
        | '\u{2b1b}'..='\u{2b55}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe10}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{16fe0}'..='\u{1b2ff}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What must never get through, from the standards and not from the code above.
    pub(crate) fn is_dangerous(point: u32, character: char) -> bool {
        let control = point < 0x20 || (0x7f..=0x9f).contains(&point);
        let direction = [0x61c, 0x200e, 0x200f].contains(&point)
            || (0x202a..=0x202e).contains(&point)
            || (0x2066..=0x2069).contains(&point);
        let no_width = [0xad, 0x34f, 0x180e, 0x200b, 0x200c, 0x200d, 0x2060, 0xfeff].contains(&point)
            || (0x2061..=0x2064).contains(&point)
            || (0xfe00..=0xfe0f).contains(&point)
            || (0xe0000..=0xe0fff).contains(&point);
        let line = [0x2028, 0x2029].contains(&point);
        control || direction || no_width || line || (character != ' ' && character.is_whitespace())
    }

    #[test]
    fn a13_no_code_point_gets_through_that_could_do_harm() {
        for point in 0..=0x10_ffff {
            let Some(character) = char::from_u32(point) else { continue };
            let text = format!("a{character}b");
            let shown = printable(&text);
            assert!(!shown.chars().any(|shown| is_dangerous(u32::from(shown), shown)), "U+{point:04X}");
            assert_eq!(printable(&shown), shown, "U+{point:04X}");
            let escaped = format!("a\\u{{{point:x}}}b");
            assert!(shown == text || shown == escaped, "U+{point:04X}");
            assert!(!is_dangerous(point, character) || shown == escaped, "U+{point:04X}");
        }
    }

    #[test]
    fn plain_text_of_any_language_stays() {
        for text in ["kvm-1.example.org", "größe", "сервер", "서버", "宿主機", "~!@#$%^&*()\\\"'<>", "…"]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
        assert_eq!(printable("\u{1b}[31mx\u{9b}2J\u{202e}y\tz"), "\\u{1b}[31mx\\u{9b}2J\\u{202e}y\\u{9}z");
    }
}
