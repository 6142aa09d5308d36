//! The certificate of a host's console: learned on the host, announced under its signature, held against what the port shows.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::daemon::{Daemon, state_directory, wait_all_listed};
use super::frame::{encode, message};
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::process::Running;
use super::sender::Sender;
use super::skipped::not_tested;
use super::wait::{seconds, until};

/// A TLS server on all addresses; it says who connects.
const SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("", 8001))
print("listening", flush=True)
while True:
    try:
        connection, source = listener.accept()
        print("from " + source[0], flush=True)
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)
    except OSError:
        pass
"#;

/// The console of a host; stopped when this value is dropped.
struct Console {
    running: Running,
    /// SHA-256 of its certificate in hexadecimal, as OpenSSL computes it.
    certificate: String,
}

impl Console {
    /// Starts with a new certificate.
    fn start(host: &Host, name: &str) -> Self {
        let [key, certificate] = ["key", "cert"].map(|kind| format!("{}/{name}-{kind}.pem", host.directory()));
        let subject = ["-subj", "/CN=console", "-days", "2", "-keyout", &key, "-out", &certificate];
        let request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        openssl(host, &[&request, &subject[..]].concat());
        let said = openssl(host, &["x509", "-in", &certificate, "-noout", "-fingerprint", "-sha256"]);
        let fingerprint = said.trim().rsplit('=').next().expect("a fingerprint").replace(':', "").to_ascii_lowercase();
        let mut running = host.spawn(&["python3", "-c", SERVER, &certificate, &key]);
        running.wait_line(seconds(10), "it listens", 0, |line| line == "listening");
        Self { running, certificate: fingerprint }
    }

    /// From where somebody connected.
    fn visitors(&self) -> Vec<String> {
        let lines = self.running.output().since(0).into_iter();
        lines.filter_map(|line| line.text.strip_prefix("from ").map(str::to_owned)).collect()
    }
}

