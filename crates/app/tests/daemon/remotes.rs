//! Hosts of other networks: added by hand, kept for good, checked.

use super::console::{ADDRESS, Console, plug};
use super::inside;
use super::support::{Daemon, LONG, code, errors, names, skip};
use super::wait::until;

/// What is no address of a console.
const NONSENSE: &[&str] = &[
    "",
    " ",
    "a b",
    "kvm 9",
    "kvm9:0",
    "kvm9:65536",
    "kvm9:+1",
    "kvm9:",
    ":8001",
    "http://kvm9.invalid",
    "ftp://kvm9.invalid",
    "https://",
    "https://kvm9.invalid/?a",
    "https://u:p@kvm9.invalid",
    "kvm9.invalid/wok",
    "https://kvm9.invalid/../x",
    "-kvm9",
    "kvm..9",
    "[fd00::1",
    "fe80::1%eth0",
    "k\u{e4}se.invalid",
    "kvm9\n.invalid",
];

/// Addresses that nobody may have checked.
const FORBIDDEN: &[&str] = &[
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "localhost",
    "a.localhost",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.5.0.7",
    "169.254.169.254",
    "fe80::1",
    "224.0.0.132",
    "ff02::1",
    "255.255.255.255",
    "64:ff9b::127.0.0.1",
];

#[test]
fn a_host_can_be_given_in_many_ways() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let cases = [
            ("kvm9.invalid", "kvm9.invalid:8001", "https://kvm9.invalid:8001"),
            ("KVM8.Invalid.:8443", "kvm8.invalid:8443", "https://kvm8.invalid:8443"),
            ("10.5.0.7", "10.5.0.7:8001", "https://10.5.0.7:8001"),
            ("10.5.0.7:443", "10.5.0.7:443", "https://10.5.0.7:443"),
            ("fd00::7", "[fd00::7]:8001", "https://[fd00::7]:8001"),
            ("[fd00:0::8]:9001", "[fd00::8]:9001", "https://[fd00::8]:9001"),
            ("https://kvm7.invalid/wok/", "kvm7.invalid:8001", "https://kvm7.invalid:8001/wok"),
            ("https://[fd00::9]:8443/wok", "[fd00::9]:8443", "https://[fd00::9]:8443/wok"),
        ];
        for (given, id, url) in cases {
            assert!(daemon.say(&["add", given]).contains(url), "{given}");
            let row = daemon.json(&format!("/v1/peers/{}", id.replace('[', "%5B").replace(']', "%5D")));
            assert_eq!(
                (&row["id"], &row["url"], &row["origin"]),
                (&id.into(), &url.into(), &"remote".into()),
                "{given}"
            );
            let again = daemon.setup.cli(&["add", given]);
            assert_eq!(code(&again), 1, "{given}");
            assert!(errors(&again).contains("already") && errors(&again).contains("hint: "), "{}", errors(&again));
        }
        daemon.say(&["add", "kvm6.invalid", "--name", "lab-6"]);
        assert!(daemon.say(&["show", "lab-6"]).contains("kvm6.invalid"));
        for (given, id, _) in cases {
            daemon.say(&["remove", id]);
            assert_eq!(code(&daemon.setup.cli(&["remove", id])), 4, "{given}");
        }
        assert_eq!(names(&daemon.peers()), ["lab-6".to_owned()].into());
    });
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    inside(|| {
        plug();
        let daemon = Daemon::start("subject");
        let long = format!("{}.invalid", "a".repeat(64));
        for given in NONSENSE.iter().chain(FORBIDDEN).copied().chain([long.as_str()]) {
            let body = serde_json::json!({ "address": given }).to_string();
            daemon.authorized("POST", "/v1/peers").json_body(&body).send().assert_error(400, "KPPEER0400");
            let output = daemon.setup.cli(&["add", "--", given]);
            assert_eq!((code(&output), output.stdout.len()), (1, 0), "{given:?}");
            let said = errors(&output);
            // Where the form is good, the sentence itself says what is wrong with the address.
            let hinted = said.contains("hint: ") || said.contains("give an address at which");
            assert!(said.lines().count() <= 2 && hinted, "{given:?}: {said}");
        }
        for ourselves in ["subject", "Subject.", ADDRESS, "https://10.5.0.1/wok"] {
            let body = serde_json::json!({ "address": ourselves }).to_string();
            let answer = daemon.authorized("POST", "/v1/peers").json_body(&body).send();
            answer.assert_error(400, "KPPEER0400");
            assert!(answer.text().contains("this host itself"), "{ourselves}: {}", answer.text());
            let said = errors(&daemon.setup.cli(&["add", ourselves]));
            assert!(said.contains("this host itself") && !said.contains("hint: "), "{ourselves}: {said}");
        }
        for name in ["", "a b", "\u{202e}", &"x".repeat(300)] {
            let body = serde_json::json!({ "address": "kvm9.invalid", "name": name }).to_string();
            daemon.authorized("POST", "/v1/peers").json_body(&body).send().assert_error(400, "KPPEER0400");
            let said = errors(&daemon.setup.cli(&["add", "kvm9.invalid", "--name", name]));
            assert!(said.contains("the name is ") && said.contains("hint: give a name"), "{name:?}: {said}");
        }
        assert!(daemon.peers().is_empty());
    });
}

