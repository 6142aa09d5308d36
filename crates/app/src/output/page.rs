//! Labelled lines under headings, for a person who reads about one thing.

use crate::output::columns::Table;
use crate::output::style::Tone;
use crate::output::{Surface, printable};

/// Columns for the labels.
const LABEL_WIDTH: usize = 14;

/// Text that grows line by line.
#[derive(Debug)]
pub(crate) struct Page {
    text: String,
    surface: Surface,
}

impl Page {
    /// An empty page.
    pub(crate) const fn new(surface: Surface) -> Self {
        Self { text: String::new(), surface }
    }

    /// A line in a tone, after an empty one unless it is the first.
    pub(crate) fn heading(&mut self, text: &str, tone: Tone) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&tone.paint(&printable(text), self.surface.colour));
        self.text.push('\n');
    }

    /// A label and its value; nothing where the value is empty.
    pub(crate) fn entry(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            let (label, value) = (printable(label), printable(value));
            self.text.push_str(&format!("  {label:LABEL_WIDTH$} {value}\n"));
        }
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, value: &str) {
        self.text.push_str(&format!("  {}\n", printable(value)));
    }

    /// A table, indented.
    pub(crate) fn table(&mut self, table: &Table) {
        let width = self.surface.width.map(|width| width.saturating_sub(2));
        for line in table.render(width, self.surface.colour).lines() {
            self.text.push_str(&format!("  {line}\n"));
        }
    }

    /// The whole text.
    pub(crate) fn text(self) -> String {
        self.text
    }
}
