//! What is shipped beside the program is what the tools of a host take, and agrees with the program.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[path = "daemon/skipped.rs"]
#[allow(dead_code, reason = "shared with the tests of the daemon, which use more of it")]
mod skipped;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use skipped::not_tested;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kimchi-peers");
/// Ten times the most that the unit may be open to attack, on the scale of `systemd-analyze security`.
const EXPOSURE_MAX: &str = "15";

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(packaging(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a program of the host says; `None`, said loudly, where it is missing.
fn say(program: &str, package: &str, arguments: &[&str]) -> Option<Output> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        not_tested(&format!("there is no {program} (package {package})"));
        return None;
    };
    Some(output)
}

fn all_of(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

#[test]
fn systemd_takes_the_units_without_a_word() {
    let place = tempfile::tempdir().unwrap();
    // The unit names the program where the package puts it.
    let unit = text("systemd/kimchi-peers.service").replace("/usr/bin/kimchi-peers", PROGRAM);
    let (service, socket) = (place.path().join("kimchi-peers.service"), place.path().join("kimchi-peers.socket"));
    fs::write(&service, unit).unwrap();
    fs::copy(packaging("systemd/kimchi-peers.socket"), &socket).unwrap();
    let arguments = ["verify", "--man=no", service.to_str().unwrap(), socket.to_str().unwrap()];
    let Some(output) = say("systemd-analyze", "systemd", &arguments) else { return };
    // Of the host's other units it says what is wrong with them, too.
    let about_ours: Vec<String> =
        all_of(&output).lines().filter(|line| line.contains("kimchi-peers")).map(str::to_owned).collect();
    assert!(output.status.success() && about_ours.is_empty(), "{}", all_of(&output));
}

#[test]
fn the_unit_is_hardly_exposed() {
    let unit = packaging("systemd/kimchi-peers.service");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let arguments = ["security", "--offline=yes", "--no-pager", &threshold, unit.to_str().unwrap()];
    let Some(output) = say("systemd-analyze", "systemd", &arguments) else { return };
    assert!(output.status.success(), "{}", all_of(&output));
    assert!(all_of(&output).contains("Overall exposure level"), "{}", all_of(&output));
}

#[test]
fn the_user_of_the_unit_is_made() {
    let place = tempfile::tempdir().unwrap();
    let root = format!("--root={}", place.path().display());
    fs::create_dir(place.path().join("etc")).unwrap();
    let users = packaging("systemd/kimchi-peers.sysusers");
    let Some(output) = say("systemd-sysusers", "systemd", &[&root, users.to_str().unwrap()]) else { return };
    assert!(output.status.success(), "{}", all_of(&output));
    let made = |file: &str| fs::read_to_string(place.path().join("etc").join(file)).unwrap();
    let user = made("passwd");
    assert!(user.starts_with("kimchi-peers:x:") && user.contains(":/var/lib/kimchi-peers:/usr/sbin/nologin"), "{user}");
    assert!(made("group").starts_with("kimchi-peers:x:"));
}

#[test]
fn every_firewall_opens_the_port_of_the_protocol() {
    let port = kimchi_peers::PORT;
    assert!(text("firewall/firewalld.xml").contains(&format!("<port protocol=\"udp\" port=\"{port}\"/>")));
    assert!(text("firewall/ufw.profile").contains(&format!("ports={port}/udp\n")));
    let accepted = text("firewall/accept.nft");
    let rules: Vec<&str> = accepted.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rules.iter().all(|rule| rule.ends_with(&format!("udp dport {port} accept"))), "{rules:?}");
    assert!(rules[0].starts_with(&format!("ip daddr {} ", kimchi_peers::GROUP_V4)));
    assert!(rules[1].starts_with(&format!("ip6 daddr {} ", kimchi_peers::GROUP_V6)));
    assert!(text("firewall/guests.nft").contains(&format!("udp dport {port} counter drop")));
}

