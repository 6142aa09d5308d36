//! A host of the soak with its daemon, which may be away.

use super::super::daemon::{Daemon, state_directory};
use super::super::host::Host;
use super::super::lan::Lan;
use super::super::wait::{seconds, until};
use super::faults::Fault;
use super::samples::Samples;

/// A file system of its own for the state, so small that it can be filled.
const DISK: &str = "size=8m,mode=0700";

/// One host.
pub(super) struct Member<'a> {
    host: &'a Host,
    daemon: Option<Daemon<'a>>,
    /// The last part of its present address, and the one it has while it is renumbered.
    numbers: [u8; 2],
    planted: Vec<Fault>,
    pub(super) samples: Samples,
    /// Lines at WARN of all its daemons so far.
    pub(super) warnings: usize,
}

impl<'a> Member<'a> {
    /// Mounts its disk and starts its daemon.
    pub(super) fn new(host: &'a Host, number: u8) -> Self {
        let state = state_directory(host);
        let mount = format!("mkdir -p {state} && mount -t tmpfs -o {DISK} tmpfs {state} && : >{}", settings_file(host));
        host.namespace().run_with(&["sh", "-ec", &mount], "");
        let numbers = [number, number + 100];
        let mut member =
            Self { host, daemon: None, numbers, planted: Vec::new(), samples: Samples::default(), warnings: 0 };
        member.start();
        member
    }

    pub(super) fn host(&self) -> &'a Host {
        self.host
    }

    /// Its daemon, which runs.
    pub(super) fn daemon(&self) -> &Daemon<'a> {
        self.daemon.as_ref().expect("its daemon runs")
    }

    /// The last part of its address.
    pub(super) fn number(&self) -> u8 {
        self.numbers[0]
    }

    /// Remembers that this was done to it, for the judgement of its log.
    pub(super) fn plant(&mut self, fault: Fault) {
        self.planted.push(fault);
    }

    pub(super) fn start(&mut self) {
        let settings = settings_file(self.host);
        self.daemon = Some(Daemon::start_with(self.host, &["--interface", "eth0", "--config", &settings]));
    }

    pub(super) fn kill(&mut self) {
        self.daemon.as_mut().expect("its daemon runs").kill();
        self.judge_log();
        self.daemon = None;
    }

    pub(super) fn leave(&mut self) {
        self.daemon().say(&["leave", "--for", "1m", "--reason", "soak"]);
        let status = self.daemon.as_mut().expect("its daemon runs").wait_end();
        assert!(status.success(), "{} left with {status}", self.host.name());
        self.judge_log();
        self.daemon = None;
    }

    /// Ends it for good, in the time that is promised.
    pub(super) fn terminate(&mut self) {
        let status = self.daemon.as_mut().expect("its daemon runs").terminate();
        assert!(status.success(), "{} ended with {status}", self.host.name());
        self.judge_log();
    }

    pub(super) fn configure(&self, text: &str) {
        // As an editor does it: never half a file.
        let file = settings_file(self.host);
        std::fs::write(format!("{file}.new"), text).expect("the configuration is written");
        std::fs::rename(format!("{file}.new"), file).expect("and put in place");
    }

    pub(super) fn renumber(&mut self, lan: &Lan) {
        let [old, new] = self.numbers;
        self.host.replace_address("eth0", &lan.address(old), &lan.address(new));
        self.numbers = [new, old];
    }

    /// Fills its disk to the last byte, and sees that this is noticed where something is to be kept.
    pub(super) fn fill_disk(&self) {
        let state = state_directory(self.host);
        self.host.run(&["sh", "-c", &format!("cat /dev/zero >{state}/filler")]);
        let output = self.daemon().cli(&["add", "192.0.2.78:8001", "--name", "too-much"]);
        assert!(!output.status.success(), "a full disk keeps nothing: {output:?}");
    }

    /// Makes room again, and waits until the store has found that out by itself.
    pub(super) fn free_disk(&self) {
        let state = state_directory(self.host);
        self.host.namespace().run_with(&["rm", &format!("{state}/filler")], "");
        until(seconds(60), "the disk is found to have room", || !self.daemon().fetch("/healthz").contains("disk-full"));
    }

    /// Panics at a line that tells of an error whose cause was not planted here.
    pub(super) fn judge_log(&mut self) {
        let excused: Vec<&str> = self.planted.iter().filter_map(|fault| fault.error_line()).collect();
        let lines = self.daemon().log_since(0);
        self.warnings += lines.iter().filter(|line| line.text.contains("  WARN ")).count();
        for line in lines {
            let is_error = line.text.contains(" ERROR ") || line.text.contains("panicked");
            let is_excused = excused.iter().any(|text| line.text.contains(text));
            assert!(!is_error || is_excused, "{} after {:?}: {}", self.host.name(), self.planted, line.text);
        }
    }
}

fn settings_file(host: &Host) -> String {
    format!("{}/kimchi-peers.toml", host.directory())
}
