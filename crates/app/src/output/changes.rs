//! The history in all its forms.

use crate::failure::Stop;
use crate::output::columns::{Cell, Table};
use crate::output::style::Tone;
use crate::output::{Surface, csv, json, plain, printable};
use crate::view::ChangeView;

/// The columns of the comma-separated form.
const CSV: [&str; 7] = ["time", "peer", "name", "event", "cause", "address", "certificate"];

/// The changes in columns that fit the width.
pub(crate) fn changes_as_table(changes: &[ChangeView], surface: Surface) -> String {
    let mut table = Table::new(&["TIME", "PEER", "EVENT", "CAUSE", "ADDRESS"]);
    for change in changes {
        table.push(vec![
            Cell::new(&change.time),
            Cell::new(&change.name),
            Cell::toned(&change.event, tone(&change.event)),
            Cell::new(&plain(cause(&change.event, change.cause.as_deref()))),
            Cell::new(change.address.as_deref().unwrap_or("-")),
        ]);
    }
    table.render(surface.width, surface.colour)
}

/// The changes as comma-separated values with a header.
pub(crate) fn changes_as_csv(changes: &[ChangeView], on_terminal: bool) -> String {
    let mut text = csv::record(CSV);
    for ChangeView { time, peer, name, event, cause, address, certificate } in changes {
        let optional = |text: &'_ Option<String>| text.clone().unwrap_or_default();
        let fields = [time, peer, name, event].map(String::clone).into_iter();
        let fields = fields.chain([cause, address, certificate].map(optional));
        let shown = fields.map(|field| if on_terminal { printable(&field).into_owned() } else { field });
        text.push_str(&csv::record(shown.collect::<Vec<_>>().iter().map(String::as_str)));
    }
    text
}

/// The changes as a JSON array.
pub(crate) fn changes_as_json(changes: &[ChangeView], on_terminal: bool) -> Result<String, Stop> {
    json::pretty(&changes, on_terminal)
}

/// Why; a dash where nothing says so.
pub(crate) fn cause<'a>(event: &'a str, cause: Option<&'a str>) -> &'a str {
    match cause {
        Some(cause) => cause,
        // Kept without a cause; it is told with one.
        None if event == "added" => event,
        None => "-",
    }
}

fn tone(event: &str) -> Option<Tone> {
    match event {
        "up" => Some(Tone::Good),
        "suspect" | "conflict" => Some(Tone::Doubt),
        "down" => Some(Tone::Bad),
        "removed" => Some(Tone::Faint),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A change of a peer.
    pub(crate) fn change(event: &str, cause: Option<&str>, name: &str) -> ChangeView {
        ChangeView {
            time: "2026-11-23T10:00:00.000Z".to_owned(),
            peer: format!("{name}@10.0.0.1"),
            name: name.to_owned(),
            event: event.to_owned(),
            cause: cause.map(str::to_owned),
            address: Some("10.0.0.1".to_owned()),
            certificate: None,
        }
    }

    #[test]
    fn a_table_tells_what_when_and_why() {
        let changes = [change("down", Some("verdict"), "kvm-1"), change("added", None, "a\u{1b}[2J")];
        let expected = "\
TIME                      PEER        EVENT  CAUSE            ADDRESS
2026-11-23T10:00:00.000Z  kvm-1       down   heard by nobody  10.0.0.1
2026-11-23T10:00:00.000Z  a\\u{1b}[2J  added  added by hand    10.0.0.1
";
        assert_eq!(changes_as_table(&changes, Surface::default()), expected);
        let narrow = changes_as_table(&changes, Surface { width: Some(40), ..Surface::default() });
        assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
    }

    #[test]
    fn csv_has_no_formulas_and_on_a_terminal_no_controls() {
        let changes = [change("up", Some("search"), "=cmd\u{1b}")];
        let text = changes_as_csv(&changes, false);
        let record = "2026-11-23T10:00:00.000Z,\"'=cmd\u{1b}@10.0.0.1\",\"'=cmd\u{1b}\",up,search,10.0.0.1,\r\n";
        assert_eq!(text, format!("{}\r\n{record}", CSV.join(",")));
        assert!(!changes_as_csv(&changes, true).contains('\u{1b}'));
    }
}
