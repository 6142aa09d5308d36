//! Who is believed: members of a group, hosts that sign, base peers, and attackers of the table in docs/security.md, by whose rows
//! the names begin.

use std::fs;

use serde_json::{Value, json};

use super::base_peer::BasePeer;
use super::daemon::{Daemon, Peer, cli, state_directory, wait_all_listed};
use super::frame::{Signer, message};
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::sender::Sender;
use super::skipped::show_not_tested;
use super::wait::{seconds, until, until_equal};

const ATTACKER: u8 = 66;

/// What a row of this name proved, as a daemon tells it.
fn trust(daemon: &Daemon<'_>, name: &str) -> Option<String> {
    daemon.rows(name).into_iter().next().map(|row| row.trust)
}

fn status(daemon: &Daemon<'_>) -> Value {
    serde_json::from_str(&daemon.fetch("/v1/status")).expect("JSON")
}

/// Makes one group key and installs it on these hosts, whose daemons run or not; returns its id.
fn share_key(hosts: &[&Host]) -> String {
    let file = format!("{}/group.key", hosts[0].directory());
    let made = cli_alone(hosts[0], &["key", "generate", "--output", &file]);
    for host in hosts {
        let output = cli(host, &["key", "install", &file]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fs::remove_file(&file).expect("it was written");
    made.trim().to_owned()
}

/// The command line without any option.
fn cli_alone(host: &Host, arguments: &[&str]) -> String {
    let output = host.run(&[&[env!("CARGO_BIN_EXE_kimchi-peers")], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_member_a_stranger_and_a_base_peer_are_told_apart_in_all_three_modes() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3), lan.host(4)];
        let key = share_key(&[&hosts[0], &hosts[1]]);
        let mut first = Daemon::start(&hosts[0]);
        let others = [Daemon::start(&hosts[1]), Daemon::start(&hosts[2])];
        let mut base = BasePeer::start(&hosts[3], &lan.address(4), "base-host");
        first.wait_names(seconds(20), &[others[0].name(), others[1].name(), "base-host"]);
        until(seconds(20), "a member is verified", || trust(&first, others[0].name()).as_deref() == Some("verified"));
        assert_eq!(trust(&first, others[1].name()).as_deref(), Some("pinned"));
        assert_eq!(trust(&first, "base-host").as_deref(), Some("unsigned"));
        let told = status(&first)["trust"].clone();
        assert_eq!((&told["mode"], &told["group_keys"]), (&json!("mark"), &json!([key])), "{told}");
        assert_eq!(told["would_vanish"]["require-signed"], json!(["base-host"]));
        let mut gone: Vec<String> =
            serde_json::from_value(told["would_vanish"]["require-group"].clone()).expect("names");
        gone.sort();
        assert_eq!(gone, ["base-host", others[1].name()]);
        for (mode, listed) in
            [("require-signed", &[others[0].name(), others[1].name()][..]), ("require-group", &[others[0].name()])]
        {
            first.terminate();
            drop(first);
            first = Daemon::start_with(&hosts[0], &["--interface", "eth0", "--trust", mode]);
            base.search();
            first.wait_names(seconds(20), listed);
            std::thread::sleep(seconds(2));
            assert_eq!(first.names(), listed.iter().map(|name| (*name).to_owned()).collect(), "{mode}");
            assert_eq!(status(&first)["trust"]["mode"], mode);
        }
        // That this host does not list it is the first cause that is told.
        let told = String::from_utf8_lossy(&first.cli(&["doctor", "base-host"]).stdout).into_owned();
        assert!(told.lines().nth(1).is_some_and(|line| line.contains("have no group key of this host")), "{told}");
    });
}

