//! One network, UTS and mount namespace, held open by a process that does nothing.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::process::Running;

/// A namespace of its own with a host name, `lo` up, an own `/sys` (what it shows depends on the network namespace) and
/// an own `/run/kimchi-peers` (so that the default socket of two daemons is not one). It goes when this value is dropped.
pub(crate) struct Namespace {
    holder: Running,
    name: String,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        // rp_filter would drop forged sources in the kernel; that the daemon refuses them itself is what is tested.
        let script = "set -e; hostname \"$1\"; mkdir -p /run/kimchi-peers \"/run/hosts/$1\"; \
                      mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run/kimchi-peers; ip link set lo up; \
                      for each in all default; do echo 0 >/proc/sys/net/ipv4/conf/$each/rp_filter; done; \
                      echo held; exec cat";
        let mut command = Command::new("unshare");
        command.args(["--net", "--uts", "--mount", "sh", "-c", script, "sh", name]);
        let mut holder = Running::start(&format!("the namespace {name}"), &mut command);
        holder.wait_line(Duration::from_secs(10), "\"held\"", 0, |line| line == "held");
        Self { holder, name: name.to_owned() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The pid by which `ip link ... netns PID` names this namespace.
    pub(crate) fn pid(&self) -> u32 {
        self.holder.pid()
    }

    /// A directory of this host on a private tmpfs, seen by the test under the same path.
    pub(crate) fn directory(&self) -> String {
        format!("/run/hosts/{}", self.name)
    }

    /// A command that runs in here. `nsenter` replaces itself, so the pid of the child is that of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.pid())).args(["--net", "--uts", "--mount", "--"]).args(arguments);
        command.env("PYTHONUNBUFFERED", "1").env("HOME", self.directory()).env_remove("NOTIFY_SOCKET");
        command
    }

    /// Runs a program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// Runs a program that must succeed, with this text on its stdin; returns its stdout.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> String {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        child.stdin.take().expect("stdin is a pipe").write_all(input.as_bytes()).expect("it reads its stdin");
        let output = child.wait_with_output().expect("it can be waited for");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} in {} failed: {said}\n{input}", self.name);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs lines of `ip`, such as "link set eth0 up", in one process.
    pub(crate) fn ip(&self, lines: &str) -> String {
        self.run_with(&["ip", "-batch", "-"], &format!("{lines}\n"))
    }

    /// Starts a program that goes on running.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let what = format!("{} on {}", arguments.join(" "), self.name);
        Running::start(&what, &mut self.command(arguments))
    }

    /// Starts one of our Python scripts with its arguments.
    pub(crate) fn spawn_script(&self, script: &str, source: &str, arguments: &[&str]) -> Running {
        let mut command = self.command(&["python3", "-c", source]);
        Running::start(&format!("{script} on {}", self.name), command.args(arguments))
    }
}
