//! The named timers of one link: an enum and a table, no heap.

use crate::time::Instant;

/// Why the engine wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A link is due for its next search.
    Search,
    /// Somebody asked, and the random delay of the answer ends.
    Answer,
    /// This host is the elected one to answer a search, or those before it did not.
    Elected,
    /// A page of another's table did not come in time.
    Pull,
    /// The next page of the table is to go to the group.
    Page,
    /// Another's table differed from this host's a while ago.
    Repair,
    /// This host changed, or has to contradict, and says so again.
    Announce,
    /// A heartbeat is due.
    Heartbeat,
    /// The next copy of the goodbye is due.
    Goodbye,
    /// The neighbours in the ring are to be looked at, or one that is missed.
    Watch,
    /// The next host is to be asked for its round trip.
    Measure,
    /// A peer's lifetime, a directed search or the memory of a dead peer ends.
    Check,
}

impl Timer {
    pub(crate) fn is_any(self) -> bool {
        true
    }

    /// Whether it does not wait for what came in and is not read yet. An answer to all does: another's may be among it.
    pub(crate) fn is_urgent(self) -> bool {
        !matches!(self, Self::Search | Self::Answer | Self::Elected | Self::Pull | Self::Page | Self::Repair)
    }

    /// The timer's name for traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Answer => "answer",
            Self::Elected => "elected",
            Self::Pull => "pull",
            Self::Page => "page",
            Self::Repair => "repair",
            Self::Announce => "announce",
            Self::Heartbeat => "heartbeat",
            Self::Goodbye => "goodbye",
            Self::Watch => "watch",
            Self::Measure => "measure",
            Self::Check => "check",
        }
    }
}

/// The timers that each link has for itself.
const LINK_TIMERS: [Timer; 11] = [
    Timer::Search,
    Timer::Answer,
    Timer::Elected,
    Timer::Pull,
    Timer::Page,
    Timer::Repair,
    Timer::Announce,
    Timer::Heartbeat,
    Timer::Goodbye,
    Timer::Watch,
    Timer::Measure,
];

/// When each timer of one link fires.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timers {
    at: [Option<Instant>; LINK_TIMERS.len()],
}

impl Timers {
    fn slot(&mut self, timer: Timer) -> Option<&mut Option<Instant>> {
        LINK_TIMERS.iter().position(|named| *named == timer).and_then(|index| self.at.get_mut(index))
    }

    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.slot(timer) {
            *slot = Some(at);
        }
    }

    /// Sets the timer unless it would fire earlier anyway.
    pub(crate) fn set_earlier(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.slot(timer) {
            *slot = Some(slot.map_or(at, |before| before.min(at)));
        }
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(slot) = self.slot(timer) {
            *slot = None;
        }
    }

    /// When the timer fires.
    pub(crate) fn at(&self, timer: Timer) -> Option<Instant> {
        LINK_TIMERS.iter().position(|named| *named == timer).and_then(|index| self.at.get(index).copied().flatten())
    }

    /// The timer that fires first.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        self.next_of(Timer::is_any)
    }

    /// The one of some timers that fires first.
    pub(crate) fn next_of(&self, which: fn(Timer) -> bool) -> Option<(Instant, Timer)> {
        let set = self.at.iter().zip(LINK_TIMERS).filter_map(|(at, timer)| at.map(|at| (at, timer)));
        set.filter(|(_, timer)| which(*timer)).min()
    }
}