#[test]
fn a_name_is_not_given_away_where_a_stricter_mode_is_tried_for_a_while() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let file = format!("{}/kimchi-peers.toml", hosts[0].directory());
        let write = |mode: &str| fs::write(&file, format!("trust = \"{mode}\"\n")).expect("it can be written");
        write("mark");
        let mut first = Daemon::start_with(&hosts[0], &["--interface", "eth0", "--config", &file]);
        let mut second = Daemon::start_with(&hosts[1], &["--interface", "eth0", "--name", "kvm-2"]);
        until(seconds(30), "the row is there to stay", || first.say(&["history"]).contains("kvm-2"));
        second.terminate();
        for mode in ["require-group", "mark"] {
            write(mode);
            first.signal("HUP");
            until_equal(seconds(10), "the mode", &json!(mode), || status(&first)["trust"]["mode"].clone());
            let is_listed = || first.say(&["list", "--all"]).contains("kvm-2");
            until_equal(seconds(10), "whether the row is there", &(mode == "mark"), is_listed);
        }
        let in_conflict =
            |daemon: &Daemon<'_>| daemon.rows("kvm-2").iter().filter(|row| row.trust == "conflict").count();
        let _stranger = Daemon::start_with(&hosts[2], &["--interface", "eth0", "--name", "kvm-2"]);
        until(seconds(10), "the stranger has no link", || in_conflict(&first) == 1);
        // A restart in the strict mode and a reload to the mild one: the same.
        first.terminate();
        write("require-group");
        let first = Daemon::start_with(&hosts[0], &["--interface", "eth0", "--config", &file]);
        write("mark");
        first.signal("HUP");
        until(seconds(20), "the stranger has no link", || in_conflict(&first) == 1);
    });
}

#[test]
fn keys_are_installed_used_and_removed_while_the_daemons_run() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let daemons = [Daemon::start(&hosts[0]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(20), &daemons);
        let is = |word: &str| daemons.iter().all(|daemon| daemon.peers().iter().all(|row| row.trust == word));
        until(seconds(10), "both are pinned", || is("pinned"));
        let old = share_key(&[&hosts[0], &hosts[1]]);
        until(seconds(20), "both are verified", || is("verified"));
        let new = share_key(&[&hosts[0], &hosts[1]]);
        let refused = daemons[0].cli(&["key", "remove", &old]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(daemons[1].name()), "{said}");
        for daemon in &daemons {
            daemon.say(&["key", "use", &new]);
        }
        let uses = |id: &str| daemons[0].say(&["key", "show"]).contains(&format!("{id}    in use here; used by 1"));
        until(seconds(20), "the new key is in use", || uses(&new));
        for daemon in &daemons {
            until(seconds(20), "nobody uses the old one", || daemon.cli(&["key", "remove", &old]).status.success());
        }
        assert_eq!(status(&daemons[1])["trust"]["group_keys"], json!([new]));
        assert!(is("verified"));
        // A key that others can read is refused, with the remedy, and the one in force stays.
        let file = format!("{}/group.keys", state_directory(&hosts[0]));
        assert!(!fs::read_to_string(&file).expect("the file").is_empty());
        assert!(hosts[0].run(&["chmod", "644", &file]).status.success());
        let refused = daemons[0].cli(&["key", "use", &new]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("chmod 600"), "{refused:?}");
        assert!(is("verified"));
        for daemon in &daemons {
            let log: String = daemon.log_since(0).into_iter().map(|line| line.text).collect();
            let keys = fs::read_to_string(&file).expect("the file");
            let secret = keys.lines().find(|line| !line.starts_with('#')).expect("a key");
            assert!(!log.contains(secret) && !daemon.fetch("/v1/keys").contains(secret));
        }
    });
}

#[test]
fn who_has_another_group_key_is_told_before_a_cable() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let old = share_key(&[&hosts[0], &hosts[1]]);
        let strict = ["--interface", "eth0", "--trust", "require-group"];
        let mut first = Daemon::start_with(&hosts[0], &strict);
        let second = Daemon::start(&hosts[1]);
        let name = second.name();
        until(seconds(30), "the row is there to stay", || first.say(&["history"]).contains(name));
        first.terminate();
        let new = share_key(&[&hosts[1]]);
        let used = second.cli(&["key", "use", &new]);
        let said = String::from_utf8_lossy(&used.stderr).into_owned();
        assert!(used.status.success() && said.contains(&format!("no peer that is up has shown {new} yet")), "{said}");
        until(seconds(60), "nobody uses the old one", || second.cli(&["key", "remove", &old]).status.success());
        let first = Daemon::start_with(&hosts[0], &strict);
        until(seconds(60), "not all is well", || {
            status(&first)["degraded"].to_string().contains("kimchi-peers key show")
        });
        assert!(first.names().is_empty());
        for question in [&["doctor"][..], &["doctor", name]] {
            let told = String::from_utf8_lossy(&first.cli(question).stdout).into_owned();
            assert!(told.contains("have no group key of this host"), "{told}");
            let of = |words: &str| told.lines().position(|line| line.contains(words)).unwrap_or(usize::MAX);
            assert!(question.len() == 1 || of("warning  trust") < of("peer "), "{told}");
        }
    });
}

