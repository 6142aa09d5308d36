//! Under a service manager: sockets that it hands over, and its watchdog.

use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use super::http::{Request, Target};
use super::inside;
use super::process::Running;
use super::support::{API, LONG, PROGRAM, Setup, skip};
use super::wait::{seconds, until, until_some};

/// Opens sockets as the service manager does, and becomes the program when somebody comes.
const ACTIVATE: &str = "systemd-socket-activate";
/// Three meals in it.
const WATCHDOG_MICROSECONDS: &str = "900000";
/// Stops one thread and nothing else of a process, until its stdin ends.
const STOP_THREAD: &str = "
import ctypes, os, sys
PTRACE_SEIZE, PTRACE_INTERRUPT = 0x4206, 0x4207
pid, wanted = sys.argv[1], sys.argv[2]
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for thread in os.listdir(f'/proc/{pid}/task'):
    if open(f'/proc/{pid}/task/{thread}/comm').read().strip() == wanted:
        for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
            if ptrace(request, int(thread), None, None) != 0:
                sys.exit(os.strerror(ctypes.get_errno()))
        print('stopped', flush=True)
sys.stdin.read()
";

fn can_activate() -> bool {
    let is_there = Command::new(ACTIVATE).arg("--version").output().is_ok();
    if !is_there {
        skip(&format!("sockets that are handed over: there is no {ACTIVATE} (package systemd)"));
    }
    is_there
}

/// The daemon behind sockets that are open before it runs. Nothing names an API address to it.
fn activate(setup: &Setup, sockets: &[&str]) -> Running {
    let mut command = Command::new(ACTIVATE);
    command.args(sockets).arg("--setenv=HOME=/run/hosts").arg(PROGRAM).args(["run", "--interface", "lo", "--events"]);
    command.args(["--name", "subject", "--port", "18000", "--state-dir"]).arg(setup.state_directory());
    Running::start("the daemon behind open sockets", &mut command)
}

#[test]
fn sockets_that_are_handed_over_stand_for_the_defaults() {
    if !can_activate() {
        return;
    }
    inside(|| {
        let setup = Setup::new("subject");
        let path = setup.socket();
        let mut daemon = activate(&setup, &["--listen", API, "--listen", path.to_str().unwrap()]);
        // Who comes while it is not there yet waits, and is served.
        until(LONG, "the port is open", || TcpStream::connect(API).is_ok());
        assert_eq!(Request::new(Target::Tcp(API.to_owned()), "GET", "/healthz").send().status, 200);
        let socket = |method: &str, path: &str| Request::new(Target::Unix(setup.socket()), method, path);
        let status = socket("GET", "/v1/status").send().json();
        let wanted = [API.to_owned(), format!("unix:{}", path.display())];
        assert_eq!(status["api"], serde_json::json!(wanted), "{status}");
        assert_eq!(socket("POST", "/v1/search").json_body("{}").send().status, 202, "root may, without a token");
        assert!(TcpStream::connect("127.0.0.1:8132").is_err(), "its own default is left alone");
        assert_eq!(daemon.terminate().code(), Some(0));
        assert!(path.exists(), "the socket belongs to who opened it");
    });
}

#[test]
fn what_no_socket_for_an_api_is_told() {
    if !can_activate() {
        return;
    }
    inside(|| {
        let setup = Setup::new("subject");
        let mut daemon = activate(&setup, &["--datagram", "--listen", API]);
        let knock = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ended = until_some(LONG, "it ends", || {
            let _ = knock.send_to(b"knock", API);
            if daemon.is_running() { None } else { Some(daemon.wait_end(LONG)) }
        });
        assert_eq!(ended.code(), Some(1));
        let said = || daemon.errors().since(0).into_iter().map(|line| line.text + "\n").collect::<String>();
        until(LONG, "it says why", || said().contains("socket number 1") && said().contains("hint: "));
    });
}

#[test]
fn the_watchdog_is_fed_until_the_thread_of_the_database_hangs() {
    inside(|| {
        let setup = Setup::new("subject");
        let place = setup.directory().join("notify");
        let manager = UnixDatagram::bind(&place).unwrap();
        let mut command = setup.command();
        command.arg("--events").env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", WATCHDOG_MICROSECONDS);
        let mut daemon = Running::start("the daemon under a watchdog", &mut command);
        let hears = |wanted: &str, patience: Duration| {
            manager.set_read_timeout(Some(patience)).unwrap();
            let mut bytes = [0; 256];
            let Ok(length) = manager.recv(&mut bytes) else { return false };
            String::from_utf8_lossy(&bytes[..length]).lines().any(|line| line == wanted)
        };
        assert!(hears("READY=1", LONG));
        for _ in 0..3 {
            assert!(hears("WATCHDOG=1", LONG));
        }
        let mut stopped = Running::start(
            "what stops a thread",
            Command::new("python3").args(["-c", STOP_THREAD, &daemon.pid().to_string(), "store"]),
        );
        stopped.wait_line(LONG, "the thread has stopped", 0, |line| line == "stopped");
        // A meal or two may have been on their way.
        while hears("WATCHDOG=1", Duration::from_millis(10)) {}
        assert!(!hears("WATCHDOG=1", seconds(3)), "it was fed while the database hung");
        assert_eq!(Request::new(Target::Tcp(API.to_owned()), "GET", "/healthz").send().status, 200, "the rest goes on");
        stopped.kill();
        assert!(hears("WATCHDOG=1", LONG), "it is fed again");
        assert_eq!(daemon.terminate().code(), Some(0));
    });
}
