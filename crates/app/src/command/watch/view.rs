//! What the live view shows, and what its keys do. It knows no terminal.

use std::collections::VecDeque;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::client::Known;
use crate::output::{is_doubtful, natural, printable};
use crate::view::{EventView, PeerState, PeerView};

/// Changes of which the lines at the bottom tell.
pub(super) const NEWS_SHOWN: usize = 4;
/// Rows that a page key moves by.
const PAGE: usize = 10;
/// Longest filter in characters.
const FILTER_MAX: usize = 64;

/// In which order the rows stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// By name.
    Name,
    /// Who needs a look first.
    State,
    /// What changed last first.
    Since,
}

impl Sort {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::State => "state",
            Self::Since => "since",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Name => Self::State,
            Self::State => Self::Since,
            Self::Since => Self::Name,
        }
    }
}

/// What is on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    /// The list.
    List,
    /// The list, while a filter is typed.
    Typing,
    /// What the keys do.
    Help,
    /// One peer: escaped lines, and the first one that is shown.
    Detail(Vec<String>, usize),
}

/// What a key asks for that the view cannot do itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    /// To end.
    Quit,
    /// To read about the peer with this id.
    Read(String),
}

/// The state of the view.
#[derive(Debug)]
pub(super) struct View {
    /// Name of the daemon's host.
    pub(super) host: String,
    pub(super) known: Known,
    pub(super) sort: Sort,
    /// Only rows with this text in them, in lower case.
    pub(super) filter: String,
    pub(super) shown: Shown,
    /// What is wrong with the connection, if anything.
    pub(super) trouble: Option<&'static str>,
    /// Whether colours are wanted.
    pub(super) colour: bool,
    /// The newest changes, escaped, oldest first.
    pub(super) news: VecDeque<String>,
    /// Id of the chosen row, and where it stood last.
    chosen: Option<String>,
    place: usize,
}

impl View {
    pub(super) fn new(host: String, peers: Vec<PeerView>, colour: bool) -> Self {
        Self {
            host,
            known: Known::new(peers),
            sort: Sort::Name,
            filter: String::new(),
            shown: Shown::List,
            trouble: None,
            colour,
            news: VecDeque::new(),
            chosen: None,
            place: 0,
        }
    }

    /// Takes note of a change; `line` tells it in escaped words.
    pub(super) fn tell(&mut self, event: &EventView, line: &str) {
        self.known.apply(event);
        self.note(line);
    }

    /// Puts a line to the news.
    pub(super) fn note(&mut self, line: &str) {
        self.news.push_back(line.trim_end().to_owned());
        while self.news.len() > NEWS_SHOWN {
            self.news.pop_front();
        }
    }

    /// The rows that the filter leaves, in order.
    pub(super) fn rows(&self) -> Vec<&PeerView> {
        let mut rows: Vec<&PeerView> = self.known.peers().filter(|peer| self.takes(peer)).collect();
        let by_name =
            |one: &PeerView, other: &PeerView| natural(&one.name, &other.name).then_with(|| one.id.cmp(&other.id));
        rows.sort_by(|one, other| match self.sort {
            Sort::Name => by_name(one, other),
            Sort::State => urgency(one).cmp(&urgency(other)).then_with(|| by_name(one, other)),
            Sort::Since => other.state_since.cmp(&one.state_since).then_with(|| by_name(one, other)),
        });
        rows
    }

    /// The place of the chosen row among `rows`. Where it is gone, the one that stands in its place is chosen.
    pub(super) fn place(&self, rows: &[&PeerView]) -> usize {
        let found = self.chosen.as_ref().and_then(|id| rows.iter().position(|peer| peer.id == *id));
        found.unwrap_or(self.place).min(rows.len().saturating_sub(1))
    }

    /// Shows what was read about a peer.
    pub(super) fn show(&mut self, page: &str) {
        self.shown = Shown::Detail(page.lines().map(str::to_owned).collect(), 0);
    }

