//! The demo: it shows what there is to see, and leaves nothing behind.

use std::fs;
use std::path::{Path, PathBuf};

use super::inside;
use super::process::Running;
use super::support::{LONG, code, errors, program};
use super::wait::seconds;

/// A directory of its own for temporary files.
fn scratch() -> PathBuf {
    let path = PathBuf::from("/run/hosts/tmp");
    fs::create_dir_all(&path).unwrap();
    path
}

fn leftovers(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn start(directory: &Path, arguments: &[&str]) -> Running {
    Running::start("the demo", program().arg("demo").args(arguments).env("TMPDIR", directory))
}

#[test]
fn it_shows_joins_a_leave_and_a_return() {
    inside(|| {
        let directory = scratch();
        let mut demo = start(&directory, &["--hosts", "3", "--duration", "20s"]);
        demo.wait_line(LONG, "the first joins", 0, |line| line.contains(" up ") && line.contains("kvm-busan"));
        demo.wait_line(LONG, "the second joins", 0, |line| line.contains(" up ") && line.contains("kvm-incheon"));
        demo.wait_line(LONG, "it leaves", 0, |line| line.contains(" down ") && line.contains("kvm-incheon"));
        let mark = demo.output().count();
        demo.wait_line(LONG, "it returns", mark, |line| line.contains(" up ") && line.contains("kvm-incheon"));
        assert_eq!(leftovers(&directory).len(), 1, "its state");
        demo.signal("INT");
        assert_eq!(demo.wait_end(seconds(10)).code(), Some(0));
        assert_eq!(leftovers(&directory), Vec::<PathBuf>::new());
    });
}

#[test]
fn it_ends_by_itself_and_its_api_answers_meanwhile() {
    inside(|| {
        let directory = scratch();
        let mut demo = start(&directory, &["--hosts", "2", "--duration", "3s"]);
        let line = demo.wait_line(LONG, "how to ask it", 0, |line| line.contains("list --api ")).text;
        assert!(line.trim_start().starts_with(program().get_program().to_str().unwrap()), "{line}");
        demo.wait_line(LONG, "the other joins", 0, |line| line.contains(" up "));
        let api = line.rsplit(' ').next().unwrap();
        let output = program().args(["list", "--api", api, "-o", "names"]).output().unwrap();
        assert_eq!((code(&output), output.stdout.as_slice()), (0, &b"kvm-busan\n"[..]), "{}", errors(&output));
        assert_eq!(demo.wait_end(LONG).code(), Some(0));
        assert_eq!(leftovers(&directory), Vec::<PathBuf>::new());
    });
}

#[test]
fn however_it_is_ended_it_leaves_nothing_behind() {
    inside(|| {
        for signal in ["INT", "TERM", "HUP"] {
            let directory = scratch();
            let mut demo = start(&directory, &["--hosts", "2"]);
            demo.wait_line(LONG, "the other joins", 0, |line| line.contains(" up "));
            demo.signal(signal);
            demo.wait_end(seconds(10));
            assert_eq!(leftovers(&directory), Vec::<PathBuf>::new(), "{signal}");
        }
    });
}

#[test]
fn it_takes_no_address_of_a_daemon() {
    for arguments in [["--api", "127.0.0.1:8132", "demo"], ["demo", "--state-dir", "/nonexistent"]] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!((code(&output), output.stdout.len()), (2, 0), "{arguments:?}");
        assert!(errors(&output).contains("leave out --api and --state-dir"), "{}", errors(&output));
    }
}

#[test]
fn a_number_of_hosts_that_cannot_be_shown_is_wrong_usage() {
    for number in ["0", "1", "65", "-1", "many"] {
        let output = program().args(["demo", "--hosts", number]).output().unwrap();
        assert_eq!(code(&output), 2, "{number}: {}", errors(&output));
    }
}
