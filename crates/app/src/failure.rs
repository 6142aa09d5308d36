//! How a command ends that did not do what it was asked for.

/// The command failed.
pub(crate) const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
pub(crate) const USAGE: u8 = 2;
/// No daemon could be reached.
pub(crate) const NO_DAEMON: u8 = 3;
/// No peer fits what was given.
pub(crate) const NO_SUCH_PEER: u8 = 4;

/// Why a command failed, for the person who gave it. Its texts are safe to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit status.
    pub(crate) status: u8,
    /// What went wrong, one sentence; below it a line for each of those that it speaks of, where there are several.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// A failure with the general exit status and no hint.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { status: FAILED, message: message.into(), hint: None }
    }

    /// The same failure with what to do about it.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Why a command stops before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Whoever read the output has enough, as `head` does after ten lines. That is no failure.
    ReaderGone,
    /// It failed.
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The end of a command as `main` reports it.
pub(crate) fn finish(result: Result<(), Stop>) -> Result<(), Failure> {
    match result {
        Ok(()) | Err(Stop::ReaderGone) => Ok(()),
        Err(Stop::Failure(failure)) => Err(failure),
    }
}
