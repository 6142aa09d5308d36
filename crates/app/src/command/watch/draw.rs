//! Draws the live view. Every text from outside is escaped here, or was before it came into the view.

use std::time::SystemTime;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};

use super::view::{NEWS_SHOWN, Shown, View};
use crate::output::{Tone, ago, printable, state_tone, state_words};
use crate::view::{PeerState, PeerView};

/// Below this width only name, state and time are shown.
const WIDTH_OF_ALL: u16 = 72;
/// Below this height the news are left out.
const HEIGHT_OF_ALL: u16 = 12;

const KEYS: &str = "q quit  / filter  s sort  Enter detail  ? help";
const NOBODY: &str = "no peers yet; if one should be here, ask `kimchi-peers doctor` on both hosts";
const HELP: [&str; 10] = [
    "up down k j       move",
    "PgUp PgDn g G     a page, to the first, to the last",
    "Enter             read about the chosen peer; Esc goes back",
    "/                 show only what has a text in its name, address, state or trust; Esc shows all",
    "s                 sort by name, by state (who needs a look first), by time",
    "q or Ctrl-C       quit",
    "",
    "Without a terminal, and with -o json, `watch` prints a line for each change.",
    "",
    "Press ? again to go back.",
];

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View, now: SystemTime) {
    // A page to read gets all the room there is.
    let is_page = matches!(view.shown, Shown::Help | Shown::Detail(..));
    let news = if is_page || frame.area().height < HEIGHT_OF_ALL { 0 } else { NEWS_SHOWN as u16 };
    let heights = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(news), Constraint::Length(1)];
    let [head, body, told, foot] = Layout::vertical(heights).areas(frame.area());
    frame.render_widget(Paragraph::new(headline(view)), head);
    match &view.shown {
        Shown::List | Shown::Typing => draw_list(frame, body, view, now),
        Shown::Help => frame.render_widget(wrapped(HELP.map(Line::raw).to_vec()), body),
        Shown::Detail(lines, first) => {
            let lines: Vec<Line<'_>> = lines.iter().skip(*first).map(|line| Line::raw(line.as_str())).collect();
            frame.render_widget(wrapped(lines), body);
        }
    }
    let faint = style(Some(Tone::Faint), view.colour);
    let lines: Vec<Line<'_>> = view.news.iter().map(|line| Line::styled(line.as_str(), faint)).collect();
    frame.render_widget(Paragraph::new(lines), told);
    frame.render_widget(Paragraph::new(footline(view)), foot);
}

/// Text to read: what has no room in a line goes on in the next one.
fn wrapped(lines: Vec<Line<'_>>) -> Paragraph<'_> {
    Paragraph::new(lines).wrap(Wrap { trim: false })
}

fn headline(view: &View) -> Line<'static> {
    let count = |state: PeerState| view.known.peers().filter(|peer| peer.state == state).count();
    let mut text = format!("{}: {} up", printable(&view.host), count(PeerState::Up));
    for (state, word) in [(PeerState::Suspect, "suspect"), (PeerState::Down, "down"), (PeerState::Unknown, "unknown")] {
        match count(state) {
            0 => {}
            count => text.push_str(&format!(", {count} {word}")),
        }
    }
    text.push_str(&format!("  sorted by {}", view.sort.as_str()));
    let mut spans = vec![Span::styled(text, style(Some(Tone::Heading), view.colour))];
    if let Some(trouble) = view.trouble {
        spans.push(Span::styled(format!("  {trouble}"), style(Some(Tone::Bad), view.colour)));
    }
    Line::from(spans)
}

fn footline(view: &View) -> Line<'static> {
    let filter = printable(&view.filter);
    match view.shown {
        Shown::Typing => Line::raw(format!("/{filter}_  Enter keeps it, Esc drops it")),
        Shown::Detail(..) => Line::raw("Esc back  up down scroll"),
        Shown::List | Shown::Help if view.filter.is_empty() => Line::raw(KEYS),
        Shown::List | Shown::Help => Line::raw(format!("only with \"{filter}\": Esc shows all  {KEYS}")),
    }
}

