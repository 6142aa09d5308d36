//! The options of `leave`.

use std::time::Duration;

use clap::Args;

/// Options of `leave`.
#[derive(Debug, Args)]
pub(crate) struct LeaveArguments {
    /// For how long, such as 30m, 2h or 1d; 30 days at most
    #[arg(long = "for", value_name = "DURATION", value_parser = absence)]
    pub(crate) duration: Duration,
    /// What for: a few words that all peers show [default: maintenance]
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// What goes after the options of `leave`.
pub(super) const EXPLANATION: &str = "\
Examples:
  kimchi-peers leave --for 2h --reason \"firmware\"
  kimchi-peers leave --for 30m && systemctl reboot

All peers show this host as away until then, and as overdue after. The daemon says goodbye and ends with status 0, and any new start \
of it ends the absence: systemd starts it again at the next boot; before that not with Restart=on-failure, and at once with \
Restart=always.";

/// Reads how long an absence takes. Never plain seconds: who forgets the unit would end the daemon for a moment.
fn absence(text: &str) -> Result<Duration, &'static str> {
    let read = humantime::parse_duration(text).map_err(|_| "give a time with its unit, such as 30m, 2h or 1d")?;
    let fits = (1..=u64::from(kimchi_peers::ABSENCE_MAX)).contains(&read.as_secs());
    fits.then_some(read).ok_or("an absence takes a second at least and 30 days at most")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_has_an_end() {
        assert_eq!(
            (absence("2h"), absence("30d")),
            (Ok(Duration::from_secs(7200)), Ok(Duration::from_secs(2_592_000)))
        );
        for text in ["2", "0.5", ""] {
            assert!(absence(text).unwrap_err().contains("with its unit"), "{text}");
        }
        for text in ["0", "500ms", "31d", "soon", "99999999999"] {
            assert!(absence(text).is_err(), "{text}");
        }
    }
}
