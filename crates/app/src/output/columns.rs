//! Text in columns that fit the width.

use crate::output::printable;
use crate::output::printable::width_of;
use crate::output::style::Tone;

/// Blanks between two columns.
const GAP: usize = 2;
/// A column is not cut to less than this; before that the last column goes.
const WIDTH_MIN: usize = 6;

/// One cell: one line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// A cell with this text, escaped.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: printable(text).into_owned(), tone: None }
    }

    /// The same in a colour.
    pub(crate) fn toned(text: &str, tone: Option<Tone>) -> Self {
        Self { tone, ..Self::new(text) }
    }
}

/// Rows of cells under headings.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { headings: headings.iter().map(|text| (*text).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row with as many cells as there are headings.
    pub(crate) fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table as lines no wider than `width`.
    pub(crate) fn render(&self, width: Option<usize>, colour: bool) -> String {
        let widths = fit(self.natural_widths(), width);
        let heading: Vec<_> = self.headings.iter().map(|text| Cell::toned(text, Some(Tone::Heading))).collect();
        let mut text = String::new();
        for row in std::iter::once(&heading).chain(&self.rows) {
            write_row(&mut text, row, &widths, colour);
        }
        text
    }

    fn natural_widths(&self) -> Vec<usize> {
        let widest =
            |index: usize| self.rows.iter().filter_map(|row| row.get(index)).map(|cell| width(&cell.text)).max();
        self.headings.iter().enumerate().map(|(index, text)| text.len().max(widest(index).unwrap_or(0))).collect()
    }
}

/// Makes the widest columns narrower until all fit; where that is not enough, the last columns go.
fn fit(mut widths: Vec<usize>, limit: Option<usize>) -> Vec<usize> {
    let Some(limit) = limit else { return widths };
    loop {
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let Some(excess) = total.checked_sub(limit).filter(|excess| *excess > 0) else { return widths };
        let count = widths.len();
        match widths.iter_mut().max() {
            Some(widest) if *widest > WIDTH_MIN => *widest -= 1,
            Some(only) if count == 1 => {
                *only = only.saturating_sub(excess);
                return widths;
            }
            Some(_) => drop(widths.pop()),
            None => return widths,
        }
    }
}

fn write_row(text: &mut String, row: &[Cell], widths: &[usize], colour: bool) {
    let start = text.len();
    let last = widths.len().saturating_sub(1);
    for (index, (cell, width_given)) in row.iter().zip(widths).enumerate() {
        let shown = cut(&cell.text, *width_given);
        let padding = if index == last { 0 } else { width_given.saturating_sub(width(&shown)) + GAP };
        text.push_str(&cell.tone.map_or_else(|| shown.clone(), |tone| tone.paint(&shown, colour)));
        text.extend(std::iter::repeat_n(' ', padding));
    }
    let used = text.trim_end_matches(' ').len().max(start);
    text.truncate(used);
    text.push('\n');
}

fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// The text, or as much of it as fits with an ellipsis after it.
fn cut(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut left = limit.saturating_sub(1);
    for character in text.chars() {
        let Some(rest) = left.checked_sub(width_of(character)) else { break };
        left = rest;
        shown.push(character);
    }
    if limit > 0 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "STATE", "URL"]);
        table.push(vec![Cell::new("kvm-1"), Cell::toned("up", Some(Tone::Good)), Cell::new("https://10.0.0.1:8001")]);
        table.push(vec![Cell::new("宿主"), Cell::new("down"), Cell::new("")]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let expected = "NAME   STATE  URL\nkvm-1  up     https://10.0.0.1:8001\n宿主   down\n";
        assert_eq!(table().render(None, false), expected);
        assert_eq!(table().render(Some(35), false), expected);
    }

    #[test]
    fn the_widest_column_is_cut_first() {
        let expected = "NAME   STATE  URL\nkvm-1  up     https://1…\n宿主   down\n";
        assert_eq!(table().render(Some(24), false), expected);
    }

    #[test]
    fn no_line_is_ever_wider_than_the_screen() {
        let mut table = table();
        table.push(vec![Cell::new("a\u{1b}[2J\u{202e}"), Cell::new(&"宿".repeat(30)), Cell::new(&"x".repeat(300))]);
        for limit in 1..120 {
            let text = table.render(Some(limit), false);
            assert!(text.lines().all(|line| width(line) <= limit), "{limit}: {text}");
            assert_eq!(text.lines().count(), 4);
        }
    }

    #[test]
    fn colours_take_no_room() {
        let plain = table().render(Some(24), false);
        let coloured = table().render(Some(24), true);
        assert!(coloured.contains("\u{1b}[32mup\u{1b}[0m     https"));
        let stripped =
            ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[32m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
    }
}
