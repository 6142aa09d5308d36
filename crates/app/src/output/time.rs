//! Times for people.

use std::time::{Duration, SystemTime};

/// How long ago a time of the API was, such as `3 min`; the text itself where it is no time.
pub(crate) fn ago(time: &str, now: SystemTime) -> String {
    match humantime::parse_rfc3339_weak(time) {
        // Clocks differ; nothing is shown as being in the future.
        Ok(time) => span(now.duration_since(time).unwrap_or_default()),
        Err(_) => time.to_owned(),
    }
}

/// In how long a time of the API will be, such as `3 min`, to the nearest whole one; the text itself where it is no time.
pub(crate) fn until(time: &str, now: SystemTime) -> String {
    let Ok(time) = humantime::parse_rfc3339_weak(time) else { return time.to_owned() };
    let left = time.duration_since(now).unwrap_or_default();
    // Two hours that were announced a moment ago are no "1 h".
    let half_a_unit = match left.as_secs() {
        0..60 => Duration::from_millis(500),
        60..3600 => Duration::from_secs(30),
        3600..86_400 => Duration::from_secs(1800),
        _ => Duration::from_secs(43_200),
    };
    span(left + half_a_unit)
}

/// A duration in its greatest unit.
fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100 * 86_400);
        let at = |before: u64| humantime::format_rfc3339_millis(now - Duration::from_secs(before)).to_string();
        for (before, shown) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400, "1 d")]
        {
            assert_eq!(ago(&at(before), now), shown);
        }
        assert_eq!(ago(&at(0), now - Duration::from_secs(5)), "0 s");
        assert_eq!(ago("never", now), "never");
    }

    #[test]
    fn what_is_left_is_told_to_the_nearest() {
        let now = SystemTime::UNIX_EPOCH;
        let shown = |seconds: f64| {
            let time = now + Duration::from_secs_f64(seconds);
            until(&humantime::format_rfc3339_millis(time).to_string(), now)
        };
        for (seconds, wanted) in
            [(0.0, "0 s"), (29.9, "30 s"), (59.9, "1 min"), (7199.9, "2 h"), (5000.0, "1 h"), (172_000.0, "2 d")]
        {
            assert_eq!(shown(seconds), wanted);
        }
    }
}
