//! Text of an attacker that got into the database stays text in everything that is printed.

use super::database::Database;
use super::hostile_texts::HOSTILE;
use super::inside;
use super::support::{Daemon, Setup, errors};

/// What must reach no terminal: all control characters but the line end, and what turns or hides text.
fn is_dangerous(character: char) -> bool {
    (character.is_control() && !"\n\r".contains(character))
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A daemon with a remote and a local peer whose texts in the database are all this one.
fn daemon_with(number: usize, text: &str) -> Daemon {
    let mut daemon = Setup::new(&format!("subject-{number}")).start();
    daemon.add("10.5.0.7");
    assert_eq!(daemon.running.terminate().code(), Some(0));
    let database = Database::open(daemon.setup.state_directory());
    let texts = ["name", "reason", "certificate"].map(|column| (column, text));
    database.change("remote", &texts);
    database.change("history", &["name", "event", "cause", "address", "certificate"].map(|column| (column, text)));
    database.add_base_peer("kvm-base@127.0.0.2", text);
    drop(database);
    daemon.setup.start()
}

/// What the command line prints, in all its forms.
fn printed(daemon: &Daemon) -> Vec<(String, String)> {
    let id = "10.5.0.7:8001";
    let mut commands: Vec<Vec<&str>> = vec![vec!["show", id], vec!["show", id, "-o", "json"], vec!["status"]];
    let forms =
        ["table", "wide", "json", "csv", "urls", "names", "ansible", "prometheus", "ssh-config", "hosts", "libvirt"];
    for format in forms {
        commands.push(vec!["list", "--all", "-o", format]);
        commands.push(vec!["search", "--wait", "100ms", "-o", format]);
    }
    commands
        .iter()
        .map(|words| {
            let output = daemon.setup.cli(words);
            assert!(output.status.success(), "{words:?}: {}", errors(&output));
            (words.join(" "), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
        })
        .collect()
}

#[test]
fn a12_hostile_names_in_the_database_are_no_names() {
    inside(|| {
        for (number, text) in HOSTILE.into_iter().enumerate() {
            let daemon = daemon_with(number, text);
            // A row is trusted no more than a datagram: what is no name is not shown as one, and nobody has that name.
            let rows = daemon.peers();
            assert_eq!(rows.len(), 1, "{rows:?}");
            assert_eq!((&rows[0]["name"], &rows[0]["url"]), (&"10.5.0.7".into(), &"https://10.5.0.7:8001".into()));
            assert!(!daemon.http("GET", "/peers").send().text().contains(text));
            for (command, said) in printed(&daemon) {
                if command.starts_with("list") || command.starts_with("search") {
                    assert!(!said.contains(text), "{command}: {said}");
                }
            }
            assert!(daemon.log().contains("is no name"), "{}", daemon.log());
        }
    });
}

#[test]
fn a12_hostile_text_in_answers_stays_in_json_strings() {
    inside(|| {
        for (number, text) in HOSTILE.into_iter().enumerate() {
            let daemon = daemon_with(number, text);
            let answer = daemon.http("GET", "/v1/peers/10.5.0.7:8001").send();
            let detail = answer.json();
            let oldest = detail["history"].as_array().unwrap().last().unwrap();
            assert_eq!((&oldest["event"], &oldest["cause"]), (&text.into(), &text.into()), "{detail}");
            assert!(answer.body.iter().all(|byte| *byte >= b' '), "{}", answer.text());
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert!(answer.header("content-security-policy").contains("script-src 'self'"));
            for path in ["/metrics", "/v1/peers", "/peers", "/v1/status", "/healthz", "/", "/sd/prometheus?state=all"] {
                assert!(!daemon.http("GET", path).send().text().contains(text), "{path}");
            }
        }
    });
}

#[test]
fn a13_hostile_text_reaches_no_terminal_and_forges_no_log_line() {
    inside(|| {
        for (number, text) in HOSTILE.into_iter().enumerate() {
            let daemon = daemon_with(number, text);
            for (command, said) in printed(&daemon) {
                // JSON that goes to a program has escapes for the ASCII control characters only.
                let is_data = ["json", "ansible", "prometheus"].iter().any(|format| command.ends_with(format));
                let dangerous = said.chars().find(|each| is_dangerous(*each) && (!is_data || *each < '\u{7f}'));
                assert_eq!(dangerous, None, "{command}: {said:?}");
                assert!(!said.lines().any(|line| line.starts_with("1999-11-23T10:00:00Z ERROR")), "{command}: {said}");
            }
            let log = daemon.log();
            assert!(!log.chars().any(is_dangerous), "{log:?}");
            assert!(!log.lines().any(|line| line.starts_with("1999") || line.starts_with("X-Evil")), "{log}");
            assert!(!std::path::Path::new("/run/hosts/owned").exists());
        }
    });
}
