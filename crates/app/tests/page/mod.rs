//! The page in a browser: Chromium on the first host of a link of namespaces, real daemons on it and on two more.
//!
//! ```text
//!  #[test] ── inside() ──▶ Lan, three hosts ──▶ on the first: node --test page/NAME.test.mjs ──▶ Chromium
//!                                                                 └──▶ nsenter into each host: kimchi-peers run
//! ```
//!
//! Nothing leads out of these networks. Where Node.js, Chromium or what `npm ci` in `page/` installs is missing, the tests
//! say so loudly and pass, except with `CI=true`.

#[path = "../netns/capture.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod capture;
#[path = "../daemon/database.rs"]
#[allow(dead_code, reason = "shared with the tests of the daemon, which use more of it")]
mod database;
#[path = "../netns/frame.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod frame;
#[path = "../netns/host.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod host;
#[path = "../daemon/hostile_texts.rs"]
mod hostile_texts;
#[path = "../netns/inside.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod inside;
#[path = "../netns/lan.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod lan;
#[path = "../netns/namespace.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod namespace;
#[path = "../netns/process.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod process;
#[path = "../daemon/skipped.rs"]
#[allow(dead_code, reason = "shared with the tests of the daemon, which use more of it")]
mod skipped;
#[path = "../netns/wait.rs"]
#[allow(dead_code, reason = "shared with the tests of the network, which use more of it")]
mod wait;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use database::Database;
use host::Host;
use hostile_texts::HOSTILE;
use inside::{can_run_here, inside_within};
use lan::Lan;
use skipped::not_tested;
use wait::seconds;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kimchi-peers");
const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page");
/// A browser on a machine that has much else to do takes its time; this is a limit against hanging.
const LIMIT: Duration = Duration::from_secs(400);

/// What this machine lacks for a test with a browser, in words.
fn missing() -> Option<String> {
    let version = Command::new("node").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let major =
        String::from_utf8_lossy(&version).trim_start_matches('v').split('.').next().and_then(|it| it.parse().ok());
    if major.is_none_or(|major: u32| major < 20) {
        return Some("no program named node of version 20 or later".to_owned());
    }
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".to_owned());
    if !Path::new(&chromium).exists() {
        return Some(format!("no browser at {chromium}; the variable CHROMIUM names another one"));
    }
    let modules = Path::new(TESTS).join("node_modules/playwright-core");
    (!modules.exists()).then(|| format!("the packages of {TESTS}: run `npm ci` there"))
}

/// Runs a file of tests on the first of three hosts, after `prepare` put what it wants onto that one.
fn in_browser(file: &str, prepare: impl FnOnce(&Host) -> serde_json::Value) {
    let lan = Lan::new(1);
    let hosts = [1, 2, 3].map(|number| lan.host(number));
    let first = &hosts[0];
    let prepared = prepare(first);
    let told = [1, 2, 3].map(|number| lan.address(number));
    let told: Vec<_> = hosts
        .iter()
        .zip(told)
        .map(|(host, address)| json!({ "pid": host.namespace().pid(), "name": host.name(), "address": address }))
        .collect();
    let test = format!("{TESTS}/{file}.test.mjs");
    let mut command =
        first.namespace().command(&["node", "--test", "--test-reporter=spec", "--test-concurrency=1", &test]);
    command.env("PAGE_PROGRAM", PROGRAM).env("PAGE_HOSTS", json!(told).to_string());
    command.env("PAGE_HOSTILE", prepared.to_string()).env("NO_COLOR", "1");
    let status = command.status().unwrap();
    assert!(status.success(), "{file}: {status}; what failed is above");
}

fn nothing(_: &Host) -> serde_json::Value {
    json!([])
}

/// Runs the body inside namespaces, unless the machine lacks something.
fn with_browser<Body: FnOnce()>(body: Body) {
    if !can_run_here() {
        return;
    }
    match missing() {
        None => inside_within(LIMIT, body),
        Some(missing) => not_tested(&format!("the page: {missing}")),
    }
}

/// Runs a daemon with this state for a moment, does something to it over the command line, and opens its database.
fn database(first: &Host, state: &str, command: &[&str]) -> Database {
    let api = ["--api", "127.0.0.1:18132", "--state-dir", state];
    let mut daemon = first.spawn(&[&[PROGRAM, "run", "--name", "kvm-1", "--events"], &api[..]].concat());
    daemon.wait_line(seconds(30), "the line that says ready", 0, |line| line.contains("\"ready\""));
    if !command.is_empty() {
        let done = first.run(&[&[PROGRAM], command, &api[..]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert_eq!(daemon.terminate().code(), Some(0));
    Database::open(Path::new(state))
}

#[test]
fn the_list_follows_what_happens() {
    with_browser(|| in_browser("list", nothing));
}

#[test]
fn who_is_signed_in_changes_the_list() {
    with_browser(|| in_browser("changes", nothing));
}

#[test]
fn a_certificate_that_changed_is_told() {
    with_browser(|| in_browser("certificates", nothing));
}

#[test]
fn absences_hearing_and_the_past_are_shown() {
    with_browser(|| in_browser("past", nothing));
}

#[test]
fn it_is_for_everybody() {
    with_browser(|| in_browser("looks", nothing));
}

#[test]
fn a_thousand_peers_are_listed() {
    with_browser(|| {
        in_browser("crowd", |first| {
            let database = database(first, "/run/hosts/crowd", &[]);
            for number in 1001..=2000 {
                database.add_base_peer(&format!("kvm-{number}@127.0.0.2"), &format!("kvm-{number}"));
            }
            json!([])
        });
    });
}

#[test]
fn a12_hostile_text_stays_text_on_the_page() {
    with_browser(|| {
        in_browser("hostile", |first| {
            for (number, text) in HOSTILE.iter().enumerate() {
                let state = format!("/run/hosts/hostile-{number}");
                let database = database(first, &state, &["add", "10.77.1.9"]);
                let columns = ["name", "reason", "certificate"];
                database.change("remote", &columns.map(|column| (column, *text)));
                database.change("history", &["name", "event", "cause", "address"].map(|column| (column, *text)));
                database.add_base_peer("kvm-base@127.0.0.2", text);
            }
            json!(HOSTILE)
        });
    });
}
