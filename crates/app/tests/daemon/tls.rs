//! What other hosts can reach: TLS and the token, or nothing.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::http::{Request, Target};
use super::inside;
use super::support::{Daemon, LONG, Setup, code, errors, program, skip, succeed};
use super::wait::until;

/// The listener that other hosts could reach.
const OPEN: &str = "0.0.0.0:18443";
/// The same as the client of this host reaches it.
const NEAR: &str = "127.0.0.1:18443";

fn setup(options: &[&str]) -> Setup {
    Setup::new("subject").options(&["--api", OPEN]).options(options)
}

/// A request over TLS that trusts the daemon's own certificate.
fn request(daemon: &Daemon, method: &str, path: &str) -> Request {
    let certificate = daemon.setup.state_directory().join("api-cert.pem");
    Request::new(Target::Tls(NEAR.to_owned(), certificate), method, path)
}

/// The command line as of another host: no state directory, no token but the one it is given.
fn far(arguments: &[&str]) -> Output {
    program().args(["--state-dir", "/nonexistent"]).args(arguments).output().unwrap()
}

fn fingerprint(daemon: &Daemon) -> String {
    let log = daemon.log();
    let line = log.lines().rfind(|line| line.contains("fingerprint")).unwrap();
    line.rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn what_others_reach_is_refused_without_a_certificate() {
    inside(|| {
        let output = setup(&[]).fail();
        assert_eq!(code(&output), 2);
        let said = errors(&output);
        for word in ["0.0.0.0:18443", "TLS", "--tls-cert", "--tls-key", "--tls self-signed", "token"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        let output = setup(&["--tls-cert", "/nonexistent"]).fail();
        assert!(errors(&output).contains("tls_cert is of no use without tls_key"), "{}", errors(&output));
        let output = setup(&["--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"]).fail();
        assert!(errors(&output).contains("cannot read the certificate /nonexistent"), "{}", errors(&output));
    });
}

#[test]
fn over_tls_everything_needs_the_token() {
    inside(|| {
        let daemon = setup(&["--tls", "self-signed"]).start();
        for path in ["/", "/peers", "/v1/peers", "/v1/status", "/v1/events", "/metrics", "/openapi.json", "/nothing"] {
            let answer = request(&daemon, "GET", path).send();
            answer.assert_error(401, "KPAPI0401");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        request(&daemon, "POST", "/v1/search").send().assert_error(401, "KPAPI0401");
        let health = request(&daemon, "GET", "/healthz").send();
        assert_eq!((health.status, health.json().get("degraded")), (200, None));
        let bearer = format!("Bearer {}", daemon.token());
        let with_token = |method: &str, path: &str| request(&daemon, method, path).header("Authorization", &bearer);
        assert_eq!(with_token("GET", "/v1/peers").send().status, 200);
        assert!(with_token("GET", "/healthz").send().json()["degraded"].is_array());
        assert!(daemon.json("/healthz")["degraded"].is_array());
        assert_eq!(with_token("POST", "/v1/search").send().status, 202);
        assert_eq!(with_token("POST", "/v1/peers").json_body(r#"{"address":"kvm9.invalid"}"#).send().status, 201);
        with_token("GET", "/peers").header("Host", "evil.example").send().assert_error(421, "KPAPI0421");
        for host in ["subject", "subject:18443", "127.0.0.1", "localhost:18443"] {
            assert_eq!(with_token("GET", "/peers").header("Host", host).send().status, 200, "{host}");
        }
        // The loopback and the socket are as they were.
        assert_eq!(daemon.http("GET", "/v1/peers").send().status, 200);
        assert_eq!(daemon.socket("DELETE", "/v1/peers/kvm9.invalid:8001").send().status, 204);
    });
}

#[test]
fn clear_text_gets_no_answer_where_tls_is_spoken() {
    inside(|| {
        let _daemon = setup(&["--tls", "self-signed"]).start();
        let mut stream = TcpStream::connect(NEAR).unwrap();
        std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        assert!(!answer.windows(4).any(|window| window == b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    });
}

#[test]
fn a_browser_signs_in_over_tls() {
    inside(|| {
        let daemon = setup(&["--tls", "self-signed"]).start();
        let bearer = format!("Bearer {}", daemon.token());
        let link = request(&daemon, "POST", "/v1/session/code").header("Authorization", &bearer).send().json();
        let url = link["url"].as_str().unwrap();
        let path = url.strip_prefix("https://127.0.0.1:18443").unwrap_or_else(|| panic!("{url}"));
        // The same code at another listener is used up and signs nobody in.
        let answer = request(&daemon, "GET", path).send();
        assert_eq!(answer.status, 303);
        let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
        assert!(pair.starts_with("kimchi-peers-18443=") && attributes.ends_with("; Secure"), "{pair} {attributes}");
        let proof = answer.header("location").strip_prefix("/#proof=").unwrap();
        let signed_in = |method: &str, path: &str| request(&daemon, method, path).header("Cookie", pair);
        assert_eq!(signed_in("GET", "/v1/peers").send().status, 200);
        signed_in("POST", "/v1/search").send().assert_error(401, "KPAPI0401");
        assert_eq!(signed_in("POST", "/v1/search").header("X-Kimchi-Peers-Proof", proof).send().status, 202);
        // It is signed in here and nowhere else.
        let elsewhere = daemon.http("POST", "/v1/peers").json_body(r#"{"address":"kvm9.invalid"}"#);
        let renamed = pair.replace("18443", "18132");
        let elsewhere = elsewhere.header("Cookie", &renamed).header("X-Kimchi-Peers-Proof", proof);
        elsewhere.send().assert_error(401, "KPAPI0401");
    });
}

#[test]
fn the_command_line_of_another_host_trusts_what_it_is_told_to() {
    inside(|| {
        let daemon = setup(&["--tls", "self-signed"]).start();
        let url = format!("https://{NEAR}");
        let state = daemon.setup.state_directory();
        let token = "/run/hosts/token";
        fs::copy(state.join("api-token"), token).unwrap();
        let (ca, pin) = (state.join("api-cert.pem"), fingerprint(&daemon));
        let ca = ca.to_str().unwrap();
        let ask = |options: &[&str]| far(&[&["list", "--api", &url], options].concat());
        succeed(&["--ca"], &ask(&["--ca", ca, "--token-file", token]));
        succeed(&["--fingerprint"], &ask(&["--fingerprint", &pin, "--token-file", token]));
        let mut by_variable = program();
        by_variable.args(["list", "--state-dir", "/nonexistent", "--api", &url, "--ca", ca]);
        succeed(&["variable"], &by_variable.env("KIMCHI_PEERS_TOKEN_FILE", token).output().unwrap());
        for (options, word) in [
            (vec!["--token-file", token], "--ca"),
            (vec!["--token-file", token, "--fingerprint", &"0".repeat(64)], "not trusted"),
            // Whoever compared the wrong one sees the right one.
            (vec!["--token-file", token, "--fingerprint", &"0".repeat(64)], &pin),
            (vec!["--ca", ca, "--token-file", "/nonexistent"], "/nonexistent"),
            (vec!["--ca", ca], "token"),
        ] {
            let output = ask(&options);
            assert_eq!(code(&output), 1, "{options:?}");
            assert!(errors(&output).contains(word), "{options:?}: {}", errors(&output));
            assert!(!errors(&output).contains(&daemon.token()));
        }
        let link = succeed(&["open"], &far(&["open", "--api", &url, "--ca", ca, "--token-file", token]));
        assert!(link.starts_with(&format!("{url}/sign-in?code=")), "{link}");
        // A signal has the certificate read again; a new one is served at once.
        for file in ["api-cert.pem", "api-key.pem"] {
            fs::remove_file(state.join(file)).unwrap();
        }
        make(&state.join("api-cert.pem"), &state.join("api-key.pem"));
        daemon.running.signal("HUP");
        until(LONG, "the new certificate", || fingerprint(&daemon) != pin);
        let old = ask(&["--fingerprint", &pin, "--token-file", token]);
        assert!(errors(&old).contains("not trusted"), "{}", errors(&old));
        succeed(&["new"], &ask(&["--fingerprint", &fingerprint(&daemon), "--token-file", token]));
    });
}

#[test]
fn a_certificate_that_is_over_is_told_until_another_one_is_there() {
    inside(|| {
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| PathBuf::from("/run").join(name));
        make_until(2021, &certificate, &key);
        let paths = [&certificate, &key].map(|path| path.to_str().unwrap());
        let daemon = setup(&["--tls-cert", paths[0], "--tls-key", paths[1]]).start();
        let doctor = || String::from_utf8_lossy(&daemon.setup.cli(&["doctor"]).stdout).into_owned();
        assert!(daemon.log().contains("ended on 20211231 (UTC)"), "{}", daemon.log());
        assert!(doctor().contains("warning  api: the API's certificate /run/cert.pem ended"), "{}", doctor());
        make(&certificate, &key);
        daemon.running.signal("HUP");
        until(LONG, "nothing is told of it", || !doctor().contains("  api: "));
    });
}

#[test]
fn a_group_key_for_another_host_is_written_nowhere() {
    inside(|| {
        let key = "/run/made.key";
        succeed(&["key", "generate"], &program().args(["key", "generate", "--output", key]).output().unwrap());
        let output = far(&["key", "install", key, "--api", "https://10.5.0.9:8443", "--fingerprint", &"0".repeat(64)]);
        assert!(code(&output) == 1 && errors(&output).contains("bring the file there"), "{}", errors(&output));
        assert!(!PathBuf::from("/nonexistent").exists());
    });
}

/// Another certificate with its key.
fn make(certificate: &PathBuf, key: &PathBuf) {
    make_until(4000, certificate, key);
}

/// The same that ends with this year.
fn make_until(year: i32, certificate: &PathBuf, key: &PathBuf) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(year, 12, 31);
    let made = parameters.self_signed(&pair).unwrap();
    fs::write(certificate, made.pem()).unwrap();
    fs::write(key, pair.serialize_pem()).unwrap();
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_the_old_one_in_force() {
    inside(|| {
        let (certificate, key) = (PathBuf::from("/run/hosts/cert.pem"), PathBuf::from("/run/hosts/key.pem"));
        make(&certificate, &key);
        let files = ["--tls-cert", certificate.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        let daemon = setup(&files).start();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        daemon.running.signal("HUP");
        until(LONG, "what is wrong is told", || daemon.log().contains("stays as it was"));
        assert!(daemon.log().contains("is open to others"), "{}", daemon.log());
        let health = Request::new(Target::Tls("localhost:18443".to_owned(), certificate), "GET", "/healthz");
        assert_eq!(health.send().status, 200);
    });
}

/// Whether this user may become another one, and that one has Python.
fn is_runnable_by_nobody() -> bool {
    let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "--version"];
    Command::new("setpriv").args(nobody).output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_socket_that_was_opened_to_everybody_lets_them_read_only() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let socket = daemon.setup.socket();
        for path in [daemon.setup.directory(), PathBuf::from("/run/hosts"), PathBuf::from("/run")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let as_nobody = |method: &str, path: &str| {
            let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                s.sendall((sys.argv[2]+' '+sys.argv[3]+' HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n').encode())\n\
                print(s.recv(100).split(b' ')[1].decode())";
            let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "/usr/bin/python3", "-c", script];
            Command::new("setpriv").args(nobody).arg(&socket).args([method, path]).output().unwrap()
        };
        if !is_runnable_by_nobody() {
            return skip("another user at the socket: neither root nor /usr/bin/python3 is there");
        }
        let refused = errors(&as_nobody("GET", "/peers"));
        assert!(refused.contains("PermissionError"), "{refused}");
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(succeed(&["nobody"], &as_nobody("GET", "/peers")), "200\n");
        assert_eq!(succeed(&["nobody"], &as_nobody("POST", "/v1/search")), "202\n");
        assert_eq!(succeed(&["nobody"], &as_nobody("DELETE", "/v1/peers/a")), "403\n");
        assert_eq!(succeed(&["nobody"], &as_nobody("POST", "/v1/session/code")), "403\n");
    });
}
