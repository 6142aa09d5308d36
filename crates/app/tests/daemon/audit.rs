//! Who changed what, as the log tells it afterwards.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::inside;
use super::support::{BasePeer, Daemon, LONG, Setup};
use super::wait::until;

const BODY: &str = r#"{"address":"kvm9.invalid"}"#;

/// The lines of the log with these words.
fn lines(daemon: &Daemon, words: &str) -> Vec<String> {
    daemon.log().lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
}

/// Waits for the one line with these words, which says that it came from there.
fn wait_told(daemon: &Daemon, words: &str, from: &str) {
    until(LONG, words, || !lines(daemon, words).is_empty());
    let told = lines(daemon, words);
    assert!(told.len() == 1 && told[0].contains(from), "{words} {from}: {told:?}");
}

#[test]
fn the_log_tells_who_changed_what() {
    inside(|| {
        let daemon = Daemon::start("subject");
        assert_eq!(daemon.authorized("POST", "/v1/peers").json_body(BODY).send().status, 201);
        wait_told(&daemon, "added by hand", "from=127.0.0.1:");
        assert_eq!(daemon.socket("DELETE", "/v1/peers/kvm9.invalid:8001").send().status, 204);
        let user = format!("from=user {}", nix::unistd::geteuid());
        wait_told(&daemon, "removed by hand", &user);
        let mut base = BasePeer::known("kvm-gone", 2, &daemon);
        base.quit();
        daemon.wait_state("kvm-gone", "down");
        daemon.say(&["forget", "kvm-gone"]);
        wait_told(&daemon, "forgotten by hand", "peer=kvm-gone");
        let link = daemon.authorized("POST", "/v1/session/code").send().json();
        let path = link["url"].as_str().unwrap().split_once(":18132").unwrap().1.to_owned();
        assert_eq!(daemon.http("GET", &path).send().status, 303);
        wait_told(&daemon, "a browser signed in", "from=127.0.0.1:");
        assert!(!daemon.log().contains(link["code"].as_str().unwrap()));
    });
}

#[test]
fn refused_tokens_are_told_once_a_minute_and_never_shown() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let add = || daemon.http("POST", "/v1/peers").json_body(BODY);
        let reasons: Vec<String> = ["Bearer guessed", "Basic guessed"]
            .map(|offered| {
                (0..5).for_each(|_| add().header("Authorization", offered).send().assert_error(401, "KPAPI0401"));
                add().header("Authorization", offered).send().json()["reason"].as_str().unwrap().to_owned()
            })
            .into();
        assert!(reasons[0].starts_with("the token is not this daemon's"), "{reasons:?}");
        assert!(reasons[1].starts_with("changes need the token"), "{reasons:?}");
        wait_told(&daemon, "refused: the token is wrong", "from=\"127.0.0.1:");
        wait_told(&daemon, "refused: the token is missing", "path=/v1/peers");
        assert!(!daemon.log().contains("guessed"), "{}", daemon.log());
    });
}

#[test]
fn a_token_that_others_can_read_is_told() {
    inside(|| {
        let setup = Setup::new("subject");
        drop(setup.start());
        let token = setup.state_directory().join("api-token");
        fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
        let daemon = setup.start();
        let remedy = format!("chmod 600 {}", token.display());
        assert!(
            lines(&daemon, "is open to others (mode 644)").iter().any(|line| line.contains(&remedy)),
            "{}",
            daemon.log()
        );
        let doctor = setup.cli(&["doctor"]);
        assert!(String::from_utf8_lossy(&doctor.stdout).contains(&remedy), "{doctor:?}");
    });
}
