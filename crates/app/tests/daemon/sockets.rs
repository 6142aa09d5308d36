//! The Unix socket: whose it is, and what becomes of one that was left behind.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;

use super::http::{Request, Target};
use super::inside;
use super::support::{Daemon, Setup, code, errors};

#[test]
fn a_socket_that_a_killed_daemon_left_is_replaced() {
    inside(|| {
        let mut daemon = Daemon::start("subject");
        daemon.running.kill();
        assert!(daemon.setup.socket().exists());
        let again = daemon.setup.start();
        assert_eq!(again.socket("GET", "/healthz").send().status, 200);
    });
}

#[test]
fn the_socket_of_a_living_daemon_is_not_taken_away() {
    inside(|| {
        let daemon = Daemon::start("first");
        let socket = format!("unix:{}", daemon.setup.socket().display());
        let output = Setup::new("second").api(&socket).fail();
        assert_eq!(code(&output), 1);
        assert!(errors(&output).contains(&socket) && errors(&output).contains("hint: "), "{}", errors(&output));
        assert_eq!(daemon.socket("GET", "/v1/self").send().json()["name"], "first");
    });
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    inside(|| {
        let setup = Setup::new("subject");
        let file = setup.directory().join("precious");
        fs::write(&file, "letters").unwrap();
        let output = setup.api(&format!("unix:{}", file.display())).fail();
        assert_eq!(code(&output), 1, "{}", errors(&output));
        assert_eq!(fs::read_to_string(&file).unwrap(), "letters");
    });
}

#[test]
fn the_socket_of_another_program_is_left_alone() {
    inside(|| {
        let setup = Setup::new("subject");
        let other = UnixListener::bind(setup.socket()).unwrap();
        let output = setup.fail();
        assert_eq!(code(&output), 1, "{}", errors(&output));
        assert!(fs::metadata(setup.socket()).unwrap().file_type().is_socket());
        drop(other);
    });
}

#[test]
fn the_directory_of_the_socket_is_made() {
    inside(|| {
        let setup = Setup::new("subject");
        let socket = setup.directory().join("made/api.sock");
        let _daemon = setup.api(&format!("unix:{}", socket.display())).start();
        assert_eq!(Request::new(Target::Unix(socket), "GET", "/peers").send().text(), "[]");
    });
}