#[test]
fn a4_who_takes_the_name_or_the_address_of_another_replaces_nobody_and_gets_no_link() {
    inside(|| {
        let lan = Lan::new(1);
        let [first, second, attacker] = [lan.host(1), lan.host(2), lan.host(ATTACKER)];
        let daemons = [Daemon::start(&first), Daemon::start(&second)];
        wait_all_listed(seconds(20), &daemons);
        let victim = daemons[0].rows(second.name()).remove(0);
        assert_eq!(victim.trust, "pinned");
        let mallory = Signer::new();
        let own = lan.address(ATTACKER);
        let sender = Sender::new(&attacker, "eth0");
        let mark = daemons[0].mark();
        for number in 1..=4 {
            // As a base peer, as a host with another key, with the victim's identity, and with its address forged.
            let lifetime = json!({"ttl": 30});
            sender.clone().send(&[
                message("notify", second.name(), &own),
                mallory.message("notify", second.name(), &own, number, lifetime.clone()),
                mallory.message_as(&victim.id, ("notify", second.name(), &own, 1_000_000 + number), lifetime),
            ]);
            sender.clone().source(&lan.address(2)).send(&[
                message("notify", second.name(), &lan.address(2)),
                message("notify", "ghost", &lan.address(2)),
            ]);
            std::thread::sleep(seconds(1));
        }
        let rows = daemons[0].rows(second.name());
        let real: Vec<_> = rows.iter().filter(|row| row.id == victim.id).collect();
        assert_eq!(real.len(), 1, "{rows:?}");
        assert_eq!((real[0].trust.as_str(), &real[0].addresses), ("pinned", &victim.addresses));
        let is_harmless = |row: &&Peer| row.id == victim.id || (row.trust == "conflict" && row.url.is_empty());
        assert!(rows.iter().all(|row| is_harmless(&row)), "{rows:?}");
        // Who does not answer is not listed for long; whenever it was, it was in conflict.
        let conflicts: Vec<Peer> = daemons[0]
            .events_since(mark)
            .into_iter()
            .filter(|event| event.name == "conflict")
            .filter_map(|event| event.peer)
            .filter(|row| row.id != victim.id)
            .collect();
        assert!(conflicts.iter().any(|row| row.id == mallory.id()), "{conflicts:?}");
        assert!(conflicts.iter().all(|row| is_harmless(&row)), "{conflicts:?}");
        for row in daemons[0].rows("ghost") {
            assert_eq!((row.trust.as_str(), row.url.as_str()), ("conflict", ""), "{row:?}");
        }
        let urls = daemons[0].urls();
        assert!(urls.len() == 1 && urls.iter().all(|url| url.contains(&lan.address(2))), "{urls:?}");
    });
}

