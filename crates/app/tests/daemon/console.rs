//! A console of another network, as far as a health check sees one: a TLS server with a certificate of its own.

use std::fs;
use std::process::Command;

use super::process::Running;
use super::support::LONG;

/// An address of this test's namespace, but not on its loopback network, where nothing may be checked.
pub(crate) const ADDRESS: &str = "10.5.0.1";

const SERVER: &str = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[3], sys.argv[4])
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("listening", flush=True)
while True:
    try:
        connection, _ = listener.accept()
        connection.settimeout(5)
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)
    except OSError:
        pass
"#;

/// Gives the namespace an interface with [`ADDRESS`].
pub(crate) fn plug() {
    let script = "ip link add remote0 type veth peer name remote1 && ip address add 10.5.0.1/24 dev remote0 \
                  && ip link set remote0 up && ip link set remote1 up";
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success());
}

/// A running console; stopped when this value is dropped.
pub(crate) struct Console {
    _running: Running,
    /// SHA-256 of the certificate, in hexadecimal, as OpenSSL computes it.
    pub(crate) certificate: String,
}

impl Console {
    /// Starts at [`ADDRESS`]; `None` where there is no OpenSSL that could make a certificate.
    pub(crate) fn start(port: u16) -> Option<Self> {
        Command::new("openssl").arg("version").output().ok()?;
        let [key, certificate] = ["key.pem", "certificate.pem"].map(|name| format!("/run/hosts/{port}-{name}"));
        if fs::metadata(&certificate).is_err() {
            let subject = ["-subj", "/CN=console", "-days", "2", "-keyout", &key, "-out", &certificate];
            openssl(
                &[&["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"], &subject[..]]
                    .concat(),
            );
        }
        let said = openssl(&["x509", "-in", &certificate, "-noout", "-fingerprint", "-sha256"]);
        let fingerprint = said.trim().rsplit('=').next().unwrap().replace(':', "").to_ascii_lowercase();
        let mut command = Command::new("python3");
        command.args(["-c", SERVER, ADDRESS, &port.to_string(), &certificate, &key]);
        let mut running = Running::start("the console", &mut command);
        running.wait_line(LONG, "it listens", 0, |line| line == "listening");
        Some(Self { _running: running, certificate: fingerprint })
    }
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