fn draw_list(frame: &mut Frame<'_>, area: Rect, view: &View, now: SystemTime) {
    let rows = view.rows();
    if rows.is_empty() {
        let words = if view.filter.is_empty() { NOBODY } else { "no peer fits the filter" };
        return frame.render_widget(wrapped(vec![Line::raw(words)]), area);
    }
    // Only what is seen is drawn: a large network has thousands of rows.
    let seen = usize::from(area.height.saturating_sub(1)).max(1);
    let place = view.place(&rows);
    let first =
        (place + 1).saturating_sub(seen).max(place.saturating_sub(seen / 2)).min(rows.len().saturating_sub(seen));
    let all = area.width >= WIDTH_OF_ALL;
    let lines = rows.iter().enumerate().skip(first).take(seen).map(|(index, peer)| {
        let row = Row::new(cells(peer, all, view.colour, now));
        if index == place { row.style(Style::new().add_modifier(Modifier::REVERSED)) } else { row }
    });
    let (headings, widths) = columns(all);
    let heading = Row::new(headings).style(style(Some(Tone::Heading), view.colour));
    frame.render_widget(Table::new(lines, widths).column_spacing(2).header(heading), area);
}

fn columns(all: bool) -> (Vec<&'static str>, Vec<Constraint>) {
    if all {
        let widths = [Constraint::Fill(3), Constraint::Fill(4), Constraint::Fill(3)];
        let fixed = [10, 8, 7].map(Constraint::Length);
        (vec!["NAME", "STATE", "ADDRESS", "TRUST", "RTT", "SINCE"], widths.into_iter().chain(fixed).collect())
    } else {
        (vec!["NAME", "STATE", "SINCE"], vec![Constraint::Fill(3), Constraint::Fill(4), Constraint::Length(7)])
    }
}

fn cells(peer: &PeerView, all: bool, colour: bool, now: SystemTime) -> Vec<Cell<'static>> {
    let text = |text: &str| Cell::new(printable(text).into_owned());
    let name = text(&peer.name);
    let state = text(&state_words(peer, now)).style(style(Some(state_tone(peer)), colour));
    let since = text(&ago(&peer.state_since, now));
    if !all {
        return vec![name, state, since];
    }
    let address = text(peer.addresses.first().map_or("-", String::as_str));
    let trip = text(&peer.rtt_ms.map_or_else(|| "-".to_owned(), |time| format!("{time:.1} ms")));
    vec![name, state, address, text(peer.trust.as_str()), trip, since]
}

