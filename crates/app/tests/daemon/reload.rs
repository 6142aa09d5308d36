//! SIGHUP: what the configuration file says now is in force, or nothing of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use super::inside;
use super::support::{BasePeer, Daemon, LONG, Setup, program, succeed};
use super::wait::until;

/// A configuration file and the daemon that reads it.
struct Configured {
    file: PathBuf,
    daemon: Daemon,
}

impl Configured {
    fn start(text: &str) -> Self {
        let setup = Setup::new("subject");
        let file = setup.directory().join("kimchi-peers.toml");
        fs::write(&file, text).unwrap();
        let daemon = setup.options(&["--config", file.to_str().unwrap()]).start();
        Self { file, daemon }
    }

    /// Writes the file anew and reloads; returns what that made it log.
    fn reload(&self, text: &str, answer: &str) -> String {
        fs::write(&self.file, text).unwrap();
        let mark = self.daemon.running.errors().count();
        self.daemon.running.signal("HUP");
        let logged =
            || self.daemon.running.errors().since(mark).into_iter().map(|line| line.text + "\n").collect::<String>();
        until(LONG, answer, || logged().contains(answer));
        logged()
    }

    fn config_show(&self, options: &[&str]) -> Value {
        let file = self.file.to_str().unwrap();
        let shown = self.daemon.say(&[&["config", "show", "--config", file, "-o", "json"], options].concat());
        serde_json::from_str(&shown).unwrap()
    }
}

#[test]
fn a_changed_file_is_announced_to_the_others() {
    inside(|| {
        let listener = BasePeer::start("kvm-1", 2);
        let configured = Configured::start("name = \"before\"\nhttp_port = 8100\n");
        listener.wait_heard("search", &[("domain", "before"), ("httpport", "8100")]);
        let log = configured.reload("name = \"after\"\nhttp_port = 8200\nlog = \"debug\"\n", "configuration reloaded");
        for key in ["name", "http_port", "log"] {
            assert!(log.contains(&format!("key=\"{key}\"")) || log.contains(&format!("key={key}")), "{key}: {log}");
        }
        listener.wait_heard("notify", &[("domain", "after"), ("httpport", "8200")]);
        let own = configured.daemon.json("/v1/self");
        assert_eq!((&own["name"], &own["http_port"]), (&"after".into(), &8200.into()));
        assert_eq!(configured.daemon.json("/v1/status")["name"], "after");
        configured.reload("name = \"after\"\n", "configuration reloaded");
        until(LONG, "the default is back", || configured.daemon.json("/v1/self")["http_port"] == 8000);
    });
}

#[test]
fn the_log_level_changes_both_ways() {
    inside(|| {
        let configured = Configured::start("name = \"subject\"\nlog = \"trace\"\n");
        configured.reload("name = \"subject\"\nlog = \"info\"\n", "configuration reloaded");
        let mark = configured.daemon.running.errors().count();
        for _ in 0..20 {
            assert_eq!(configured.daemon.http("POST", "/v1/search").send().status, 202);
        }
        let lines = configured.daemon.running.errors().since(mark);
        assert!(lines.iter().all(|line| !line.text.contains("TRACE") && !line.text.contains("DEBUG")), "{lines:?}");
    });
}

