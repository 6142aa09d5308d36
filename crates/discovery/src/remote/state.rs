//! What a row of check results means.

use std::fmt;

use super::schedule::RemoteReport;

/// Failures in a row after which a remote peer is down. One lost connection is common on a wide-area path; the second
/// check follows two seconds later, so waiting for it costs little.
const FAILURES_UNTIL_DOWN: u32 = 2;

/// The health of a remote peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RemoteState {
    /// Not tested since the start.
    #[default]
    Unknown,
    /// Answered at the last check.
    Up,
    /// Was up, and failed once since.
    Suspect,
    /// Failed twice in a row or more.
    Down,
}

impl RemoteState {
    /// The state's name in the API and the DB.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for RemoteState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

/// A change of state, worth an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub from: RemoteState,
    /// The state now; never equal to `from`.
    pub to: RemoteState,
}

/// Turns reports into states, without a clock: whoever keeps the time of a change stamps the returned transition.
///
/// It relies on [`RemoteReport::failures_in_a_row`] and not on a count of its own, so a report that was replaced by a
/// newer one before it was read makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoteHealth {
    state: RemoteState,
}

impl RemoteHealth {
    /// Starts in a known state, such as the one a DB remembers.
    pub fn new(state: RemoteState) -> Self {
        Self { state }
    }

    /// The state now.
    pub fn state(self) -> RemoteState {
        self.state
    }

    /// Takes one report in and returns the change it makes, if any. A failure of this host itself changes nothing.
    pub fn observe(&mut self, report: &RemoteReport) -> Option<Transition> {
        let from = self.state;
        let to = match &report.outcome {
            Ok(_) => RemoteState::Up,
            Err(failure) if failure.is_local() => from,
            Err(_) if report.failures_in_a_row >= FAILURES_UNTIL_DOWN => RemoteState::Down,
            Err(_) if from == RemoteState::Up => RemoteState::Suspect,
            Err(_) => from,
        };
        self.state = to;
        (from != to).then_some(Transition { from, to })
    }
}