    /// Does what a key asks for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Wish {
        if key.kind == KeyEventKind::Release {
            return Wish::Nothing;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            // In this mode the terminal makes no signal of it.
            return if matches!(key.code, KeyCode::Char('c' | 'd')) { Wish::Quit } else { Wish::Nothing };
        }
        match &mut self.shown {
            Shown::List => self.press_in_list(key.code),
            Shown::Typing => self.press_while_typing(key.code),
            Shown::Help => self.close(key.code),
            Shown::Detail(lines, first) => match step(key.code) {
                Some(step) => {
                    *first = moved(*first, step, lines.len());
                    Wish::Nothing
                }
                None => self.close(key.code),
            },
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
    fn press_in_list(&mut self, code: KeyCode) -> Wish {
        if let Some(step) = step(code) {
            let rows = self.rows();
            let place = moved(self.place(&rows), step, rows.len());
            let chosen = rows.get(place).map(|peer| peer.id.clone());
            (self.place, self.chosen) = (place, chosen);
            return Wish::Nothing;
        }
        match code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('/') => self.shown = Shown::Typing,
            KeyCode::Char('?') => self.shown = Shown::Help,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Enter => {
                let rows = self.rows();
                return rows.get(self.place(&rows)).map_or(Wish::Nothing, |peer| Wish::Read(peer.id.clone()));
            }
            _ => {}
        }
        Wish::Nothing
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
    fn press_while_typing(&mut self, code: KeyCode) -> Wish {
        match code {
            KeyCode::Enter => self.shown = Shown::List,
            KeyCode::Esc => {
                self.filter.clear();
                self.shown = Shown::List;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) if self.filter.chars().count() < FILTER_MAX => {
                self.filter.extend(letter.to_lowercase());
            }
            _ => {}
        }
        Wish::Nothing
    }

    fn close(&mut self, code: KeyCode) -> Wish {
        if matches!(code, KeyCode::Char('q' | '?') | KeyCode::Esc | KeyCode::Enter) {
            self.shown = Shown::List;
        }
        Wish::Nothing
    }

    fn takes(&self, peer: &PeerView) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.filter);
        self.filter.is_empty()
            || has(&printable(&peer.name))
            || has(peer.state.as_str())
            || has(peer.trust.as_str())
            || peer.addresses.iter().any(|address| has(address))
    }
}

/// Smaller for who needs a look.
fn urgency(peer: &PeerView) -> u8 {
    match peer.state {
        PeerState::Suspect => 0,
        PeerState::Down if peer.planned.as_ref().is_some_and(|planned| !planned.overdue) => 3,
        PeerState::Down => 1,
        PeerState::Up | PeerState::Unknown if is_doubtful(peer) => 2,
        PeerState::Unknown => 4,
        PeerState::Up => 5,
    }
}

