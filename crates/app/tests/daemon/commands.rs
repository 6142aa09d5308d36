//! The command line: exit statuses, what it says when something is wrong, help, completions and man pages.

use std::collections::BTreeSet;
use std::fs;
use std::io::pipe;
use std::process::{Command, Stdio};

use super::inside;
use super::support::{BasePeer, Daemon, Setup, code, errors, program, succeed};

/// The commands that `--help` lists after these words of a command line.
fn commands(words: &[&str]) -> Vec<String> {
    let help = succeed(words, &program().args(words).arg("--help").output().unwrap());
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn without_a_daemon_the_exit_status_is_3_with_a_hint() {
    inside(|| {
        let setup = Setup::new("nobody");
        let lines: [&[&str]; 8] = [
            &["list"],
            &["list", "-o", "json"],
            &["show", "kvm-1"],
            &["history"],
            &["status"],
            &["add", "kvm9.invalid"],
            &["remove", "kvm9.invalid"],
            &["watch"],
        ];
        for arguments in lines {
            for address in ["127.0.0.1:18132", "unix:/run/hosts/nobody/api.sock"] {
                let output = setup.clone().api(address).cli(arguments);
                assert_eq!(code(&output), 3, "{arguments:?}: {}", errors(&output));
                assert!(output.stdout.is_empty());
                let said = errors(&output);
                assert!(
                    said.contains(address) && said.contains("hint: ") && said.contains("kimchi-peers run"),
                    "{said}"
                );
            }
        }
    });
}

#[test]
fn the_exit_status_tells_what_went_wrong() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peers = [BasePeer::known("kvm-alpha", 2, &daemon), BasePeer::known("kvm-beta", 3, &daemon)];
        let cases: [(&[&str], i32, &str); 22] = [
            (&["list"], 0, ""),
            (&["show", "kvm-alpha"], 0, ""),
            (&["show", "kvm-a"], 0, ""),
            (&["show", "127.0.0.3"], 0, ""),
            (&["show", "kvm-"], 1, "fits several peers"),
            (&["doctor", "kvm-"], 1, "fits several peers:\n  kvm-alpha  127.0.0.2  kvm-alpha@127.0.0.2\n  kvm-beta "),
            (&["leave", "--for", "2"], 2, "such as 30m"),
            (&["--token-file", "/nonexistent", "add", "kvm9.invalid"], 1, "cannot read /nonexistent: no such file\n"),
            (&["add", "192.0.2.256"], 1, "there is no 256 in an IPv4 address"),
            (&["show", "subject"], 4, "subject is this host"),
            (&["remove", "kvm"], 1, "did you mean one of these?\n  kvm-alpha  127.0.0.2  "),
            (&["remove", "kvm-a"], 1, "give the whole name"),
            (&["list", "--json"], 0, ""),
            (&["remove", "kvm-alpha"], 1, "kvm-alpha is there"),
            (&["show", "gamma"], 4, "no such peer"),
            (&["history", "gamma"], 4, "no such peer"),
            (&["history", "--since", "yesterday"], 2, "such as 2h"),
            (&["remove", "gamma"], 4, "no such peer"),
            (&["show"], 2, "Usage"),
            (&["list", "--nonsense"], 2, "Usage"),
            (&["list", "-o", "xml"], 2, "json"),
            (&["lits"], 2, "list"),
        ];
        for (arguments, status, words) in cases {
            let output = daemon.setup.cli(arguments);
            let said = errors(&output);
            assert_eq!(code(&output), status, "{arguments:?}: {said}");
            assert!(said.contains(words), "{arguments:?}: {said}");
            assert_eq!(output.stdout.is_empty(), status != 0, "{arguments:?}");
            let hinted = [1, 4].contains(&status) && !said.contains("is there");
            assert!(!hinted || said.contains("hint: "), "{arguments:?}: {said}");
        }
        let ambiguous = errors(&daemon.setup.cli(&["show", "kvm"]));
        assert!(ambiguous.contains("kvm-alpha@127.0.0.2") && ambiguous.contains("kvm-beta@127.0.0.3"), "{ambiguous}");
    });
}

#[test]
fn without_the_token_the_hint_says_where_it_is() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let other = daemon.setup.clone().state("/run/hosts/other");
        let output = other.cli(&["add", "kvm9.invalid"]);
        assert_eq!(code(&output), 1);
        let directory = daemon.setup.state_directory().display();
        let said = errors(&output);
        assert!(
            said.contains(&format!("keeps its state in {directory}\nhint: add --state-dir {directory}\n")),
            "{said}"
        );
        let socket = format!("unix:{}", daemon.setup.socket().display());
        assert_eq!(code(&other.api(&socket).cli(&["add", "kvm9.invalid"])), 0);
    });
}

