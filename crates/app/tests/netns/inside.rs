//! Runs a test inside namespaces of its own: the test process starts itself again for exactly that test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::skipped::not_tested;

/// Set in the process that runs inside; its value is the name of the test.
const MARKER: &str = "KIMCHI_PEERS_NETNS_TEST";
/// Printed by pid 1 when the body begins; without it "0 tests passed" would look like success.
const BEGUN: &str = "netns: the body begins";
/// The limit of a test that sets none. A hung test must not hold up the whole run.
const USUAL_LIMIT: Duration = Duration::from_secs(120);

/// Runs the body as pid 1 of private namespaces, with `lo` up and an own `/run`. Fails when the body panics or takes
/// more than two minutes.
pub(crate) fn inside<Body: FnOnce()>(body: Body) {
    inside_within(USUAL_LIMIT, body);
}

/// [`inside`] with a time limit of its own.
pub(crate) fn inside_within<Body: FnOnce()>(limit: Duration, body: Body) {
    let name = name_of_test(&body);
    if std::env::var(MARKER).is_ok_and(|marker| marker == name) {
        prepare();
        println!("{BEGUN}");
        body();
        return;
    }
    if let Some(missing) = missing() {
        skip(&name, missing);
        return;
    }
    run_again(&name, limit);
}

/// Whether the namespaces can be made on this machine; says so as loudly as [`inside`] when they cannot.
pub(crate) fn can_run_here() -> bool {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    missing().is_none_or(|missing| {
        skip(&name, missing);
        false
    })
}

fn skip(name: &str, missing: &str) {
    not_tested(&format!("{name}: network namespaces cannot be used here: {missing}"));
}

/// The name by which libtest knows the test: the path of its function without the crate, taken from the type of the
/// closure in it. The thread's name would not do: with one test thread it is "main".
fn name_of_test<Body>(_: &Body) -> String {
    let path = std::any::type_name::<Body>().trim_end_matches("::{{closure}}");
    path.split_once("::").map_or(path, |(_, inner)| inner).to_owned()
}

/// The start of a command line that makes the namespaces. The new pid namespace is the leash: when its first process
/// ends, the kernel kills all others in it. `setpriv` ends `unshare`, and that its child, when our thread dies.
fn namespaces() -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    command
}

fn is_root() -> bool {
    let own = Command::new("id").arg("-u").output();
    own.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// What this machine lacks, in words; tried once for all tests of the process.
fn missing() -> Option<&'static str> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    MISSING.get_or_init(find_missing).as_deref()
}

fn find_missing() -> Option<String> {
    let tools = ["setpriv", "unshare", "nsenter", "mount", "hostname", "ip", "nft", "python3"];
    let found = |tool: &&&str| Command::new(tool).arg("--version").output().is_err();
    let lacking: Vec<&str> = tools.iter().filter(found).copied().collect();
    if !lacking.is_empty() {
        return Some(format!("no program named {}", lacking.join(", ")));
    }
    let attempt = "mount -t tmpfs tmpfs /run && ip link set lo up && ip link add veth1 type veth peer name veth2 \
                   && ip link add bridge1 type bridge && nft add table inet table1";
    let output = namespaces().args(["sh", "-c", attempt]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    (!output.status.success()).then(|| format!("unshare, mount, ip or nft is not permitted: {}", said.trim()))
}

/// What every test needs inside: a private `/run`, in which the names and sockets of the machine are not seen.
fn prepare() {
    let script = "mount -t tmpfs tmpfs /run && ip link set lo up && mkdir /run/hosts";
    let status = Command::new("sh").args(["-c", script]).status().expect("sh runs");
    assert!(status.success(), "a private /run and lo");
}

fn run_again(name: &str, limit: Duration) {
    let program = std::env::current_exe().expect("the path of the test program");
    let mut child = namespaces()
        .arg(program)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MARKER, name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("unshare starts");
    let lines = both_outputs(&mut child);
    let (begun, in_time) = pass_on(&lines, Instant::now() + limit);
    if !in_time {
        // Pid 1 inside dies with unshare, and with it all that the test has started.
        let _ = child.kill();
    }
    let status = child.wait().expect("unshare can be waited for");
    assert!(in_time, "{name} was ended after its time limit of {limit:?}");
    assert!(status.success(), "{name} failed inside its namespaces; its output is above");
    assert!(begun, "{name} did not run inside its namespaces: is the name wrong?");
}

fn both_outputs(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    read_lines(child.stdout.take().expect("stdout is a pipe"), sender.clone());
    read_lines(child.stderr.take().expect("stderr is a pipe"), sender);
    receiver
}

fn read_lines(source: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                break;
            }
        }
    });
}

/// Prints the lines from the thread of the test, where libtest captures them. Returns whether the body began, and
/// whether the output ended before the limit.
fn pass_on(lines: &Receiver<String>, end: Instant) -> (bool, bool) {
    let mut begun = false;
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                begun |= line.contains(BEGUN);
                println!("    | {line}");
            }
            Err(RecvTimeoutError::Disconnected) => return (begun, true),
            Err(RecvTimeoutError::Timeout) => return (begun, false),
        }
    }
}