/// A move among rows or lines.
enum Step {
    By(isize),
    First,
    Last,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most keys do nothing")]
fn step(code: KeyCode) -> Option<Step> {
    let page = isize::try_from(PAGE).unwrap_or(1);
    Some(match code {
        KeyCode::Up | KeyCode::Char('k') => Step::By(-1),
        KeyCode::Down | KeyCode::Char('j') => Step::By(1),
        KeyCode::PageUp => Step::By(-page),
        KeyCode::PageDown | KeyCode::Char(' ') => Step::By(page),
        KeyCode::Home | KeyCode::Char('g') => Step::First,
        KeyCode::End | KeyCode::Char('G') => Step::Last,
        _ => return None,
    })
}

fn moved(place: usize, step: Step, count: usize) -> usize {
    let last = count.saturating_sub(1);
    match step {
        Step::By(by) => place.saturating_add_signed(by).min(last),
        Step::First => 0,
        Step::Last => last,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::client::tests::{event, peer};
    use crate::view::{CertificateState, PlannedView, Reach, Trust};

    /// Four peers: one of them is down, one suspect.
    pub(in super::super) fn view() -> View {
        let mut peers = ["kvm-10", "kvm-2", "kvm-3"].map(|name| peer(name, "10.0.0.1")).to_vec();
        peers[0].state = PeerState::Down;
        peers[0].reason = Some("lost".to_owned());
        peers[2].state = PeerState::Suspect;
        peers.push(PeerView { state_since: "2026-11-23T11:00:00.000Z".to_owned(), ..peer("a\u{1b}[2J", "10.0.0.9") });
        View::new("here".to_owned(), peers, false)
    }

    pub(in super::super) fn press(view: &mut View, codes: &[KeyCode]) -> Wish {
        codes.iter().map(|code| view.press(KeyEvent::new(*code, KeyModifiers::NONE))).last().unwrap()
    }

    fn names(view: &View) -> Vec<&str> {
        view.rows().iter().map(|peer| peer.name.as_str()).collect()
    }

    #[test]
    fn s_sorts_by_name_by_state_and_by_time() {
        let mut view = view();
        assert_eq!(names(&view), ["a\u{1b}[2J", "kvm-2", "kvm-3", "kvm-10"]);
        press(&mut view, &[KeyCode::Char('s')]);
        assert_eq!(names(&view), ["kvm-3", "kvm-10", "a\u{1b}[2J", "kvm-2"]);
        press(&mut view, &[KeyCode::Char('s')]);
        assert_eq!(names(&view)[0], "a\u{1b}[2J");
        press(&mut view, &[KeyCode::Char('s')]);
        assert_eq!(view.sort, Sort::Name);
    }

    #[test]
    fn who_is_up_and_not_as_it_should_be_stands_before_who_is_well() {
        let well = peer("a", "10.0.0.1");
        let planned = PlannedView { until: well.state_since.clone(), reason: "firmware".to_owned(), overdue: false };
        let peers = vec![
            PeerView { trust: Trust::Conflict, ..peer("conflict", "10.0.0.2") },
            PeerView { reach: Some(Reach::HearsUsNot), ..peer("one-way", "10.0.0.3") },
            PeerView { certificate_state: CertificateState::Changed, ..peer("renewed", "10.0.0.4") },
            PeerView { state: PeerState::Unknown, ..peer("unknown", "10.0.0.5") },
            PeerView { state: PeerState::Down, planned: Some(planned), ..peer("away", "10.0.0.6") },
            PeerView { state: PeerState::Down, ..peer("down", "10.0.0.7") },
            well,
        ];
        let mut view = View::new("here".to_owned(), peers, false);
        press(&mut view, &[KeyCode::Char('s')]);
        assert_eq!(names(&view), ["down", "conflict", "one-way", "renewed", "away", "unknown", "a"]);
    }

    #[test]
    fn a_filter_is_typed_and_dropped() {
        let mut view = view();
        press(&mut view, &[KeyCode::Char('/'), KeyCode::Char('S'), KeyCode::Char('q')]);
        assert_eq!((view.filter.as_str(), names(&view).len()), ("sq", 0), "q is a letter here");
        press(&mut view, &[KeyCode::Backspace, KeyCode::Char('u'), KeyCode::Enter]);
        assert_eq!((names(&view), &view.shown), (vec!["kvm-3"], &Shown::List));
        press(&mut view, &[KeyCode::Esc]);
        assert_eq!(names(&view).len(), 4);
    }

    #[test]
    fn the_choice_follows_its_row_and_falls_to_the_next_where_it_is_gone() {
        let mut view = view();
        assert_eq!(
            press(&mut view, &[KeyCode::Down, KeyCode::Char('j'), KeyCode::Enter]),
            Wish::Read("kvm-3@10.0.0.1".to_owned())
        );
        press(&mut view, &[KeyCode::Char('s')]);
        assert_eq!(view.place(&view.rows()), 0, "it stands first now");
        press(&mut view, &[KeyCode::Char('s'), KeyCode::Char('s')]);
        let mut gone = event("removed", "kvm-3");
        gone.peer.as_mut().unwrap().id = "kvm-3@10.0.0.1".to_owned();
        view.tell(&gone, "gone");
        assert_eq!(view.rows()[view.place(&view.rows())].name, "kvm-10");
        press(&mut view, &[KeyCode::Char('G'), KeyCode::Down, KeyCode::PageDown]);
        assert_eq!(view.place(&view.rows()), 2);
        press(&mut view, &[KeyCode::Home, KeyCode::Up]);
        assert_eq!(view.place(&view.rows()), 0);
    }

    #[test]
    fn an_empty_list_has_nothing_to_choose() {
        let mut view = View::new("here".to_owned(), vec![], false);
        assert_eq!(press(&mut view, &[KeyCode::Down, KeyCode::Up, KeyCode::End, KeyCode::Enter]), Wish::Nothing);
    }

    #[test]
    fn pages_are_closed_by_what_opened_them_and_q_ends_from_the_list_alone() {
        let mut view = view();
        assert_eq!(press(&mut view, &[KeyCode::Char('?'), KeyCode::Char('q')]), Wish::Nothing);
        view.show("one\ntwo\nthree");
        press(&mut view, &[KeyCode::Down, KeyCode::Down, KeyCode::Down]);
        assert!(matches!(view.shown, Shown::Detail(_, 2)));
        assert_eq!(press(&mut view, &[KeyCode::Esc, KeyCode::Char('q')]), Wish::Quit);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        view.shown = Shown::Typing;
        assert_eq!(view.press(interrupt), Wish::Quit, "always");
    }

    #[test]
    fn only_the_newest_changes_are_told() {
        let mut view = view();
        (0..9).for_each(|number| view.note(&format!("{number}  \n")));
        assert_eq!(view.news, ["5", "6", "7", "8"]);
    }
}
