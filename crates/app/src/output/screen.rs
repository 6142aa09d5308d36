//! Where output goes: data to stdout, words to stderr.

use std::io::{self, IsTerminal as _, Write};

use crate::failure::{Failure, Stop};
use crate::output::style::wants_colour;

/// Columns of a terminal that does not tell.
const WIDTH_DEFAULT: usize = 80;

/// What the output is shown on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Surface {
    /// Columns, if lines have to fit.
    pub(crate) width: Option<usize>,
    /// Whether colours are wanted.
    pub(crate) colour: bool,
    /// Whether data goes to a terminal.
    pub(crate) is_terminal: bool,
    /// Whether words go to a terminal.
    pub(crate) words_on_terminal: bool,
}

impl Surface {
    fn of_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let is_terminal = io::stdout().is_terminal();
        Self {
            width: is_terminal.then(terminal_width),
            colour: wants_colour(is_terminal, variable),
            is_terminal,
            words_on_terminal: io::stderr().is_terminal(),
        }
    }
}

fn terminal_width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let measured = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    told.or_else(measured).filter(|width| *width > 0).unwrap_or(WIDTH_DEFAULT)
}

/// The output of a command. It takes text that is safe to print; `printable` makes it so.
pub(crate) struct Screen {
    data: Box<dyn Write>,
    words: Box<dyn Write>,
    /// What the output is shown on.
    pub(crate) surface: Surface,
}

impl Screen {
    /// stdout and stderr.
    pub(crate) fn of_process() -> Self {
        Self { data: Box::new(io::stdout()), words: Box::new(io::stderr()), surface: Surface::of_process() }
    }

    /// Writes data and flushes it.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), Stop> {
        self.bytes(text.as_bytes())
    }

    /// Writes data that is no text of ours and flushes it.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        match self.data.write_all(bytes).and_then(|()| self.data.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Stop::ReaderGone),
            Err(error) => Err(Failure::new(format!("cannot write the output: {error}")).into()),
        }
    }

    /// Says a sentence. Who cannot hear it can still use the data, so nothing stops for it.
    pub(crate) fn say(&mut self, sentence: &str) {
        let _ = writeln!(self.words, "{sentence}");
    }

    /// Shows what is going on in a line that the next one replaces; only on a terminal.
    pub(crate) fn progress(&mut self, line: &str) {
        if self.surface.words_on_terminal {
            let _ = write!(self.words, "\r\u{1b}[K{line}").and_then(|()| self.words.flush());
        }
    }

    /// Erases the line of progress.
    pub(crate) fn end_progress(&mut self) {
        self.progress("");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// What was written to a screen in a test.
    #[derive(Clone, Default)]
    pub(crate) struct Written(Rc<RefCell<Vec<u8>>>);

    impl Written {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.borrow().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Full(io::ErrorKind);

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        /// A screen whose data and words a test can read.
        pub(crate) fn in_memory(surface: Surface) -> (Self, Written, Written) {
            let (data, words) = (Written::default(), Written::default());
            let screen = Self { data: Box::new(data.clone()), words: Box::new(words.clone()), surface };
            (screen, data, words)
        }
    }

    #[test]
    fn a_reader_who_left_is_no_failure_and_a_full_disk_is_one() {
        let screen = |kind| Screen {
            data: Box::new(Full(kind)),
            words: Box::new(Full(kind)),
            surface: Surface { words_on_terminal: true, ..Surface::default() },
        };
        assert_eq!(screen(io::ErrorKind::BrokenPipe).data("x"), Err(Stop::ReaderGone));
        assert!(matches!(screen(io::ErrorKind::StorageFull).data("x"), Err(Stop::Failure(_))));
        screen(io::ErrorKind::BrokenPipe).say("x");
        screen(io::ErrorKind::BrokenPipe).progress("x");
    }

    #[test]
    fn progress_is_only_for_terminals() {
        let (mut screen, _, words) = Screen::in_memory(Surface::default());
        screen.progress("1");
        assert_eq!(words.text(), "");
        screen.surface.words_on_terminal = true;
        screen.progress("1");
        screen.end_progress();
        assert_eq!(words.text(), "\r\u{1b}[K1\r\u{1b}[K");
    }
}