/// Writes all pages; returns their files.
fn pages(place: &Path) -> Vec<PathBuf> {
    let made = Command::new(PROGRAM).args(["man", "--directory"]).arg(place).status().unwrap();
    assert!(made.success());
    fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_linter_of_pages_finds_nothing() {
    let place = tempfile::tempdir().unwrap();
    let pages = pages(place.path());
    assert!(pages.len() > 20, "{pages:?}");
    let files = pages.iter().map(|page| page.to_str().unwrap());
    let arguments: Vec<&str> = ["-T", "lint", "-W", "warning"].into_iter().chain(files).collect();
    let Some(output) = say("mandoc", "mandoc", &arguments) else { return };
    assert!(output.status.success(), "{}", all_of(&output));
}

/// Runs a script of a shell beside the completions for it.
fn complete(shell: &str, script: &str) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("completions");
    let made = Command::new(PROGRAM).args(["completions", shell]).output().unwrap();
    assert!(made.status.success());
    fs::write(&file, made.stdout).unwrap();
    let output = say(shell, shell, &["-c", &script.replace("FILE", file.to_str().unwrap())])?;
    assert!(output.status.success(), "{shell}: {}", all_of(&output));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn bash_completes_commands_and_options() {
    let script = "
        set -e
        source FILE
        complete -p kimchi-peers >/dev/null
        ask() {
            COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))
            _kimchi__peers \"$1\" \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
            echo ${COMPREPLY[*]}
        }
        ask kimchi-peers sea
        ask kimchi-peers list --al
        ask kimchi-peers reset-identity --kee
        ask kimchi-peers list -o wi
        ask kimchi-peers key inst";
    let Some(said) = complete("bash", script) else { return };
    assert_eq!(said.lines().collect::<Vec<_>>(), ["search", "--all", "--keep", "wide", "install"]);
}

#[test]
fn fish_completes_commands_and_options() {
    let script = "source FILE && complete -C 'kimchi-peers sea' && complete -C 'kimchi-peers list --al'";
    let Some(said) = complete("fish", script) else { return };
    let words: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, ["search", "--all"]);
}

#[test]
fn zsh_takes_the_completions() {
    let script = "zsh -n FILE && autoload -Uz compinit && compinit -D && source FILE && whence -w _kimchi-peers";
    let Some(said) = complete("zsh", script) else { return };
    assert_eq!(said, "_kimchi-peers: function\n");
}

/// All that a package has, as the manifest says it.
fn assets_of(package: &str) -> Vec<toml::Value> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    manifest["package"]["metadata"][package]["assets"].as_array().unwrap().clone()
}

/// The sources of all that a package has, from the root of the project.
fn assets(package: &str) -> BTreeSet<String> {
    let source = |asset: &toml::Value| {
        // A link has no source.
        let source = asset.get("source").or_else(|| asset.get(0))?;
        Some(source.as_str()?.trim_start_matches("../../").to_owned())
    };
    assets_of(package).iter().filter_map(source).collect()
}

#[test]
fn the_link_of_the_deb_is_the_alternative_and_leads_to_the_program() {
    let assets = assets_of("deb");
    let links: Vec<(&str, &str)> = assets
        .iter()
        .filter_map(|asset| Some((asset.get("dest")?.as_str()?, asset.get("link_name")?.as_str()?)))
        .collect();
    let [(place, target)] = links[..] else { panic!("{links:?}") };
    assert!(text("debian/scripts/postinst").contains(&format!("/usr/bin/slptool slptool /{place} ")), "{place}");
    let mut path = Path::new("/").join(place);
    path.pop();
    for part in target.split('/') {
        match part {
            ".." => assert!(path.pop(), "{target}"),
            name => path.push(name),
        }
    }
    assert_eq!(path, Path::new("/usr/bin/kimchi-peers"));
}

#[test]
fn both_packages_have_the_same_and_all_of_it_exists() {
    let (deb, rpm) = (assets("deb"), assets("generate-rpm"));
    for source in deb.union(&rpm).filter(|source| source.starts_with("packaging/")) {
        assert!(packaging(source.trim_start_matches("packaging/")).exists(), "{source}");
    }
    let only =
        |these: &BTreeSet<String>, others: &BTreeSet<String>| these.difference(others).cloned().collect::<Vec<_>>();
    // What is a matter of the family of the host.
    assert_eq!(only(&deb, &rpm), ["packaging/debian/lintian-overrides", "packaging/firewall/ufw.profile"]);
    let of_rpm = only(&rpm, &deb);
    let wanted = [
        "CHANGELOG.md",
        "LICENSE-*",
        "packaging/systemd/kimchi-peers.service",
        "packaging/systemd/kimchi-peers.socket",
        "packaging/systemd/kimchi-peers.sysusers",
    ];
    assert_eq!(of_rpm, wanted, "the deb takes the units by another way");
}