#[test]
fn what_was_added_and_removed_survives_kill_9() {
    inside(|| {
        let mut daemon = Daemon::start("subject");
        daemon.say(&["add", "https://kvm9.invalid:8443/wok", "--name", "nine"]);
        daemon.say(&["add", "kvm8.invalid"]);
        daemon.say(&["remove", "kvm8.invalid"]);
        daemon.running.kill();
        let mut daemon = daemon.setup.start();
        let rows = daemon.peers();
        assert_eq!(names(&rows), ["nine".to_owned()].into());
        assert_eq!(rows[0]["url"], "https://kvm9.invalid:8443/wok");
        assert_eq!(daemon.setup.cli(&["add", "kvm9.invalid:8443"]).status.code(), Some(1));
        daemon.say(&["remove", "nine"]);
        daemon.running.kill();
        assert!(daemon.setup.start().peers().is_empty());
    });
}

#[test]
fn a_console_is_up_while_it_answers_and_its_certificate_is_shown() {
    inside(|| {
        plug();
        let Some(console) = Console::start(9443) else {
            return skip("the health of a console: there is no program named openssl");
        };
        let daemon = Daemon::start("subject");
        daemon.add("10.5.0.1:9443");
        daemon.wait_state(ADDRESS, "up");
        let detail = daemon.json("/v1/peers/10.5.0.1:9443");
        assert_eq!(detail["certificate"], console.certificate.as_str());
        assert_eq!(detail["addresses"], serde_json::json!([ADDRESS]));
        assert!(
            detail["rtt_ms"].as_f64().is_some_and(|time| time >= 0.0) && detail["last_seen"].is_string(),
            "{detail}"
        );
        assert!(daemon.say(&["show", ADDRESS]).to_lowercase().replace(':', "").contains(&console.certificate));
        drop(console);
        until(LONG, "it is down", || {
            assert_eq!(daemon.http("POST", "/v1/search").send().status, 202);
            daemon.peer(ADDRESS).unwrap()["state"] == "down"
        });
        let detail = daemon.json("/v1/peers/10.5.0.1:9443");
        assert_eq!(detail["reason"], "refused");
        assert!(detail["failure"].as_str().is_some_and(|why| why.contains(' ')), "{detail}");
        assert_eq!(daemon.json("/peers"), serde_json::json!([]));
        let console = Console::start(9443).unwrap();
        until(LONG, "it is up again", || {
            assert_eq!(daemon.http("POST", "/v1/search").send().status, 202);
            daemon.peer(ADDRESS).unwrap()["state"] == "up"
        });
        drop(console);
    });
}

#[test]
fn a_console_is_held_to_the_certificate_that_it_showed_first() {
    inside(|| {
        plug();
        let Some(first) = Console::start(9443) else {
            return skip("another certificate: there is no program named openssl");
        };
        let daemon = Daemon::start("subject");
        daemon.add("10.5.0.1:9443");
        daemon.wait_state(ADDRESS, "up");
        let detail = || daemon.json("/v1/peers/10.5.0.1:9443");
        assert_eq!(detail()["certificate_state"], "match");
        let known = first.certificate.clone();
        drop(first);
        std::fs::remove_file("/run/hosts/9443-certificate.pem").unwrap();
        let second = Console::start(9443).unwrap();
        let output = daemon.setup.cli(&["check", ADDRESS]);
        assert!(code(&output) == 1 && errors(&output).contains(&known), "{}", errors(&output));
        let changed = detail();
        assert_eq!((&changed["state"], &changed["certificate_state"]), (&"up".into(), &"changed".into()));
        assert_eq!(
            (&changed["certificate"], &changed["certificate_expected"]),
            (&second.certificate.as_str().into(), &known.as_str().into())
        );
        assert!(daemon.say(&["show", ADDRESS]).contains("changed: SHA-256"));
        until(LONG, "the history tells it", || detail()["history"].to_string().contains("certificate_changed"));
        daemon.say(&["trust", ADDRESS]);
        assert_eq!(detail()["certificate_state"], "match");
        assert!(daemon.say(&["check", ADDRESS]).starts_with("match  "));
        // Nothing else can be trusted of it.
        assert_eq!(code(&daemon.setup.cli(&["trust", ADDRESS])), 1);
    });
}
