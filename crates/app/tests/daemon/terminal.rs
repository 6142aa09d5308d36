//! `watch` in a terminal that a person would have: a screen of tmux, keys that are typed, a window that changes its size.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::inside;
use super::support::{BasePeer, Daemon, LONG, skip};
use super::wait::until;

/// A terminal with a shell in it; ended when this value is dropped.
struct Terminal(PathBuf);

impl Terminal {
    /// One of 100 columns and 24 lines.
    fn open(daemon: &Daemon) -> Self {
        let terminal = Self(daemon.setup.directory().join("tmux"));
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "24", "exec sh"]);
        // Some shells take no prompt from the environment.
        terminal.run("PS1='ready> '; clear");
        terminal.wait_for_shell();
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&self.0).arg("-u").args(arguments);
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR").env_remove("TMUX");
        let Output { status, stdout, stderr } = command.output().unwrap();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8_lossy(&stdout).into_owned()
    }

    /// Types a line into the shell.
    fn run(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.press("Enter");
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn resize(&self, width: &str, height: &str) {
        self.tmux(&["resize-window", "-x", width, "-y", height]);
    }

    /// What is to be seen now.
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until a screen fits.
    fn wait(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        until(LONG, what, || {
            screen = self.screen();
            fits(&screen)
        });
        screen
    }

    /// Waits until the shell waits for a command.
    fn wait_for_shell(&self) {
        self.wait("the shell", |screen| screen.lines().rfind(|line| !line.is_empty()) == Some("ready>"));
    }

    /// Waits until all of this is to be seen.
    fn shows(&self, parts: &[&str]) -> String {
        self.wait(&format!("{parts:?}"), |screen| parts.iter().all(|part| screen.contains(part)))
    }

    /// Whether a program draws in colours.
    fn has_colours(&self) -> bool {
        let screen = self.tmux(&["capture-pane", "-p", "-e"]);
        let codes = screen.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(codes, _)| codes);
        let is_colour = |code: &str| code.parse().is_ok_and(|code: u8| (30..39).contains(&code));
        codes.flat_map(|codes| codes.split(';')).any(is_colour)
    }

    /// The process id of what the shell runs.
    fn child(&self) -> String {
        let shell = self.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let shell = shell.trim();
        std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap().trim().to_owned()
    }

    /// How the terminal is set, and whether it shows the screen of a program in place of what was there before it.
    fn state(&self, daemon: &Daemon) -> (String, String) {
        self.wait_for_shell();
        let file = daemon.setup.directory().join("stty");
        // What an earlier call wrote, to the file or on the screen, is no answer to this one.
        let _ = std::fs::remove_file(&file);
        self.run(&format!("stty -g >{}", file.display()));
        let mut settings = String::new();
        until(LONG, "what is written", || {
            settings = std::fs::read_to_string(&file).unwrap_or_default();
            settings.ends_with('\n')
        });
        self.wait_for_shell();
        (settings, self.tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"]))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").arg("-S").arg(&self.0).arg("kill-server").output();
    }
}

/// The command that watches this daemon, as it is typed.
fn watch(daemon: &Daemon) -> String {
    let command = daemon.setup.cli_command(&["watch"]);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// Runs the body, where there is a terminal to be had.
fn with_tmux(body: impl FnOnce()) {
    if Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success()) {
        inside(body);
    } else {
        skip("watch on a terminal, for want of the program tmux");
    }
}

#[test]
fn watch_follows_on_a_terminal_whatever_its_size() {
    with_tmux(|| {
        let daemon = Daemon::start("subject");
        let _first = BasePeer::known("kvm-2", 2, &daemon);
        let mut second = BasePeer::known("kvm-10", 3, &daemon);
        let terminal = Terminal::open(&daemon);
        terminal.run(&watch(&daemon));
        let screen = terminal.shows(&["subject: 2 up", "NAME", "TRUST", "q quit"]);
        assert!(screen.find("kvm-2").unwrap() < screen.find("kvm-10").unwrap(), "{screen}");
        assert!(terminal.has_colours());

        // The keys.
        for key in ["j", "Enter"] {
            terminal.press(key);
        }
        terminal.shows(&["kvm-10", "https://127.0.0.3:", "Esc back"]);
        terminal.press("Escape");
        terminal.shows(&["NAME", "q quit"]);
        terminal.run("/kvm-2");
        terminal.wait("the filter", |screen| screen.contains("only with \"kvm-2\"") && !screen.contains("127.0.0.3"));
        terminal.press("Escape");
        terminal.shows(&["127.0.0.3"]);
        terminal.press("?");
        terminal.shows(&["Press ? again"]);

        // Where there is little room, a long line of the help goes on below, and the list shows what matters.
        terminal.resize("40", "24");
        terminal.shows(&["trust; Esc shows all", "Press ? again"]);
        terminal.press("?");
        terminal.wait("a narrow list", |screen| screen.contains("SINCE") && !screen.contains("TRUST"));
        terminal.resize("20", "3");
        terminal.wait("what has room", |screen| screen.contains("subject: 2 up"));
        terminal.resize("120", "30");
        terminal.shows(&["ADDRESS", "TRUST", "127.0.0.3"]);

        // What happens.
        second.quit();
        terminal.shows(&["subject: 1 up, 1 down", "down, said goodbye"]);
    });
}

#[test]
fn watch_outlives_its_daemon_and_gives_the_terminal_back() {
    with_tmux(|| {
        let mut daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-2", 2, &daemon);
        let terminal = Terminal::open(&daemon);
        let before = terminal.state(&daemon);
        terminal.run(&format!("NO_COLOR=1 {}", watch(&daemon)));
        terminal.shows(&["subject: 1 up", "NAME"]);
        assert!(!terminal.has_colours());
        daemon.running.kill();
        terminal.shows(&["the daemon is gone; waiting for it to come back"]);
        let daemon = daemon.setup.start();
        terminal.wait("it is back", |screen| !screen.contains("the daemon is gone") && screen.contains("kvm-2"));
        terminal.press("C-c");
        assert_eq!(terminal.state(&daemon), before);

        // Ended from outside, and by its own key.
        terminal.run(&watch(&daemon));
        terminal.shows(&["subject: 1 up", "NAME"]);
        assert!(Command::new("kill").arg(terminal.child()).status().unwrap().success());
        assert_eq!(terminal.state(&daemon), before);
        terminal.run(&watch(&daemon));
        terminal.shows(&["subject: 1 up", "NAME"]);
        terminal.press("q");
        assert_eq!(terminal.state(&daemon), before);
    });
}
