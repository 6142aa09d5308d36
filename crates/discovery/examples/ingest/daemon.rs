//! The daemon under load: started, asked over its API, and ended with this value.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Sample, cpu_of_thread};

const API: &str = "127.0.0.1:8132";

pub(crate) struct Daemon {
    child: Child,
    state: PathBuf,
}

impl Daemon {
    pub(crate) fn start(program: &Path) -> Self {
        let state = std::env::temp_dir().join(format!("kimchi-peers-ingest-{}", std::process::id()));
        let child = Command::new(program)
            .args(["run", "--name", "ingest", "--interface", "lo", "--api", API, "--state-dir"])
            .arg(&state)
            .stdout(Stdio::null())
            .spawn()
            .expect("the daemon starts");
        let daemon = Self { child, state };
        daemon.wait("the API answers", || TcpStream::connect(API).is_ok());
        daemon
    }

    /// Waits until it lists so many peers.
    pub(crate) fn wait_for_peers(&self, peers: u32) {
        self.wait("it lists all peers", || number(&self.get("/v1/status"), "local_up") == u64::from(peers));
    }

    pub(crate) fn sample(&self) -> Sample {
        let status = self.get("/v1/status");
        let (_, received) = status.split_once("\"received\":").expect("counters");
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        Sample {
            cpu: tasks.filter_map(|task| Some(cpu_of_thread(&task.ok()?.path()))).sum(),
            // What was over the budget of an address was taken from the socket, too.
            taken: number(received, "notify") + number(&status, "flood"),
            lost: number(&status, "kernel_dropped") + number(&status, "skipped"),
        }
    }

    /// Resident and proportional memory, in kB.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id())).expect("it runs");
        let size = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the member is there");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        (size("Rss:"), size("Pss:"))
    }

    /// What was written to the database: its transactions, and the bytes of its files.
    pub(crate) fn database(&self) -> String {
        let sizes = ["kimchi-peers.db", "kimchi-peers.db-wal"].map(|name| {
            let size = std::fs::metadata(self.state.join(name)).map_or(0, |file| file.len());
            format!("{name} {size} bytes")
        });
        format!("{} commits, {}", number(&self.get("/v1/status"), "commits"), sizes.join(", "))
    }

    fn get(&self, path: &str) -> String {
        get(path)
    }

    fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !done() {
            assert!(Instant::now() < end, "{what}: not within 20 s");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The answer to one request.
pub(crate) fn get(path: &str) -> String {
    let mut connection = TcpStream::connect(API).expect("the API answers");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {API}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("it takes a request");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    answer
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

/// The first number after this member name.
fn number(text: &str, name: &str) -> u64 {
    let (_, rest) = text.split_once(&format!("\"{name}\":")).expect("the member is there");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
