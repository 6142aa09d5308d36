//! What the daemon remembers: the history, and when peers were there.

use serde_json::Value;

use super::inside;
use super::support::{BasePeer, Daemon, LONG, Setup};
use super::wait::until;

const ID: &str = "kvm-2@127.0.0.2";

fn events(daemon: &Daemon) -> Vec<String> {
    let changes = daemon.json(&format!("/v1/history?peer={ID}"));
    changes.as_array().unwrap().iter().map(|change| change["event"].as_str().unwrap().to_owned()).collect()
}

fn day(daemon: &Daemon) -> Value {
    daemon.json(&format!("/v1/availability?window=24h&peer={ID}"))["peers"][0].clone()
}

#[test]
fn what_happened_is_told_over_a_restart() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let mut peer = BasePeer::known("kvm-2", 2, &daemon);
        // A base peer is kept once it was heard for ten seconds.
        until(LONG, "the first entry", || events(&daemon) == ["up"]);
        peer.quit();
        until(LONG, "the second entry", || events(&daemon) == ["down", "up"]);
        let row = day(&daemon);
        assert_eq!((&row["name"], &row["flaps"]), (&"kvm-2".into(), &1.into()), "{row}");
        let share = row["availability"].as_f64().unwrap();
        assert!(share > 0.0 && share <= 1.0, "{row}");
        assert!(row["slices"].as_str().unwrap().trim_start_matches('-').starts_with(['p', 'u']), "{row}");
        let table = daemon.say(&["history", "kvm-2", "--since", "1h"]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("TIME") && lines[1].contains("  kvm-2  down   said goodbye"), "{table}");
        assert!(daemon.say(&["show", "kvm-2"]).contains("\n  availability   "));
        let csv = daemon.say(&["history", "-o", "csv", "--limit", "1"]);
        assert!(csv.lines().nth(1).unwrap().contains(",kvm-2@127.0.0.2,kvm-2,down,quit,127.0.0.2,"), "{csv}");
        // What it found out by itself is written within a second or so.
        until(LONG, "all is written", || daemon.json("/v1/status")["store"]["pending"] == 0);
        drop(daemon);
        // Killed, and started again: it remembers.
        let daemon = Setup::new("subject").start();
        until(LONG, "the history of the last run", || events(&daemon) == ["down", "up"]);
        assert_eq!(day(&daemon)["flaps"], 1);
    });
}
