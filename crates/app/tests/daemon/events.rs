//! Server-sent events: in order, once each, and none lost by a reader who comes back.

use super::inside;
use super::stream::{Reader, Sent};
use super::support::{BasePeer, Daemon, LONG};
use super::wait::until;

/// A name that only stands for "all that was done is seen".
fn add_and_remove(daemon: &Daemon, numbers: std::ops::Range<u32>) {
    for number in numbers {
        daemon.add(&format!("kvm{number}.invalid"));
        let removed = daemon.socket("DELETE", &format!("/v1/peers/kvm{number}.invalid:8001")).send();
        assert_eq!(removed.status, 204);
    }
}

/// What is said of added peers; what the checks find in between depends on timing.
fn by_hand(events: &[Sent]) -> Vec<String> {
    events.iter().filter(|sent| sent.data["event"] == "changed" || sent.event == "removed").map(Sent::words).collect()
}

#[test]
fn events_come_in_order_with_ids_that_grow() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let reader = Reader::open(&daemon, None);
        let ready = reader.wait("ready", |sent| sent.event == "ready");
        assert_eq!(reader.all().first(), Some(&ready));
        let mut peer = BasePeer::known("kvm-1", 2, &daemon);
        daemon.add("kvm9.invalid");
        daemon.say(&["remove", "kvm9.invalid"]);
        peer.quit();
        reader.wait_about("down", "kvm-1");
        let all: Vec<Sent> = reader.all().into_iter().filter(|sent| !sent.comment).collect();
        let position =
            |words: &str| all.iter().position(|sent| sent.words() == words).unwrap_or_else(|| panic!("{words}"));
        let order = ["ready ", "up kvm-1", "changed kvm9.invalid", "removed kvm9.invalid", "down kvm-1"].map(position);
        assert!(order.is_sorted(), "{all:?}");
        for pair in all.windows(2) {
            let [(run, number), (next_run, next)] = [&pair[0], &pair[1]].map(Sent::place);
            assert_eq!((next_run, next), (run, number + 1), "{all:?}");
        }
    });
}

#[test]
fn who_comes_back_misses_nothing_and_gets_nothing_twice() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let whole = Reader::open(&daemon, None);
        let first = Reader::open(&daemon, None);
        add_and_remove(&daemon, 0..10);
        let last = first.wait_about("removed", "kvm4.invalid");
        drop(first);
        add_and_remove(&daemon, 10..100);
        let second = Reader::open(&daemon, Some(&last.id));
        add_and_remove(&daemon, 100..110);
        let end = whole.wait_about("removed", "kvm109.invalid");
        second.wait_about("removed", "kvm109.invalid");
        let until_end = |events: Vec<Sent>| -> Vec<Sent> {
            events.into_iter().filter(|sent| !sent.comment && sent.place() <= end.place()).collect()
        };
        let whole = until_end(whole.all());
        assert_eq!(by_hand(&whole).len(), 220);
        let after: Vec<Sent> = whole.into_iter().filter(|sent| sent.place() > last.place()).collect();
        assert_eq!(until_end(second.all()), after);
    });
}

#[test]
fn an_unknown_place_is_answered_with_resync() {
    inside(|| {
        let mut daemon = Daemon::start("subject");
        let earlier = Reader::open(&daemon, None).wait("ready", |sent| sent.event == "ready").id;
        daemon.running.terminate();
        // The run's number is at least the time in seconds; the next run has a greater one in any case.
        let daemon = daemon.setup.start();
        for id in [earlier.as_str(), "0.0", "1.99999999999999999999999", "nonsense", "-1.-1", "."] {
            let reader = Reader::open(&daemon, Some(id));
            let resync = reader.wait("resync", |sent| !sent.comment);
            assert_eq!(resync.event, "resync", "{id}");
            daemon.add("kvm9.invalid");
            let changed = reader.wait_about("changed", "kvm9.invalid");
            assert_eq!(changed.place(), (resync.place().0, resync.place().1 + 1), "{id}");
            daemon.say(&["remove", "kvm9.invalid"]);
        }
    });
}

#[test]
fn who_was_away_for_more_than_is_kept_is_told_so() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let reader = Reader::open(&daemon, None);
        let start = reader.wait("ready", |sent| sent.event == "ready").id;
        add_and_remove(&daemon, 0..520);
        let reader = Reader::open(&daemon, Some(&start));
        assert_eq!(reader.wait("resync", |sent| !sent.comment).event, "resync");
    });
}

#[test]
fn many_readers_get_the_same_and_silence_is_kept_alive() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let readers: Vec<Reader> = (0..50).map(|_| Reader::open(&daemon, None)).collect();
        add_and_remove(&daemon, 0..50);
        let wanted: Vec<String> = (0..50)
            .flat_map(|number| [format!("changed kvm{number}.invalid"), format!("removed kvm{number}.invalid")])
            .collect();
        for reader in &readers {
            reader.wait_about("removed", "kvm49.invalid");
            assert_eq!(by_hand(&reader.all()), wanted);
        }
        until(LONG, "a comment for each", || readers.iter().all(|reader| reader.all().iter().any(|sent| sent.comment)));
    });
}