#[test]
fn a_broken_file_leaves_everything_as_it_was() {
    inside(|| {
        let configured = Configured::start("name = \"subject\"\nhttp_port = 8100\n");
        let before = configured.daemon.json("/v1/self");
        for broken in
            ["name = ", "name = \"other\"\nhttp_port = 0\n", "name = \"other\"\nnmae = 1\n", "name = \"a b\"\n"]
        {
            configured.reload(broken, "the configuration stays as it was");
            assert_eq!(configured.daemon.json("/v1/self"), before, "{broken}");
        }
        // Who was not looking at the log then sees it in the status, until a reload succeeds.
        let troubles = || configured.daemon.json("/v1/status")["degraded"].to_string();
        assert!(troubles().contains("the configuration stays as it was: "), "{}", troubles());
        let doctor = configured.daemon.setup.cli(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(said.contains("PROBLEM  reload: the configuration stays as it was"), "{said}");
        fs::remove_file(&configured.file).unwrap();
        configured.daemon.running.signal("HUP");
        until(LONG, "the missing file is told", || {
            configured.daemon.log().matches("the configuration stays as it was").count() == 5
        });
        assert_eq!(configured.daemon.json("/v1/self"), before);
        configured.reload("name = \"other\"\n", "configuration reloaded");
        assert_eq!(configured.daemon.json("/v1/self")["name"], "other");
        assert_eq!(troubles(), "[]");
    });
}

#[test]
fn keys_and_whom_to_list_come_with_the_signal() {
    inside(|| {
        let configured = Configured::start("name = \"subject\"\n");
        let daemon = &configured.daemon;
        let _base = BasePeer::known("kvm-1", 2, daemon);
        let trust = || daemon.json("/v1/status")["trust"].clone();
        assert_eq!((&trust()["mode"], &trust()["group_keys"]), (&"mark".into(), &serde_json::json!([])));
        // The file is another program's work: nobody told the daemon of it.
        let made = daemon.setup.directory().join("made.key");
        let arguments = ["key", "generate", "--output", made.to_str().unwrap()];
        let output = program().args(arguments).output().unwrap();
        let id = succeed(&arguments, &output).trim().to_owned();
        let keys = daemon.setup.state_directory().join("group.keys");
        fs::rename(&made, &keys).unwrap();
        configured.reload("name = \"subject\"\ntrust = \"require-signed\"\n", "group keys reloaded");
        until(LONG, "who signs nothing is gone", || daemon.peers().is_empty());
        assert_eq!((&trust()["mode"], &trust()["group_keys"]), (&"require-signed".into(), &serde_json::json!([id])));
        // A file that others can read is refused, and what was in force stays.
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
        let log = configured.reload("name = \"subject\"\n", "the group keys stay as they were");
        assert!(log.contains("chmod 600"), "{log}");
        let troubles = || daemon.json("/v1/status")["degraded"].to_string();
        assert!(troubles().contains("the group keys stay as they were: "), "{}", troubles());
        assert_eq!((&trust()["mode"], &trust()["group_keys"]), (&"mark".into(), &serde_json::json!([id])));
        fs::remove_file(&keys).unwrap();
        configured.reload("name = \"subject\"\n", "group keys reloaded");
        assert_eq!(trust()["group_keys"], serde_json::json!([]));
        assert_eq!(troubles(), "[]");
    });
}

#[test]
fn what_needs_a_restart_stays_and_is_told() {
    inside(|| {
        let configured = Configured::start("name = \"subject\"\n");
        let log = configured
            .reload("name = \"subject\"\nipv6 = \"never\"\ngroup = \"224.0.0.133\"\n", "configuration reloaded");
        let told = log.lines().find(|line| line.contains("restart")).unwrap();
        assert!(told.contains("ipv6") && told.contains("group"), "{told}");
        let _peer = BasePeer::known("kvm-1", 2, &configured.daemon);
    });
}

#[test]
fn config_show_tells_where_each_value_comes_from() {
    inside(|| {
        let configured = Configured::start("name = \"from-file\"\nhttp_port = 8100\nhttps_port = 8101\n");
        let shown = configured.config_show(&["--https-port", "9101"]);
        let file = configured.file.to_str().unwrap();
        assert_eq!(shown["file"], file);
        let settings = &shown["settings"];
        assert_eq!(settings["name"]["value"], "from-file");
        assert!(settings["name"]["source"].as_str().unwrap().contains(file), "{shown}");
        assert_eq!(settings["https_port"]["value"], 9101);
        assert_eq!(settings["group"]["value"], "224.0.0.132");
        let from = |key: &str| settings[key]["from"].as_str().unwrap().to_owned();
        let kinds = ["http_port", "https_port", "group"].map(from);
        assert!(kinds.iter().all(|kind| kinds.iter().filter(|other| *other == kind).count() == 1), "{kinds:?}");
        let mut command = configured.daemon.setup.cli_command(&["config", "show", "--config", file]);
        let output = command.env("KIMCHI_PEERS_HTTP_PORT", "8300").output().unwrap();
        let text = succeed(&["config", "show"], &output);
        let row = text.lines().find(|line| line.starts_with("http_port")).unwrap();
        assert!(row.contains("8300") && row.contains("KIMCHI_PEERS_HTTP_PORT"), "{row}");
    });
}
