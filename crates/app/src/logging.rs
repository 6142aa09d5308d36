//! Log lines on stderr. Under systemd each begins with its syslog priority, which the journal takes off.

use std::fmt;
use std::sync::OnceLock;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

use crate::settings::LogLevel;

type Handle = reload::Handle<Targets, Registry>;

/// The switch that a reload turns.
static HANDLE: OnceLock<Handle> = OnceLock::new();

/// Begins to log at `level`.
pub(crate) fn start(level: LevelFilter) {
    let (filter, handle) = reload::Layer::new(targets(level));
    let for_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).event_format(Lines { for_journal });
    // A second start in one process keeps the first one's subscriber.
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _ = HANDLE.set(handle);
    }
}

/// Logs at `level` from now on.
pub(crate) fn change(level: LevelFilter) {
    if let Some(handle) = HANDLE.get() {
        // Fails only where the subscriber is gone.
        let _ = handle.reload(targets(level));
    }
}

/// Our own lines at `level`; what libraries say only where it is a warning.
fn targets(level: LevelFilter) -> Targets {
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_target("kimchi_peers", level)
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

struct Lines {
    for_journal: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = *event.metadata().level();
        if self.for_journal {
            write!(out, "<{}>", priority(level))?;
        } else {
            let time = humantime::format_rfc3339_millis(std::time::SystemTime::now());
            write!(out, "{time} {level:>5} ")?;
        }
        if let Some(span) = context.lookup_current()
            && let Some(fields) = span.extensions().get::<FormattedFields<N>>()
            && !fields.is_empty()
        {
            write!(out, "{fields}: ")?;
        }
        context.format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

/// The priority of syslog (RFC 5424 section 6.2.1).
const fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
