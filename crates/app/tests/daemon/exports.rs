//! The list in the forms of other tools, and those tools reading it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::inside;
use super::process::Running;
use super::support::{BasePeer, Daemon, LONG, PROGRAM, succeed, three_peers};
use super::tools::program_of;
use super::wait::until;

/// The targets that Prometheus would get.
fn targets(daemon: &Daemon, query: &str) -> Vec<String> {
    let groups = daemon.json(&format!("/sd/prometheus{query}"));
    let groups = groups.as_array().unwrap().iter();
    groups.map(|group| group["targets"][0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_tool_gets_the_hosts_that_are_there() {
    inside(|| {
        let (daemon, _peers) = three_peers("10.5.0.9");
        assert_eq!(daemon.say(&["list", "-o", "hosts"]), "127.0.0.2 kvm-up\n");
        assert_eq!(daemon.say(&["list", "--all", "-o", "hosts"]), "127.0.0.3 kvm-left\n127.0.0.2 kvm-up\n");
        assert!(daemon.say(&["list", "-o", "libvirt"]).contains("qemu+ssh://127.0.0.2/system\n"));
        let file: Value = serde_json::from_str(&daemon.say(&["list", "-o", "prometheus"])).unwrap();
        assert!(file.as_array().unwrap().iter().any(|group| group["targets"][0] == "127.0.0.2:8001"), "{file}");
        let inventory: Value = serde_json::from_str(&daemon.say(&["list", "-o", "ansible"])).unwrap();
        assert_eq!(inventory["_meta"]["hostvars"]["kvm-up"]["ansible_host"], "127.0.0.2");
        assert_eq!(inventory["_meta"]["hostvars"]["kvm-left"], Value::Null);
        let variables: Value =
            serde_json::from_str(&daemon.say(&["list", "-o", "ansible", "--host", "kvm-up"])).unwrap();
        assert_eq!(variables, inventory["_meta"]["hostvars"]["kvm-up"]);
    });
}

#[test]
fn prometheus_gets_the_whole_list_and_nothing_else() {
    inside(|| {
        let alone = Daemon::start("subject");
        let answer = alone.http("GET", "/sd/prometheus").send();
        assert_eq!((answer.status, answer.text().as_str()), (200, "[]"));
        assert_eq!(answer.header("content-type"), "application/json");
        drop(alone);
        let (daemon, mut peers) = three_peers("10.5.0.9");
        assert_eq!(targets(&daemon, ""), ["127.0.0.2:8001"]);
        assert_eq!(targets(&daemon, "?port=9100"), ["127.0.0.2:9100"]);
        assert!(targets(&daemon, "?state=down&port=9100").contains(&"127.0.0.3:9100".to_owned()));
        assert_eq!(targets(&daemon, "?state=all").len(), 3);
        let group = &daemon.json("/sd/prometheus")[0]["labels"];
        assert_eq!(
            (&group["__meta_kimchi_name"], &group["__meta_kimchi_trust"]),
            (&"kvm-up".into(), &"unsigned".into())
        );
        peers[0].quit();
        daemon.wait_state("kvm-up", "down");
        assert_eq!(daemon.http("GET", "/sd/prometheus").send().text(), "[]");
    });
}

#[test]
fn ssh_reads_the_configuration() {
    let Some(ssh) = program_of("ssh", "openssh-client") else { return };
    inside(move || {
        let (daemon, _peers) = three_peers("10.5.0.9");
        let file = daemon.setup.directory().join("ssh-config");
        std::fs::write(&file, daemon.say(&["list", "--all", "-o", "ssh-config"])).unwrap();
        for (name, address) in [("kvm-up", "127.0.0.2"), ("kvm-left", "127.0.0.3")] {
            let output = Command::new(&ssh).arg("-G").arg("-F").arg(&file).arg(name).output().unwrap();
            let text = succeed(&["ssh -G"], &output);
            for line in [format!("hostname {address}"), format!("hostkeyalias {name}")] {
                assert!(text.lines().any(|told| told == line), "{line}: {text}");
            }
        }
    });
}

/// A directory with the wrapper that is shipped, and the program beside it under its own name.
fn inventory_script(daemon: &Daemon) -> std::path::PathBuf {
    let directory = daemon.setup.directory().join("bin");
    std::fs::create_dir_all(&directory).unwrap();
    std::os::unix::fs::symlink(PROGRAM, directory.join("kimchi-peers")).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/ansible/kimchi-inventory");
    assert_eq!(std::fs::metadata(&shipped).unwrap().permissions().mode() & 0o111, 0o111, "it is not executable");
    let script = directory.join("kimchi-inventory");
    std::fs::copy(shipped, &script).unwrap();
    script
}

/// Runs a program that finds this daemon, and the program under its own name, in its environment.
fn beside(daemon: &Daemon, program: &Path, arguments: &[&str]) -> Output {
    let path = format!("{}:/usr/bin:/bin", daemon.setup.directory().join("bin").display());
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", path).env("KIMCHI_PEERS_API", super::support::API);
    command.env("HOME", daemon.setup.directory()).env("ANSIBLE_LOCALHOST_WARNING", "False").output().unwrap()
}

#[test]
fn the_wrapper_answers_as_an_inventory_script_does() {
    inside(|| {
        let (daemon, _peers) = three_peers("10.5.0.9");
        let script = inventory_script(&daemon);
        let read = |arguments: &[&str]| -> Value {
            serde_json::from_str(&succeed(arguments, &beside(&daemon, &script, arguments))).unwrap()
        };
        let list = read(&["--list"]);
        assert_eq!(list["_meta"]["hostvars"]["kvm-up"], read(&["--host", "kvm-up"]));
        assert_eq!(read(&["--host", "nobody"]), serde_json::json!({}));
    });
}

#[test]
fn ansible_lists_the_hosts() {
    let Some(ansible) = program_of("ansible-inventory", "ansible-core (pip)") else { return };
    inside(move || {
        let (daemon, _peers) = three_peers("10.5.0.9");
        let script = inventory_script(&daemon);
        let arguments = ["-i", script.to_str().unwrap(), "--list"];
        let read: Value = serde_json::from_str(&succeed(&arguments, &beside(&daemon, &ansible, &arguments))).unwrap();
        assert_eq!(read["_meta"]["hostvars"]["kvm-up"]["ansible_host"], "127.0.0.2", "{read}");
        assert_eq!(read["_meta"]["hostvars"]["kvm-up"]["kimchi_url"], "https://127.0.0.2:8001");
        assert!(read["kimchi_peers"]["hosts"].as_array().unwrap().contains(&"kvm-up".into()), "{read}");
        assert_eq!(read["kimchi_state_up"]["hosts"], serde_json::json!(["kvm-up"]), "{read}");
    });
}

/// The machines of Cockpit's host switcher, as its own bridge reads them from the directories of its configuration.
fn machines_of(bridge: &Path, configuration: &Path) -> Value {
    let mut command = Command::new("python3");
    command.args(["-c", include_str!("scripts/cockpit_machines.py")]).arg(bridge).env("XDG_CONFIG_DIRS", configuration);
    serde_json::from_str(&succeed(&["cockpit-bridge"], &command.output().unwrap())).unwrap()
}

#[test]
fn cockpit_reads_the_file() {
    let Some(bridge) = program_of("cockpit-bridge", "cockpit-bridge") else { return };
    inside(move || {
        let (daemon, _peers) = three_peers("10.5.0.9");
        let configuration = daemon.setup.directory().join("configuration");
        let directory = configuration.join("cockpit/machines.d");
        std::fs::create_dir_all(&directory).unwrap();
        daemon.say(&["export", "cockpit", "--file", directory.join("50-kimchi-peers.json").to_str().unwrap()]);
        let shown = machines_of(&bridge, &configuration);
        assert_eq!(shown.as_object().unwrap().keys().collect::<Vec<_>>(), ["10.5.0.9", "kvm-up"], "{shown}");
        let machine = &shown["kvm-up"];
        assert_eq!((&machine["address"], &machine["label"]), (&"127.0.0.2".into(), &"kvm-up".into()), "{machine}");
        assert_eq!(machine["visible"], true, "{machine}");
        // What a person changes on its page is kept in another file, and goes before.
        std::fs::write(directory.join("99-webui.json"), "{\"kvm-up\": {\"visible\": false}}").unwrap();
        let changed = &machines_of(&bridge, &configuration)["kvm-up"];
        assert_eq!((&changed["visible"], &changed["address"]), (&false.into(), &"127.0.0.2".into()), "{changed}");
    });
}

#[test]
fn the_file_of_cockpit_follows_the_list() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let directory = daemon.setup.directory().join("machines.d");
        let file = directory.join("50-kimchi-peers.json");
        let export = ["export", "cockpit", "--file", file.to_str().unwrap()];
        let missing = daemon.setup.cli(&export);
        assert!(String::from_utf8_lossy(&missing.stderr).contains("is Cockpit installed?"), "{missing:?}");
        std::fs::create_dir(&directory).unwrap();
        std::fs::write(directory.join("99-webui.json"), "{\"web\": {\"address\": \"10.0.0.7\"}}").unwrap();
        let read = || -> Value { serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap() };
        daemon.say(&export);
        assert_eq!(read(), serde_json::json!({}));
        let mut command = daemon.setup.cli_command(&export);
        let mut watch = Running::start("export cockpit --watch", command.arg("--watch"));
        let mut peer = BasePeer::known("kvm-1", 2, &daemon);
        until(LONG, "it is written", || read()["kvm-1"]["address"] == "127.0.0.2");
        peer.quit();
        until(LONG, "it is taken out", || read() == serde_json::json!({}));
        assert!(watch.is_running());
        watch.signal("TERM");
        assert_eq!(watch.wait_end(LONG).code(), Some(0));
        let web = directory.join("99-webui.json");
        let others = daemon.setup.cli(&["export", "cockpit", "--file", web.to_str().unwrap()]);
        assert_eq!(others.status.code(), Some(1));
        assert!(std::fs::read_to_string(web).unwrap().contains("10.0.0.7"));
    });
}
