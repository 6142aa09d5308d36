//! Whether the daemon runs.

use super::{Facts, Finding};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    vec![match &facts.daemon {
        Some(daemon) => Finding::ok(
            "daemon",
            format!("version {} has been running for {}", daemon.version, span(daemon.running_for)),
        ),
        None => Finding::problem("daemon", "no daemon runs on this host: it neither sees anybody nor is seen")
            .mend("systemctl enable --now kimchi-peers")
            .mend("kimchi-peers run"),
    }]
}

/// Seconds in their greatest unit.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