fn openssl(host: &Host, arguments: &[&str]) -> String {
    let output = host.run(&[&["openssl"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The row of a name with all that is told of it.
fn detail(daemon: &Daemon<'_>, name: &str) -> Value {
    let row = daemon.rows(name).into_iter().next().unwrap_or_else(|| panic!("{name} is not listed"));
    serde_json::from_str(&daemon.fetch(&format!("/v1/peers/{}", row.id))).expect("JSON")
}

fn wait_expected(daemon: &Daemon<'_>, name: &str, certificate: Option<&str>) {
    let what = format!("{name} announces {certificate:?}");
    until(seconds(20), &what, || detail(daemon, name)["certificate_expected"].as_str() == certificate);
}

fn causes(detail: &Value) -> Vec<&str> {
    detail["history"].as_array().into_iter().flatten().filter_map(|entry| entry["cause"].as_str()).collect()
}

fn a_changed_certificate_is_told_and_leads_nobody(daemon: &Daemon<'_>, name: &str, address: &str) {
    // Nobody is led there, it is told where people look, and trusting the host does not settle it.
    assert!(daemon.urls().iter().all(|url| !url.contains(address)), "{:?}", daemon.urls());
    assert!(daemon.say(&["status"]).contains(&format!("the console of {name} shows another certificate")));
    for question in [&["doctor"][..], &["doctor", name]] {
        let found = daemon.cli(question);
        let said = String::from_utf8_lossy(&found.stdout).into_owned();
        assert!(found.status.code() == Some(1) && said.contains(&format!("PROBLEM  certificate {name}")), "{said}");
    }
    let output = daemon.cli(&["trust", name]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains(&format!("only {name} itself can settle")), "{said}");
}

#[test]
fn a_console_is_held_to_the_certificate_that_its_host_announces() {
    if Command::new("openssl").arg("version").output().is_err() {
        return not_tested("the certificates of consoles: there is no program named openssl");
    }
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let mut console = Console::start(&hosts[1], "first");
        let daemons = [Daemon::start(&hosts[0]), Daemon::start(&hosts[1]), Daemon::start(&hosts[2])];
        wait_all_listed(seconds(20), &daemons);
        let [first, second, third] = &daemons;
        let name = second.name();
        let state = || detail(first, name)["certificate_state"].clone();
        // Known from its first announcement on, to all; nobody but the host itself has looked.
        wait_expected(first, name, Some(&console.certificate));
        wait_expected(third, name, Some(&console.certificate));
        wait_expected(first, third.name(), None);
        until(seconds(15), "its row is there to stay", || !causes(&detail(first, name)).is_empty());
        assert_eq!(state(), "unknown");
        std::thread::sleep(Duration::from_secs(1));
        let own = [lan.address(2), "127.0.0.1".to_owned()];
        assert!(console.visitors().iter().all(|visitor| own.contains(visitor)), "{:?}", console.visitors());
        let mark = first.mark();
        let said = first.say(&["check", name]);
        assert!(said.starts_with("match  ") && said.contains(&console.certificate), "{said}");
        assert!(console.visitors().contains(&lan.address(1)), "{:?}", console.visitors());
        assert_eq!(state(), "match");
        assert_eq!(first.wait_event(seconds(5), mark, "changed", name).cause.as_deref(), Some("certificate_matches"));
        assert!(first.say(&["list", "-o", "wide"]).contains("  match  "));
        assert!(first.say(&["show", name]).contains("as the host announces"));
        // Another server, whose certificate nobody announced, answers there.
        console.running.kill();
        let mark = first.mark();
        let mut thief = Console::start(&hosts[1], "thief");
        let output = first.cli(&["check", name]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(&console.certificate), "{output:?}");
        assert_eq!(state(), "changed");
        assert_eq!(first.wait_event(seconds(5), mark, "changed", name).cause.as_deref(), Some("certificate_changed"));
        let shown = detail(first, name);
        assert_eq!(shown["certificate"], thief.certificate.as_str());
        assert!(first.say(&["show", name]).contains("Do not log in before you know why"));
        a_changed_certificate_is_told_and_leads_nobody(first, name, &lan.address(2));
        // The host itself says that this is its certificate now.
        second.signal("HUP");
        wait_expected(first, name, Some(&thief.certificate));
        assert_eq!(state(), "unknown");
        assert!(first.say(&["check", name]).starts_with("match  "));
        until(seconds(5), "all of it is in the history", || {
            let detail = detail(first, name);
            let told = causes(&detail);
            ["certificate_matches", "certificate_changed", "certificate_announced"]
                .iter()
                .all(|cause| told.contains(cause))
        });
        // Nothing is served, so nothing is announced, and a check says why nothing was seen.
        thief.running.kill();
        second.signal("HUP");
        wait_expected(first, name, None);
        let output = first.cli(&["check", name, "-o", "json"]);
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!((output.status.code(), &found["certificate_state"]), (Some(1), &json!("unknown")));
        assert!(found["failure"].as_str().is_some_and(|why| why.contains("refused")), "{found}");
    });
}

/// Asks for a check over the loopback's TCP, with the token or without; returns the status.
fn check_over_tcp(host: &Host, id: &str, token: Option<&str>) -> u16 {
    let script = "import sys,urllib.request,urllib.error,urllib.parse\n\
        url='http://127.0.0.1:8132/v1/peers/'+urllib.parse.quote(sys.argv[1])+'/check'\n\
        headers={'Content-Type':'application/json'}\n\
        if sys.argv[2]: headers['Authorization']='Bearer '+sys.argv[2]\n\
        r=urllib.request.Request(url,method='POST',headers=headers)\n\
        try:\n print(urllib.request.urlopen(r).status)\nexcept urllib.error.HTTPError as e:\n print(e.code)";
    let output = host.run(&["python3", "-c", script, id, token.unwrap_or_default()]);
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn a15_a_row_does_not_have_this_host_connect_to_itself_or_where_nobody_asked() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let daemon = Daemon::start(&hosts[0]);
        let name = format!("{}/listener", hosts[0].directory());
        let script = "import socket,sys\nl=socket.create_server(('',2222))\nprint('listening',flush=True)\n\
            while True:\n l.accept()\n print('visited',flush=True)";
        let mut listener = hosts[0].spawn(&["python3", "-c", script, &name]);
        listener.wait_line(seconds(10), "it listens", 0, |line| line == "listening");
        // A base peer may say that it is at another address of the link: here at this host's own, at another service's port.
        let own = lan.address(1);
        let info = json!({"domain": "lurer", "IP": own, "httpport": "2221", "httpsport": "2222"});
        let lure = encode(json!({ "notify": info }).to_string().as_bytes());
        Sender::new(&hosts[1], "eth0").repeat(20, 0.05).send(&[lure]);
        let id = daemon.rows("lurer").remove(0).id;
        let output = daemon.cli(&["check", "lurer"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("address of this very host"), "{said}");
        assert_eq!(check_over_tcp(&hosts[0], &id, None), 401);
        // Nobody asked for the honest one, and without the token nobody may.
        let honest = message("notify", "honest", &lan.address(2));
        Sender::new(&hosts[1], "eth0").repeat(20, 0.05).send(&[honest]);
        let id = daemon.rows("honest").remove(0).id;
        assert_eq!(check_over_tcp(&hosts[0], &id, None), 401);
        let token = std::fs::read_to_string(format!("{}/api-token", state_directory(&hosts[0]))).expect("the token");
        assert_eq!(check_over_tcp(&hosts[0], &id, Some(token.trim())), 200);
        assert_eq!(check_over_tcp(&hosts[0], "nobody@10.77.1.9", Some(token.trim())), 404);
        assert!(listener.output().since(0).iter().all(|line| line.text != "visited"));
    });
}