#[test]
fn who_has_read_enough_is_no_failure() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        let formats = ["table", "wide", "json", "csv", "urls", "names"].map(|format| vec!["list", "-o", format]);
        let others = [
            vec!["show", "kvm-1"],
            vec!["history", "-o", "csv"],
            vec!["status"],
            vec!["watch", "-o", "json"],
            vec!["config", "show"],
            vec!["help"],
        ];
        let with_daemon =
            formats.into_iter().chain(others).map(|arguments| (daemon.setup.cli_command(&arguments), arguments));
        let without = [vec!["completions", "bash"], vec!["man"]].map(|arguments| {
            let mut command = program();
            command.args(&arguments);
            (command, arguments)
        });
        for (mut command, arguments) in with_daemon.chain(without) {
            // A pipe whose reader has gone before the first byte, as `| head -0` may have.
            let (reader, writer) = pipe().unwrap();
            drop(reader);
            let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
            assert_eq!((code(&output), errors(&output).as_str()), (0, ""), "{arguments:?}");
        }
    });
}

#[test]
fn a_closed_stdout_is_a_failure_with_a_sentence() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = daemon.setup.cli_command(&["list", "-o", "json"]);
        let output = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!(code(&output), 1);
        assert!(errors(&output).starts_with("kimchi-peers: "), "{}", errors(&output));
    });
}

#[test]
fn every_command_explains_itself() {
    let all = commands(&[]);
    for needed in [
        "run",
        "search",
        "list",
        "show",
        "history",
        "watch",
        "add",
        "remove",
        "status",
        "doctor",
        "matrix",
        "demo",
        "completions",
        "man",
    ] {
        assert!(all.iter().any(|name| name == needed), "{needed} is not among {all:?}");
    }
    let below = commands(&["config"]).into_iter().map(|name| vec!["config".to_owned(), name]);
    for words in all.into_iter().map(|name| vec![name]).chain(below) {
        let help = succeed(&[], &program().args(&words).arg("--help").output().unwrap());
        let (about, rest) = help.split_once("\n\nUsage: ").unwrap_or_else(|| panic!("{words:?}: {help}"));
        assert!(about.split_whitespace().count() >= 3, "{words:?}: {about}");
        assert!(rest.starts_with(&format!("kimchi-peers {}", words.join(" "))), "{words:?}: {help}");
        // Each option has words of its own, beside its name and on its line or below.
        let lines: Vec<&str> = help.lines().collect();
        for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.trim_start().starts_with("--")) {
            let below = lines.get(index + 1).copied().unwrap_or_default();
            let explained = line.trim().split("  ").count() > 1 || below.starts_with("          ");
            assert!(explained, "{words:?}: {line}");
        }
        let short = succeed(&[], &program().args(&words).arg("-h").output().unwrap());
        assert!(short.lines().all(|line| line.chars().count() <= 100), "{words:?}: {short}");
    }
    for words in [&["run"][..], &["search"], &["list"], &["history"], &["leave"], &["add"], &[]] {
        let help = succeed(words, &program().args(words).arg("--help").output().unwrap());
        assert!(help.contains("Examples:\n  kimchi-peers "), "{words:?}: {help}");
    }
}

#[test]
fn nothing_and_version_say_what_this_is() {
    let nothing = program().output().unwrap();
    assert_eq!(code(&nothing), 2);
    assert!(errors(&nothing).contains("Usage: kimchi-peers"), "{}", errors(&nothing));
    let version = succeed(&["--version"], &program().arg("--version").output().unwrap());
    assert_eq!(version, format!("kimchi-peers {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_there_for_every_shell_and_bash_reads_its_own() {
    for shell in ["bash", "zsh", "fish"] {
        let script = succeed(&[], &program().args(["completions", shell]).output().unwrap());
        assert!(script.contains("kimchi-peers") && script.contains("state-dir"), "{shell}: {script}");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), script).unwrap();
        // Those of the others are read where the others are installed.
        match Command::new(shell).arg("-n").arg(file.path()).output() {
            Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {}", errors(&output)),
            Err(error) => assert_ne!(shell, "bash", "{error}"),
        }
    }
}

#[test]
fn there_is_a_man_page_for_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man/man1");
    succeed(&[], &program().args(["man", "--directory"]).arg(&pages).output().unwrap());
    let written: BTreeSet<String> =
        fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let below = commands(&["config"]).into_iter().map(|name| format!("-config-{name}"));
    let names = commands(&[]).into_iter().map(|name| format!("-{name}")).chain(below).chain([String::new()]);
    for name in names {
        let page = format!("kimchi-peers{name}.1");
        assert!(written.contains(&page), "{page} is not among {written:?}");
        assert!(fs::read_to_string(pages.join(page)).unwrap().contains(".SH SYNOPSIS"));
    }
    let whole = succeed(&["man"], &program().arg("man").output().unwrap());
    assert_eq!(whole, fs::read_to_string(pages.join("kimchi-peers.1")).unwrap());
    let nowhere = program().args(["man", "--directory", "/dev/null/man"]).output().unwrap();
    assert_eq!(code(&nowhere), 1);
}