#[test]
fn a_changed_key_is_a_conflict_until_somebody_trusts_it() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let watcher = Daemon::start(&hosts[0]);
        let mut other = Daemon::start(&hosts[1]);
        watcher.wait_names(seconds(20), &[other.name()]);
        until(seconds(20), "it is kept", || trust(&watcher, other.name()).as_deref() == Some("pinned"));
        std::thread::sleep(seconds(2));
        let name = other.name();
        assert!(!cli(&hosts[1], &["reset-identity"]).status.success(), "not while the daemon runs");
        assert!(other.terminate().success());
        until(seconds(10), "it has left", || watcher.names().is_empty());
        let reset = cli(&hosts[1], &["reset-identity"]);
        assert!(reset.status.success(), "{}", String::from_utf8_lossy(&reset.stderr));
        let id = String::from_utf8(reset.stdout).expect("text").trim().to_owned();
        let other = Daemon::start(&hosts[1]);
        until(seconds(20), "a conflict", || trust(&watcher, name).as_deref() == Some("conflict"));
        assert!(watcher.urls().is_empty());
        assert!(watcher.say(&["show", name]).contains(&format!("kimchi-peers trust {name}")));
        // Both keys are told in the words that `show` and, on the host itself, `key show` print.
        let own = other.say(&["key", "show"]);
        let own = own.lines().find_map(|line| line.trim().strip_prefix("fingerprint")).expect("its fingerprint").trim();
        let told = watcher.cli(&["doctor", name]);
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        assert!(
            told.contains(&format!("this one has the key {own}")) && told.contains("neither trust nor forget"),
            "{told}"
        );
        assert!(watcher.say(&["show", name]).contains(own));
        // Status and log name it, the daemon itself is well, and the history begins with both once the row is there to stay.
        let concern = format!("{name} is claimed by two hosts: kimchi-peers doctor {name}");
        until(seconds(20), "the conflict is told", || status(&watcher)["concerns"] == json!([concern]));
        assert!(watcher.say(&["status"]).contains("all is well here, but not with every peer"));
        assert!(watcher.fetch("/healthz").contains("\"ok\""));
        let lines = |word: &str| watcher.log_since(0).iter().filter(|line| line.text.contains(word)).count();
        assert_eq!((lines("it has the name of a host that had another key"), lines("in conflict no more")), (1, 0));
        let row = watcher.rows(name).into_iter().find(|row| row.id == id).expect("its row");
        let row: Value = serde_json::from_str(&watcher.fetch(&format!("/v1/peers/{}", row.id))).expect("JSON");
        let told: Vec<&Value> =
            row["history"].as_array().expect("a list").iter().map(|entry| &entry["event"]).collect();
        assert_eq!(told, ["conflict", "up"], "{row}");
        assert_eq!(row["history"][1]["time"], row["state_since"], "when it came, not when it was believed");
        assert!(watcher.say(&["trust", name]).contains(&id));
        until(seconds(10), "the name is the new key's", || trust(&watcher, name).as_deref() == Some("pinned"));
        assert_eq!(watcher.urls().len(), 1);
        assert_eq!((lines("in conflict no more"), status(&watcher)["concerns"].clone()), (1, json!([])));
        watcher.say(&["forget", name]);
        until(seconds(10), "one row is left", || watcher.peers().len() == 1);
        drop(other);
    });
}

#[test]
fn a5_forged_goodbyes_and_hearsay_take_nobody_off_the_list() {
    inside(|| {
        let lan = Lan::new(1);
        let [first, second, attacker] = [lan.host(1), lan.host(2), lan.host(ATTACKER)];
        let daemons = [Daemon::start(&first), Daemon::start(&second)];
        wait_all_listed(seconds(20), &daemons);
        let victim = daemons[0].rows(second.name()).remove(0);
        let mark = daemons[0].mark();
        let mallory = Signer::new();
        let sender = Sender::new(&attacker, "eth0").source(&lan.address(2));
        for number in 1..=5 {
            let place = ("quit", second.name(), lan.address(2));
            sender.send(&[
                message("quit", second.name(), &lan.address(2)),
                mallory.message_as(&victim.id, (place.0, place.1, &place.2, 2_000_000 + number), json!({"ttl": 30})),
                mallory.message(place.0, place.1, &place.2, number, json!({"ttl": 30})),
            ]);
            std::thread::sleep(seconds(1));
        }
        let events = daemons[0].events_since(mark);
        let lost = events
            .iter()
            .find(|event| event.name == "down" && event.peer.as_ref().is_some_and(|row| row.id == victim.id));
        assert!(lost.is_none(), "{lost:?}");
        assert_eq!(trust(&daemons[0], second.name()).as_deref(), Some("pinned"));
    });
}

