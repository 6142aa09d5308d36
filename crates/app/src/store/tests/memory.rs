//! Availability over months: what is folded says the same as what is not, and all of it is bounded.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::*;
use crate::store::standing::Run;
use crate::store::tally::DAY_MS;

const HOUR: i64 = 3_600_000;
/// Some midnight.
const BEGIN: i64 = 20_000 * DAY_MS;

fn database() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    attach::migrate(&mut connection, &attach::MIGRATIONS).unwrap();
    connection
}

fn change(sequence: i64, time: i64, peer: &str, event: &str) -> HistoryEntry {
    HistoryEntry {
        sequence,
        time,
        peer: peer.to_owned(),
        name: peer.to_owned(),
        event: event.to_owned(),
        cause: Some("search".to_owned()),
        ..HistoryEntry::default()
    }
}

fn question(until: i64, slice: i64, slices: usize, peers: &[&str]) -> AvailabilityQuestion {
    let present = |key: &&str| PresentPeer { key: (*key).to_owned(), state: "up".to_owned(), state_since: i64::MAX };
    let since = until - slice * i64::try_from(slices).unwrap();
    AvailabilityQuestion { since, slice, slices, peers: peers.iter().map(present).collect() }
}

fn of(connection: &Connection, question: AvailabilityQuestion, present: Run) -> BTreeMap<String, Availability> {
    let answers = availability::answer(Some(connection), &[], question, present).unwrap();
    answers.into_iter().map(|answer| (answer.key.clone(), answer)).collect()
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

/// A peer that is down from 6 to 12 on each of `days` days, and one that is always up.
fn days(connection: &Connection, days: i64) -> Run {
    let mut entries = vec![change(1, BEGIN, "steady", "up"), change(2, BEGIN, "daily", "up")];
    for day in 0..days {
        let sequence = 3 + 2 * day;
        entries.push(change(sequence, BEGIN + day * DAY_MS + 6 * HOUR, "daily", "down"));
        entries.push(change(sequence + 1, BEGIN + day * DAY_MS + 12 * HOUR, "daily", "up"));
    }
    history::save(connection, &entries).unwrap();
    Run { start: BEGIN, until: BEGIN + days * DAY_MS }
}

#[test]
fn what_is_folded_says_the_same() {
    let connection = database();
    let run = days(&connection, 80);
    let ask = || of(&connection, question(run.until, DAY_MS, 90, &["steady", "daily", "nobody"]), run);
    let before = ask();
    assert_eq!(before["steady"].slices, "-".repeat(10) + &"u".repeat(80));
    assert_eq!(before["daily"].slices, "-".repeat(10) + &"p".repeat(80));
    assert_eq!((before["daily"].share, before["daily"].flaps), (Some(0.75), 80));
    assert_eq!((before["nobody"].share, before["nobody"].flaps), (None, 0));
    let entries = count(&connection, "history");
    fold::fold(&connection, None, run, true).unwrap();
    assert!(count(&connection, "history") < entries / 2 && count(&connection, "tally") >= 2 * 45);
    assert_eq!(ask(), before);
    // Again and again, as time goes by.
    fold::fold(&connection, None, run, true).unwrap();
    assert_eq!(ask(), before);
    let later = Run { until: run.until + 40 * DAY_MS, ..run };
    fold::fold(&connection, None, later, true).unwrap();
    assert_eq!(count(&connection, "history"), 0, "all are older than five weeks");
    let steady = of(&connection, question(later.until, DAY_MS, 90, &["steady", "daily"]), later);
    assert_eq!((steady["steady"].share, steady["steady"].slices.as_str()), (Some(1.0), "u".repeat(90).as_str()));
    assert_eq!(steady["daily"].slices, "p".repeat(50) + &"u".repeat(40));
}

#[test]
fn in_a_storm_the_oldest_are_folded_and_the_file_stays_small() {
    let connection = database();
    let most = fold::MOST_ENTRIES;
    let mut run = Run { start: BEGIN, until: BEGIN };
    for part in 0..6 {
        let entries: Vec<HistoryEntry> = (1..=most / 4)
            .map(|number| {
                let sequence = part * (most / 4) + number;
                let event = if sequence % 2 == 0 { "down" } else { "up" };
                change(sequence, BEGIN + sequence * 1000, "flapping", event)
            })
            .collect();
        history::save(&connection, &entries).unwrap();
        run.until = entries.last().unwrap().time;
        fold::fold(&connection, entries.last().map(|entry| entry.sequence), run, true).unwrap();
    }
    assert!((most..most + 2_000).contains(&count(&connection, "history")), "{}", count(&connection, "history"));
    let answer = &of(&connection, question(run.until, DAY_MS, 2, &["flapping"]), run)["flapping"];
    assert_eq!(i64::from(answer.flaps), most * 6 / 4 / 2, "no change is forgotten");
    assert_eq!((answer.slices.as_str(), answer.share.map(|share| (share * 100.0).round())), ("-p", Some(50.0)));
}

#[test]
fn a_clock_that_is_not_believed_throws_nothing_away() {
    let connection = database();
    let run = days(&connection, 80);
    runs::save(&connection, run).unwrap();
    let ask = || of(&connection, question(run.until, DAY_MS, 90, &["steady", "daily"]), run);
    let (before, entries) = (ask(), count(&connection, "history"));
    // A year ahead, and nothing is old because of it.
    let ahead = Run { start: run.until + 365 * DAY_MS, until: run.until + 365 * DAY_MS };
    fold::fold(&connection, None, ahead, false).unwrap();
    assert_eq!((count(&connection, "history"), ask()), (entries, before.clone()));
    // What is too much is folded all the same, and its days are kept.
    let newest = fold::MOST_ENTRIES + 2_100;
    fold::fold(&connection, Some(newest), ahead, false).unwrap();
    assert!(count(&connection, "history") < entries, "{}", count(&connection, "history"));
    assert_eq!(ask(), before);
}

#[test]
fn who_was_forgotten_does_not_come_back_with_a_fold() {
    let connection = database();
    let run = days(&connection, 50);
    fold::fold(&connection, None, run, true).unwrap();
    let last = run.until + HOUR;
    history::save(&connection, &[change(1_000, last, "daily", "removed"), change(1_001, last, "steady", "removed")])
        .unwrap();
    let much_later = Run { until: last + 60 * DAY_MS, ..run };
    fold::fold(&connection, None, much_later, true).unwrap();
    let mut question = question(much_later.until, DAY_MS, 30, &["steady", "daily"]);
    question.peers.iter_mut().for_each(|peer| peer.state = "unknown".to_owned());
    for answer in of(&connection, question, much_later).values() {
        assert_eq!((answer.share, answer.slices.as_str()), (None, "-".repeat(30).as_str()), "{}", answer.key);
    }
}

#[test]
fn the_present_fills_in_what_the_history_lacks() {
    let connection = database();
    let run = Run { start: BEGIN, until: BEGIN + DAY_MS };
    let mut asked = question(run.until, HOUR, 24, &["kvm-1"]);
    asked.peers[0].state_since = BEGIN + 6 * HOUR;
    assert_eq!(of(&connection, asked.clone(), run)["kvm-1"].slices, "-".repeat(6) + &"u".repeat(18));
    history::save(&connection, &[change(1, BEGIN + HOUR, "kvm-1", "down")]).unwrap();
    assert_eq!(of(&connection, asked.clone(), run)["kvm-1"].slices, format!("-{}{}", "d".repeat(5), "u".repeat(18)));
    asked.peers[0].state = "down".to_owned();
    assert_eq!(of(&connection, asked, run)["kvm-1"].slices, format!("-{}", "d".repeat(23)));
}

#[test]
fn damaged_rows_do_not_stop_the_folding() {
    let connection = database();
    let run = days(&connection, 50);
    connection.execute("UPDATE history SET time = 5 WHERE sequence IN (1, 3)", []).unwrap();
    for _ in 0..3 {
        fold::fold(&connection, None, run, true).unwrap();
    }
    let oldest = history::oldest(&connection).unwrap().unwrap();
    assert!(oldest.1 > run.until - 37 * DAY_MS, "{oldest:?}");
}

#[tokio::test]
async fn of_the_time_between_two_runs_nothing_is_known() {
    let place = tempfile::tempdir().unwrap();
    let now = clock::unix_milliseconds();
    let (store, _) = open_store(place.path());
    let mut up = change(0, now - HOUR, "kvm-1", "up");
    store.append_history(up.clone());
    store.close().await;
    // The run began an hour ago and ended half an hour ago, as far as the database says.
    let connection = Connection::open(place.path().join("kimchi-peers.db")).unwrap();
    connection.execute("DELETE FROM run", []).unwrap();
    runs::save(&connection, Run { start: now - HOUR, until: now - HOUR / 2 }).unwrap();
    drop(connection);
    let (store, _) = open_store(place.path());
    up.time = now - HOUR / 4;
    let asked = question(now, HOUR / 4, 4, &["kvm-1"]);
    let answers = store.availability(asked).await.unwrap();
    assert_eq!((answers[0].slices.as_str(), answers[0].share), ("uu--", Some(1.0)));
    store.close().await;
    let connection = Connection::open(place.path().join("kimchi-peers.db")).unwrap();
    assert_eq!(count(&connection, "run"), 2, "each run is kept, also one in which nothing happened");
}

#[tokio::test]
async fn the_history_of_version_2_is_kept_and_can_be_read_where_it_cannot_be_changed() {
    let place = tempfile::tempdir().unwrap();
    let connection = Connection::open(place.path().join("kimchi-peers.db")).unwrap();
    attach::MIGRATIONS[..2].iter().for_each(|step| connection.execute_batch(step).unwrap());
    // Written by the program of that version.
    let row = "INSERT INTO history VALUES (1, 1700000000000, 'kvm-9@192.0.2.9', 'kvm-9', 'down', 'quit', '192.0.2.9', NULL, \
               'b015a08f29fe4d6b'); PRAGMA user_version = 2; PRAGMA journal_mode = WAL";
    connection.execute_batch(row).unwrap();
    let all = HistoryFilter::newest(10);
    assert_eq!(history::load(&connection, &all).good.len(), 1);
    let asked = question(BEGIN, DAY_MS, 2, &["kvm-9@192.0.2.9"]);
    let run = Run { start: BEGIN - DAY_MS, until: BEGIN };
    assert_eq!(of(&connection, asked, run)["kvm-9@192.0.2.9"].slices, "-d");
    drop(connection);
    let (store, loaded) = open_store(place.path());
    assert_eq!((loaded.notices, loaded.degraded), (Vec::new(), None));
    let entries = store.history(all).await.unwrap();
    assert_eq!((entries.len(), entries[0].planned_until), (1, None));
    store.close().await;
}
