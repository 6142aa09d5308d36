//! Colours, all of them. None is the only sign of anything: the words say the same.

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// Not sure.
    Doubt,
    /// Not well.
    Bad,
    /// Of less weight than the rest.
    Faint,
    /// A heading.
    Heading,
}

impl Tone {
    /// The parameters of the terminal's SGR sequence. Only the eight colours that every theme defines.
    const fn parameters(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Doubt => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Heading => "1",
        }
    }

    /// The text in this tone, if colours are wanted.
    pub(crate) fn paint(self, text: &str, colour: bool) -> String {
        if colour && !text.is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", self.parameters())
        } else {
            text.to_owned()
        }
    }
}

/// Whether to use colours on a stream: on a terminal that can, unless the user said no.
pub(crate) fn wants_colour(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    is_terminal
        && variable("NO_COLOR").is_none_or(|value| value.is_empty())
        && variable("TERM").is_none_or(|value| value != "dumb")
        && variable("CLICOLOR").is_none_or(|value| value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let with =
            |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| value.to_owned());
        assert!(wants_colour(true, |_| None));
        assert!(wants_colour(true, with("TERM", "xterm")));
        assert!(wants_colour(true, with("NO_COLOR", "")));
        assert!(!wants_colour(false, |_| None));
        assert!(!wants_colour(true, with("NO_COLOR", "1")));
        assert!(!wants_colour(true, with("TERM", "dumb")));
        assert!(!wants_colour(true, with("CLICOLOR", "0")));
    }
}