#[test]
fn a7_nothing_of_a_flood_of_invented_peers_is_kept() {
    inside(|| {
        let lan = Lan::new(1);
        let [first, second, attacker] = [lan.host(1), lan.host(2), lan.host(ATTACKER)];
        let daemons = [Daemon::start(&first), Daemon::start(&second)];
        wait_all_listed(seconds(20), &daemons);
        std::thread::sleep(seconds(15));
        let commits = |daemon: &Daemon<'_>| status(daemon)["store"]["commits"].as_u64().expect("a number");
        let before = (commits(&daemons[0]), status(&daemons[0])["store"]["database_bytes"].clone());
        let own = lan.address(ATTACKER);
        let mut flood: Vec<Vec<u8>> =
            (0..300).map(|number| message("notify", &format!("base-{number}"), &own)).collect();
        for number in 0..300 {
            flood.push(Signer::new().message("notify", &format!("signed-{number}"), &own, 1, json!({"ttl": 30})));
        }
        Sender::new(&attacker, "eth0").repeat(1, 0.01).send(&flood);
        let told = status(&daemons[0])["trust"]["unproven"].clone();
        assert!(told["extended"].as_u64() > Some(10) && told["base"].as_u64() == Some(4), "{told}");
        std::thread::sleep(seconds(3));
        assert_eq!((commits(&daemons[0]), status(&daemons[0])["store"]["database_bytes"].clone()), before);
        assert_eq!(trust(&daemons[0], second.name()).as_deref(), Some("pinned"));
    });
}

#[test]
fn a11_a_copy_of_a_host_is_named_and_reset_identity_is_the_way_out() {
    inside(|| {
        let lan = Lan::new(1);
        let [witness, original, copy] = [lan.host(1), lan.host(2), lan.host(3)];
        let watcher = Daemon::start(&witness);
        let mut first = Daemon::start(&original);
        watcher.wait_names(seconds(20), &[first.name()]);
        first.terminate();
        drop(first);
        let copied = host_copy(&original, &copy);
        assert!(copied.status.success(), "{copied:?}");
        let first = Daemon::start(&original);
        let mut second = Daemon::start(&copy);
        let says = |daemon: &Daemon<'_>| status(daemon)["degraded"].to_string().contains("reset-identity");
        until(seconds(60), "one of the two says that there is a copy", || says(&first) || says(&second));
        until(seconds(60), "the witness names the conflict", || {
            watcher.peers().iter().any(|row| row.trust == "conflict" && row.url.is_empty())
        });
        let mark = watcher.mark();
        std::thread::sleep(seconds(10));
        let flaps =
            watcher.events_since(mark).iter().filter(|event| ["up", "down"].contains(&event.name.as_str())).count();
        assert!(flaps <= 2, "{flaps} times up or down in ten seconds");
        second.terminate();
        drop(second);
        assert!(cli(&copy, &["reset-identity"]).status.success());
        let second = Daemon::start(&copy);
        watcher.wait_names(seconds(30), &[first.name(), second.name()]);
        let well = [first.name(), second.name()].map(|name| (name.to_owned(), "pinned".to_owned()));
        until_equal(seconds(60), "all is well again", &well.to_vec(), || {
            let listed = watcher.peers().into_iter().filter(Peer::is_listed);
            let mut rows: Vec<_> = listed.map(|row| (row.name, row.trust)).collect();
            rows.sort();
            rows
        });
    });
}

/// Copies the state directory of one host to another, as a template of a machine does.
fn host_copy(from: &Host, to: &Host) -> std::process::Output {
    let (from, to) = (state_directory(from), state_directory(to));
    std::process::Command::new("cp").args(["-a", &from, &to]).output().expect("cp runs")
}

#[test]
fn a_state_directory_of_another_machine_is_told_and_can_be_accepted() {
    inside(|| {
        let host = Host::unplugged("moved");
        let file = format!("{}/host.machine", state_directory(&host));
        let mut daemon = Daemon::start_with(&host, &[]);
        let Ok(text) = fs::read_to_string(&file) else {
            // No failure of the gate: a container has none, and none can be lent.
            return show_not_tested("a state directory of another machine: this machine has no id");
        };
        daemon.terminate();
        drop(daemon);
        fs::write(&file, text.replace(|letter: char| letter.is_ascii_digit(), "a")).expect("it is ours");
        let mut daemon = Daemon::start_with(&host, &[]);
        assert!(status(&daemon)["degraded"].to_string().contains("made on another machine"));
        daemon.terminate();
        drop(daemon);
        assert!(cli(&host, &["reset-identity", "--keep"]).status.success());
        let daemon = Daemon::start_with(&host, &[]);
        assert!(!status(&daemon)["degraded"].to_string().contains("made on another machine"));
    });
}
