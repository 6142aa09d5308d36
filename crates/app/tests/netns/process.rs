//! A child process whose lines are collected with their time of arrival, and which ends with its guard.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::wait::until_some;

/// A line of output and when it was read.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Instant,
    pub(crate) text: String,
}

/// The lines that a child has printed so far on one of its outputs; a thread goes on collecting.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<Line>>>);

impl Lines {
    fn collect(source: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let collected = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(source).split(b'\n').map_while(Result::ok) {
                let text = String::from_utf8_lossy(&line).into_owned();
                collected.lock().push(Line { at: Instant::now(), text });
            }
        });
        lines
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        // A panicking test still wants to show the lines, so a poisoned lock is no reason to stop.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many lines there are: a mark for [`Lines::since`].
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// The lines after the first `mark` ones.
    pub(crate) fn since(&self, mark: usize) -> Vec<Line> {
        self.lock().get(mark..).unwrap_or_default().to_vec()
    }
}

/// A child process; killed, by its own pid, when this value is dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
    what: String,
    output: Lines,
    errors: Lines,
}

impl Running {
    /// Starts the command with pipes on all three of its standard streams.
    pub(crate) fn start(what: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{what} does not start: {error}"));
        let output = Lines::collect(child.stdout.take().expect("stdout is a pipe"));
        let errors = Lines::collect(child.stderr.take().expect("stderr is a pipe"));
        let input = child.stdin.take();
        Self { child, input, what: what.to_owned(), output, errors }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed on stdout.
    pub(crate) fn output(&self) -> &Lines {
        &self.output
    }

    /// What it printed on stderr.
    pub(crate) fn errors(&self) -> &Lines {
        &self.errors
    }

    /// Writes one line to its stdin.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("stdin is open");
        writeln!(input, "{line}").and_then(|()| input.flush()).expect("the child reads its stdin");
    }

    /// Waits for a line of stdout after the mark; gives up at once when the child has ended without it.
    pub(crate) fn wait_line(
        &mut self,
        limit: Duration,
        what: &str,
        mark: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Line {
        let what = format!("{what}, from {}", self.what);
        until_some(limit, &what, || {
            let ended = self.child.try_wait().ok().flatten();
            let found = self.output.since(mark).into_iter().find(|line| wanted(&line.text));
            if found.is_none() && ended.is_some() {
                // The collecting thread may be a moment behind the end of the process.
                std::thread::sleep(Duration::from_millis(100));
                let late = self.output.since(mark).into_iter().find(|line| wanted(&line.text));
                return Some(late.unwrap_or_else(|| panic!("{what}: it ended with {ended:?}")));
            }
            found
        })
    }

    /// Sends a signal such as "TERM" and does not wait.
    pub(crate) fn signal(&self, signal: &str) {
        let script = "kill -s \"$1\" \"$2\"";
        let status = Command::new("sh").args(["-c", script, "sh", signal, &self.pid().to_string()]).status();
        assert!(status.expect("sh runs").success(), "signal {signal} to {}", self.what);
    }

    /// Waits for it to end by itself.
    pub(crate) fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.what);
        until_some(limit, &what, || self.child.try_wait().expect("it can be waited for"))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_end(Duration::from_secs(10))
    }

    /// Ends it like `kill -9`: no goodbye, nothing flushed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let lines = self.errors.since(self.errors.count().saturating_sub(20));
            lines.iter().for_each(|line| eprintln!("stderr of {}: {}", self.what, line.text));
        }
    }
}