/// A tone on this terminal; without colours what is left of it is weight.
fn style(tone: Option<Tone>, colour: bool) -> Style {
    let coloured = |color: Color| if colour { Style::new().fg(color) } else { Style::new() };
    match tone {
        Some(Tone::Good) => coloured(Color::Green),
        Some(Tone::Doubt) => coloured(Color::Yellow),
        Some(Tone::Bad) => coloured(Color::Red),
        Some(Tone::Faint) => Style::new().add_modifier(Modifier::DIM),
        Some(Tone::Heading) => Style::new().add_modifier(Modifier::BOLD),
        None => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::tests::{press, view};
    use super::*;
    use crate::client::tests::peer;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use ratatui::crossterm::event::KeyCode;
    use std::time::Duration;

    fn drawn(view: &View, width: u16, height: u16) -> Buffer {
        let now = humantime::parse_rfc3339("2026-11-23T12:00:00Z").unwrap() + Duration::from_secs(5);
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view, now)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn lines(buffer: &Buffer) -> Vec<String> {
        let width = usize::from(buffer.area.width);
        let symbols: Vec<&str> = buffer.content.iter().map(|cell| cell.symbol()).collect();
        symbols.chunks(width).map(|line| line.concat().trim_end().to_owned()).collect()
    }

    #[test]
    fn the_list_shows_states_in_words_and_the_keys() {
        let mut view = view();
        view.note("10:00  up  kvm-2");
        let text = lines(&drawn(&view, 100, 14));
        assert_eq!(text[0], "here: 2 up, 1 suspect, 1 down  sorted by name");
        assert!(text[1].starts_with("NAME  ") && text[1].ends_with("SINCE"), "{text:#?}");
        assert!(
            text[2].starts_with("a\\u{1b}[2J  ") && text[2].contains("  up  ") && text[2].ends_with("1 h"),
            "{text:#?}"
        );
        assert!(text[5].starts_with("kvm-10  ") && text[5].contains("down, did not answer"), "{text:#?}");
        assert_eq!((text[9].as_str(), text[13].as_str()), ("10:00  up  kvm-2", KEYS));
    }

    #[test]
    fn no_size_is_too_small_and_a_narrow_one_shows_what_matters() {
        let mut view = view();
        for shown in [KeyCode::Char('/'), KeyCode::Esc, KeyCode::Char('?')] {
            press(&mut view, &[shown]);
            for (width, height) in [(1, 1), (2, 2), (5, 3), (40, 6), (71, 11), (300, 80)] {
                drawn(&view, width, height);
            }
        }
        press(&mut view, &[KeyCode::Char('?')]);
        let text = lines(&drawn(&view, 40, 8));
        assert!(text[1].starts_with("NAME") && text[1].contains("STATE") && !text[1].contains("TRUST"), "{text:#?}");
        assert!(text[2].ends_with("1 h"), "{text:#?}");
    }

    #[test]
    fn the_chosen_row_is_marked_and_stays_in_sight() {
        let mut view =
            View::new("here".to_owned(), (0..500).map(|n| peer(&format!("kvm-{n}"), "10.0.0.1")).collect(), false);
        press(&mut view, &[KeyCode::End]);
        let buffer = drawn(&view, 80, 20);
        let marked: Vec<String> = (0..20)
            .filter(|line| buffer[(0, *line)].modifier.contains(Modifier::REVERSED))
            .map(|line| lines(&buffer)[usize::from(line)].clone())
            .collect();
        assert!(marked.len() == 1 && marked[0].starts_with("kvm-499 "), "{marked:?}");
        press(&mut view, &[KeyCode::Home]);
        assert!(lines(&drawn(&view, 80, 20))[2].starts_with("kvm-0 "));
    }

    #[test]
    fn colours_are_used_only_where_they_are_wanted() {
        let colours = |colour: bool| {
            let mut view = view();
            view.colour = colour;
            drawn(&view, 100, 14).content.iter().filter(|cell| cell.fg != Color::Reset).count()
        };
        assert_eq!(colours(false), 0);
        assert!(colours(true) > 0);
    }

    #[test]
    fn nothing_that_a_peer_says_reaches_the_terminal_raw() {
        use crate::output::is_dangerous;
        let hostile = "\u{1b}[2J\u{9b}31m\u{202e}\r\n\u{7}x";
        let mut peer = peer(hostile, "10.0.0.1");
        (peer.addresses, peer.state_since) = (vec![hostile.to_owned()], hostile.to_owned());
        (peer.state, peer.reason) = (PeerState::Down, Some(hostile.to_owned()));
        let mut view = View::new(hostile.to_owned(), vec![peer], true);
        view.filter = "\u{7}".to_owned();
        for filter in [String::new(), "\u{7}\u{202e}".to_owned()] {
            view.filter = filter;
            for cell in &drawn(&view, 200, 14).content {
                let raw = cell.symbol().chars().find(|letter| is_dangerous(u32::from(*letter), *letter));
                assert_eq!(raw, None);
            }
        }
    }

    #[test]
    fn a_detail_scrolls_and_help_names_every_key() {
        let mut view = view();
        view.show("kvm-1: up\n  url  https://10.0.0.1:8001\n  last");
        assert_eq!(lines(&drawn(&view, 60, 14))[1], "kvm-1: up");
        press(&mut view, &[KeyCode::Down]);
        assert_eq!(lines(&drawn(&view, 60, 14))[1], "  url  https://10.0.0.1:8001");
        press(&mut view, &[KeyCode::Esc, KeyCode::Char('?')]);
        let help = lines(&drawn(&view, 100, 20)).join("\n");
        for key in ["k j", "Enter", "/  ", "s  ", "q or Ctrl-C"] {
            assert!(help.contains(key), "{key}");
        }
    }
}
