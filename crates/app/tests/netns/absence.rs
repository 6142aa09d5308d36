//! A host that announces its absence: what its administrator sees, and what the others show.

use serde_json::Value;

use super::daemon::{Daemon, wait_all_listed};
use super::inside;
use super::lan::Lan;
use super::wait::{seconds, until};

fn row(daemon: &Daemon<'_>, name: &str) -> Value {
    let rows: Vec<Value> = serde_json::from_str(&daemon.fetch("/v1/peers")).expect("JSON");
    rows.into_iter().find(|row| row["name"] == name).expect("a row")
}

#[test]
fn an_announced_absence_is_shown_kept_overdue_and_over_with_the_return() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let mut daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let name = hosts[1].name();
        let mark = daemons[0].mark();
        // Nothing is kept of a host before it answered, or was heard for ten seconds.
        until(seconds(60), "the history begins", || daemons[0].say(&["history", "-o", "csv"]).lines().count() > 1);
        let mut leaver = daemons.pop().expect("the second");
        let output = leaver.cli(&["leave", "--for", "1h", "--reason", "new firmware, <2>"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains("(in 1 h), new firmware, <2>"), "{said}");
        assert!(said.ends_with("the daemon has ended; start it again to end the absence\n"), "{said}");
        let status = leaver.wait_end();
        assert!(status.success(), "it ends with status 0, so that no service manager takes it for a failure: {status}");
        let event = daemons[0].wait_event(seconds(5), mark, "down", name);
        assert_eq!(event.cause.as_deref(), Some("planned"));
        let check = |daemon: &Daemon<'_>| {
            let row = row(daemon, name);
            assert_eq!((&row["state"], &row["reason"]), (&"down".into(), &"left".into()), "{row}");
            let planned = &row["planned"];
            assert_eq!(
                (&planned["reason"], &planned["overdue"]),
                (&"new firmware, <2>".into(), &false.into()),
                "{row}"
            );
            assert!(daemon.say(&["list", "--all"]).contains("down, back in "));
            let about = daemon.say(&["doctor", name]);
            assert!(about.contains("  ok       peer host-1-2: it is away as announced, back by "), "{about}");
            let day: Value = serde_json::from_str(&daemon.fetch("/v1/availability?window=24h")).expect("JSON");
            assert_eq!(
                (&day["peers"][0]["flaps"], &day["peers"][0]["availability"]),
                (&0.into(), &1.0.into()),
                "{day}"
            );
        };
        check(&daemons[0]);
        // It outlives the daemon that heard it.
        assert!(daemons.remove(0).terminate().success());
        let daemon = Daemon::start(&hosts[0]);
        check(&daemon);
        let back = Daemon::start(&hosts[1]);
        daemon.wait_names(seconds(20), &[name]);
        assert!(row(&daemon, name).get("planned").is_none());
        // And once more, for a moment only.
        let mark = daemon.mark();
        back.say(&["leave", "--for", "1s"]);
        let overdue = |event: &super::daemon::Event| event.cause.as_deref() == Some("overdue");
        until(seconds(20), "it is overdue", || daemon.events_since(mark).iter().any(overdue));
        let row = row(&daemon, name);
        assert_eq!(
            (&row["planned"]["overdue"], &row["planned"]["reason"]),
            (&true.into(), &"maintenance".into()),
            "{row}"
        );
        assert!(daemon.say(&["show", name]).contains(": down, overdue by "));
        let about = daemon.cli(&["doctor", name]);
        let said = String::from_utf8_lossy(&about.stdout);
        assert!(about.status.code() == Some(1) && said.contains("it is overdue by "), "{said}");
        assert!(daemon.say(&["history", name]).contains("  changed  not back as announced"));
    });
}
