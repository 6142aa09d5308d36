//! The newest events, each with a number, so that a reader who was away can go on where it stopped.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use crate::view::EventView;

/// Events kept at most.
const KEPT: usize = 1024;
/// Bytes of their text that are kept at most: some 400 events. A reader who is further behind reads the list instead.
const KEPT_BYTES: usize = 256 << 10;

/// The newest events in order.
#[derive(Debug)]
pub(crate) struct Journal {
    /// The daemon's run, so that a number of an earlier run is not taken for one of this.
    run: u64,
    next: u64,
    events: VecDeque<(u64, Told)>,
    bytes: usize,
    newest: watch::Sender<u64>,
}

/// An event as it is told: its text alone takes a third of the memory of its members, and is made once for all readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// The event's name.
    pub(crate) event: Box<str>,
    /// The whole of it as JSON, without a line end.
    pub(crate) json: Arc<str>,
}

impl From<&EventView> for Told {
    fn from(event: &EventView) -> Self {
        let json = serde_json::to_string(event).unwrap_or_default();
        Self { event: event.event.as_str().into(), json: json.into() }
    }
}

/// A place in the journal, written `RUN.NUMBER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) run: u64,
    pub(crate) number: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.run, self.number)
    }
}

impl std::str::FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (run, number) = text.split_once('.').ok_or(())?;
        Ok(Self { run: run.parse().map_err(drop)?, number: number.parse().map_err(drop)? })
    }
}

/// What a reader gets next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// The event after the reader's position.
    Event(Position, Told),
    /// The reader was away for too long, or comes from an earlier run: it must read the whole list again and goes on
    /// from this position.
    Resync(Position),
    /// The reader has seen everything.
    Nothing,
}

impl Journal {
    /// An empty journal of this run.
    pub(crate) fn new(run: u64) -> Self {
        Self { run, next: 1, events: VecDeque::new(), bytes: 0, newest: watch::Sender::new(0) }
    }

    /// Adds an event and wakes the readers.
    pub(crate) fn append(&mut self, event: &EventView) {
        let told = Told::from(event);
        self.bytes += told.json.len();
        self.events.push_back((self.next, told));
        while self.events.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some((_, oldest)) = self.events.pop_front() else { break };
            self.bytes -= oldest.json.len();
        }
        self.newest.send_replace(self.next);
        self.next += 1;
    }

    /// The place after the newest event.
    pub(crate) fn end(&self) -> Position {
        Position { run: self.run, number: self.next - 1 }
    }

    /// Tells a reader when there is more.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What follows `after`.
    pub(crate) fn after(&self, after: Position) -> Next {
        if after.run != self.run || after.number >= self.next {
            return Next::Resync(self.end());
        }
        let wanted = after.number + 1;
        if wanted == self.next {
            return Next::Nothing;
        }
        let first = self.events.front().map_or(self.next, |(number, _)| *number);
        let Some(offset) = wanted.checked_sub(first) else { return Next::Resync(self.end()) };
        let found = usize::try_from(offset).ok().and_then(|offset| self.events.get(offset));
        found.map_or(Next::Nothing, |(number, event)| {
            Next::Event(Position { run: self.run, number: *number }, event.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u64) -> EventView {
        EventView { event: "up".to_owned(), time: number.to_string(), cause: None, peer: None }
    }

    #[test]
    fn a_reader_goes_on_where_it_stopped() {
        let mut journal = Journal::new(7);
        let start = journal.end();
        assert_eq!(journal.after(start), Next::Nothing);
        journal.append(&event(1));
        journal.append(&event(2));
        let Next::Event(first, _) = journal.after(start) else { panic!("no event") };
        assert_eq!(first.to_string(), "7.1");
        let Next::Event(second, told) = journal.after(first) else { panic!("no event") };
        assert_eq!((&*told.event, &*told.json), ("up", r#"{"event":"up","time":"2"}"#));
        assert_eq!(journal.after(second), Next::Nothing);
    }

    #[test]
    fn long_events_are_kept_in_smaller_number() {
        let mut journal = Journal::new(7);
        let long = EventView { time: "t".repeat(KEPT_BYTES / 4), ..event(1) };
        (0..9).for_each(|_| journal.append(&long));
        assert_eq!((journal.events.len(), journal.bytes / (KEPT_BYTES / 4)), (3, 3));
        assert_eq!(journal.after(Position { run: 7, number: 5 }), Next::Resync(journal.end()));
        assert!(matches!(journal.after(Position { run: 7, number: 6 }), Next::Event(..)));
    }

    #[test]
    fn who_was_away_too_long_starts_anew() {
        let mut journal = Journal::new(7);
        for number in 0..=KEPT as u64 {
            journal.append(&event(number));
        }
        assert_eq!(journal.after(Position { run: 7, number: 0 }), Next::Resync(journal.end()));
        assert!(matches!(journal.after(Position { run: 7, number: 1 }), Next::Event(..)));
        assert_eq!(journal.after(Position { run: 6, number: 9 }), Next::Resync(journal.end()));
        assert_eq!(journal.after(Position { run: 7, number: 99_999 }), Next::Resync(journal.end()));
    }
}
