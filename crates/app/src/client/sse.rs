//! Reading `text/event-stream` (WHATWG HTML section 9.2), in whatever pieces it comes.

/// Longest event that is kept; a greater one is dropped, and the stream goes on after it.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// One event of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerEvent {
    /// Its name; `message` where it has none.
    pub(crate) name: String,
    /// Its text, several lines joined.
    pub(crate) data: String,
}

/// The reader's place in the stream.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_carriage_return: bool,
    started: bool,
    oversized: bool,
    name: String,
    data: Option<String>,
    id: Option<String>,
    last_id: Option<String>,
}

impl Parser {
    /// The id of the newest event that came in whole: where to go on after a break.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Starts over on a new connection, knowing where the old one ended.
    pub(crate) fn restart(&mut self) {
        *self = Self { last_id: self.last_id.take(), ..Self::default() };
    }

    /// Takes the next piece and gives the events that it completed.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<ServerEvent> {
        let mut events = Vec::new();
        for byte in piece {
            match byte {
                // A line ends with CR, LF or both.
                b'\n' if std::mem::take(&mut self.after_carriage_return) => {}
                b'\n' | b'\r' => {
                    self.after_carriage_return = *byte == b'\r';
                    events.extend(self.end_line());
                }
                _ => {
                    self.after_carriage_return = false;
                    if self.line.len() < EVENT_BYTES_MAX { self.line.push(*byte) } else { self.oversized = true }
                }
            }
        }
        events
    }

    fn end_line(&mut self) -> Option<ServerEvent> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let first = !std::mem::replace(&mut self.started, true);
        let line = if first { line.strip_prefix('\u{feff}').unwrap_or(&line) } else { &line };
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.add_data(value),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments keep the connection alive; other fields are of no use here.
            _ => {}
        }
        None
    }

    fn add_data(&mut self, value: &str) {
        let known = self.data.as_ref().map_or(0, String::len);
        if known + value.len() > EVENT_BYTES_MAX {
            self.oversized = true;
            return;
        }
        match &mut self.data {
            None => self.data = Some(value.to_owned()),
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
        }
    }

    fn end_event(&mut self) -> Option<ServerEvent> {
        // Only now: an event of which the end got lost must come again.
        if let Some(id) = self.id.take() {
            self.last_id = Some(id).filter(|id| !id.is_empty());
        }
        let name = std::mem::take(&mut self.name);
        let data = self.data.take();
        if std::mem::take(&mut self.oversized) {
            return None;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        data.map(|data| ServerEvent { name, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str, data: &str) -> ServerEvent {
        ServerEvent { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn events_end_with_an_empty_line() {
        let mut parser = Parser::default();
        assert!(parser.push(b"id: 7.1\nevent: up\ndata: {}\n").is_empty());
        assert_eq!(parser.last_id(), None, "its end may get lost");
        assert_eq!(parser.push(b"\n"), [event("up", "{}")]);
        assert_eq!(parser.last_id(), Some("7.1"));
    }

    #[test]
    fn the_forms_of_the_standard_are_read() {
        let mut parser = Parser::default();
        let text = "\u{feff}: heartbeat\r\n\r\ndata:a\rdata: b\ndata\n\nevent: none\n\ndata:  c\nretry: 9\nid\n\n";
        assert_eq!(parser.push(text.as_bytes()), [event("message", "a\nb\n"), event("message", " c")]);
        assert_eq!(parser.last_id(), None, "an empty id clears it");
    }

    #[test]
    fn a_break_drops_the_half_event_and_keeps_the_place() {
        let mut parser = Parser::default();
        parser.push(b"id: 1\ndata: a\n\nid: 2\ndata: b\n");
        parser.restart();
        assert_eq!(parser.last_id(), Some("1"));
        assert_eq!(parser.push(b"data: c\n\n"), [event("message", "c")]);
    }

    #[test]
    fn an_endless_event_does_not_fill_the_memory() {
        let mut parser = Parser::default();
        let mut text = b"data: ".to_vec();
        text.resize(3 * EVENT_BYTES_MAX, b'x');
        parser.push(&text);
        assert!(parser.line.capacity() <= 2 * EVENT_BYTES_MAX);
        assert_eq!(parser.push(b"\n\ndata: y\n\n"), [event("message", "y")]);
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_makes_no_difference(
            text in "(id: [0-9]|event: [a-c]|data: [a-zé]{0,3}|:|\r|\n|\r\n|\n\n){0,40}",
            cuts in proptest::collection::vec(0_usize..200, 0..12),
        ) {
            let bytes = text.as_bytes();
            let mut whole = Parser::default();
            let expected = whole.push(bytes);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            let events: Vec<_> = pieces.flat_map(|piece| parser.push(piece)).collect();
            prop_assert_eq!(events, expected);
            prop_assert_eq!(parser.last_id(), whole.last_id());
        }
    }
}
