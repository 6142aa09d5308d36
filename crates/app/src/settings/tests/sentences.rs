//! What the administrator is told.

use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::settings::ApiAddress;

/// A line of the file and the sentence about it, which begins with the key and the place.
const WRONG_LINES: [(&str, &str); 29] = [
    (
        "name = \"a b\"",
        "a host name: labels of letters, digits, - and _ joined by dots, at most 253 characters, not `a b`",
    ),
    (
        "name = 5",
        "a text in quotes: a host name: labels of letters, digits, - and _ joined by dots, at most 253 characters, not `5`",
    ),
    (
        "interfaces = \"br0\"",
        "a list of texts in quotes, each the name of a network interface: 1 to 15 characters without /, : and blanks, not `\"br0\"`",
    ),
    (
        "interfaces = [\"br0\", 1]",
        "a list of texts in quotes, each the name of a network interface: 1 to 15 characters without /, : and blanks, not `[\"br0\", 1]`",
    ),
    (
        "interfaces = [\"../x\"]",
        "the name of a network interface: 1 to 15 characters without /, : and blanks, not `../x`",
    ),
    ("ipv6 = true", "a text in quotes: fallback, always or never, not `true`"),
    ("ipv6 = \"sometimes\"", "fallback, always or never, not `sometimes`"),
    ("group = \"192.0.2.1\"", "an IPv4 multicast address, 224.0.0.0 to 239.255.255.255, not `192.0.2.1`"),
    ("port = \"8000\"", "a number without quotes: a port number from 1 to 65535, not `\"8000\"`"),
    ("port = 0", "a port number from 1 to 65535, not `0`"),
    ("http_port = 65536", "a port number from 1 to 65535, not `65536`"),
    ("https_port = -1", "a port number from 1 to 65535, not `-1`"),
    (
        "server_root = \"/a/../b\"",
        "a path such as /wok: letters, digits and - . _ ~ between slashes, at most 64 bytes, no .., not `/a/../b`",
    ),
    ("hypervisor = \"k v m\"", "1 to 64 letters, digits and . _ - + ~ /, not `k v m`"),
    ("state_dir = \"state\"", "a directory, in the file with its whole path, not `state`"),
    ("api = []", "an address such as 127.0.0.1:8132, [::1]:8132, localhost:8132 or unix:/path, not an empty list"),
    (
        "api = [\"unix:api.sock\"]",
        "an address such as 127.0.0.1:8132, [::1]:8132, localhost:8132 or unix:/path, not `unix:api.sock`",
    ),
    ("api_group = \"a:b\"", "the name of a group: at most 64 visible characters without /, : and commas, not `a:b`"),
    ("tls = \"yes\"", "self-signed, or nothing, not `yes`"),
    ("console_cert = \"cert.pem\"", "a PEM file, in the configuration file with its whole path, not `cert.pem`"),
    ("tls_cert = \"cert.pem\"", "a PEM file, in the configuration file with its whole path, not `cert.pem`"),
    ("tls_key = 1", "a text in quotes: a PEM file, in the configuration file with its whole path, not `1`"),
    ("allowed_hosts = [\"a:80\"]", "a host name or an IP address, without a port, not `a:80`"),
    ("trust = \"strict\"", "mark, require-signed or require-group, not `strict`"),
    (
        "wok_conf = \"wok.conf\"",
        "a file such as /etc/wok/wok.conf, in the configuration file with its whole path, not `wok.conf`",
    ),
    ("hooks = \"hooks.d\"", "a directory, in the configuration file with its whole path, not `hooks.d`"),
    ("dns_sd = \"yes\"", "on or off, not `yes`"),
    ("log = \"\\u001b[2J\"", "error, warn, info, debug or trace, not `\\u{1b}[2J`"),
    ("log = { level = 1 }", "a text in quotes: error, warn, info, debug or trace, not `{ level = 1 }`"),
];

#[test]
fn a_wrong_value_in_the_file_is_told_with_its_line() {
    for (line, sentence) in WRONG_LINES {
        let key = line.split(' ').next().unwrap();
        let expected = format!("`{key}` in kimchi-peers.toml:2 must be {sentence}");
        assert_eq!(Host::new().file(&format!("# comment\n{line}\n")).error(), expected);
    }
    assert!(Key::ALL.iter().all(|key| WRONG_LINES.iter().any(|(line, _)| line.starts_with(key.name()))));
}

#[test]
fn a_wrong_variable_or_flag_is_told_by_its_name() {
    let expected = "KIMCHI_PEERS_PORT must be a port number from 1 to 65535, not `x`";
    assert_eq!(Host::new().variable("KIMCHI_PEERS_PORT", "x").error(), expected);
    let host = Host::new().flag(|run, _| run.port = Some(0));
    assert_eq!(host.error(), "--port must be a port number from 1 to 65535, not `0`");
    let host = Host::new().flag(|run, _| run.group = Some(Ipv4Addr::LOCALHOST));
    let expected = "--group must be an IPv4 multicast address, 224.0.0.0 to 239.255.255.255, not `127.0.0.1`";
    assert_eq!(host.error(), expected);
    let host = Host::new().variable("KIMCHI_PEERS_NAME", OsString::from_vec(vec![0xff]));
    assert_eq!(host.error(), "KIMCHI_PEERS_NAME is not UTF-8");
}

#[test]
fn a_wrong_value_is_told_though_another_goes_before_it() {
    let host = Host::new().file("port = 0").flag(|run, _| run.port = Some(8000));
    assert!(host.error().starts_with("`port` in kimchi-peers.toml:1 must be"));
}

#[test]
fn an_unknown_key_is_told_with_the_nearest_one() {
    let sentences = [
        ("\n\nnmae = \"a\"", "unknown key `nmae` in kimchi-peers.toml line 3; did you mean `name`?"),
        ("interface = []", "unknown key `interface` in kimchi-peers.toml line 1; did you mean `interfaces`?"),
        ("http-port = 1", "unknown key `http-port` in kimchi-peers.toml line 1; did you mean `http_port`?"),
        ("[server]\nport = 1", "unknown key `server` in kimchi-peers.toml line 1; did you mean `server_root`?"),
        ("zzz = 1", "unknown key `zzz` in kimchi-peers.toml line 1; `kimchi-peers config show` lists the known keys"),
        (
            "zzz = 1\naaa = 1",
            "unknown key `zzz` in kimchi-peers.toml line 1; `kimchi-peers config show` lists the known keys",
        ),
    ];
    for (text, sentence) in sentences {
        assert_eq!(Host::new().file(text).error(), sentence);
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    for (text, line) in [("name = \"a\"\nport = = 1", 2), ("name = \"a\"\nport = 1\nname = \"b\"", 3), ("x", 1)] {
        let error = Host::new().file(text).error();
        assert!(error.starts_with(&format!("kimchi-peers.toml:{line}: ")) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn a_named_file_must_be_there_and_every_file_must_be_readable() {
    let host = Host::new().flag(|run, _| run.config = Some("/nonexistent/a".into()));
    assert!(host.error().starts_with("cannot read the configuration file /nonexistent/a: No such file"));
    let host = Host::new().variable("KIMCHI_PEERS_CONFIG", "/nonexistent/b");
    assert!(host.error().starts_with("cannot read the configuration file /nonexistent/b: No such file"));
    let host = Host::new();
    std::fs::create_dir(host.path()).unwrap();
    assert!(host.error().starts_with("cannot read the configuration file kimchi-peers.toml: "));
    let host = Host::new();
    std::fs::write(host.path(), b"name = \"\xff\"").unwrap();
    assert!(host.error().starts_with("cannot read the configuration file kimchi-peers.toml: "));
}

#[test]
fn the_api_is_not_opened_to_the_network() {
    for address in ["0.0.0.0:8132", "192.0.2.1:8132", "[::]:8132", "[::ffff:192.0.2.1]:8132"] {
        let host = || Host::new().variable("KIMCHI_PEERS_API", format!("127.0.0.1:1,{address}"));
        let expected = format!(
            "KIMCHI_PEERS_API: other hosts can reach {address}, so it needs TLS: give --tls-cert FILE and --tls-key FILE, \
             or --tls self-signed; every request there needs the token of the file api-token in the state directory"
        );
        assert_eq!(host().error(), expected);
        assert!(host().variable("KIMCHI_PEERS_TLS", "self-signed").load().is_ok());
        let files = host().variable("KIMCHI_PEERS_TLS_CERT", "/c").variable("KIMCHI_PEERS_TLS_KEY", "/k");
        assert!(files.load().is_ok());
        let half = host().variable("KIMCHI_PEERS_TLS_CERT", "/c").error();
        assert_eq!(half, "tls_cert is of no use without tls_key");
    }
    for address in ["127.9.9.9:8132", "[::1]:8132", "localhost:8132", "[::ffff:127.0.0.1]:8132", "unix:/a"] {
        assert!(Host::new().variable("KIMCHI_PEERS_API", address).load().is_ok());
    }
}

#[test]
fn a_host_without_a_name_of_its_own_needs_one() {
    for name in ["localhost", "LOCALHOST.localdomain", "localhost.", "(none)", "", "...", "a..b", "äö"] {
        let error = Host::new().named(name).error();
        let expected = format!("the host name `{name}` cannot serve as this host's name on the network; set --name");
        assert_eq!(error, expected);
        assert!(Host::new().named(name).file("name = \"a\"").load().is_ok());
    }
}

#[test]
fn a_user_without_a_home_needs_a_state_directory() {
    let expected = "neither HOME nor XDG_STATE_HOME is set, so there is no place for the state; set --state-dir";
    assert_eq!(Host::new().user().error(), expected);
    assert!(Host::new().user().variable("KIMCHI_PEERS_STATE_DIR", "s").load().is_ok());
}

#[test]
fn api_addresses_are_read_and_printed() {
    for text in ["127.0.0.1:8132", "[::1]:8132", "192.0.2.1:1", "unix:/run/a b", "unix:a"] {
        assert_eq!(text.parse::<ApiAddress>().unwrap().to_string(), text);
    }
    assert_eq!("localhost:9".parse::<ApiAddress>().unwrap().to_string(), "127.0.0.1:9");
    let long = format!("unix:/{}", "x".repeat(107));
    for text in ["", "8132", "127.0.0.1", "127.0.0.1:0", "localhost:0", "localhost:", "example.org:1", "unix:", &long] {
        assert!(text.parse::<ApiAddress>().is_err(), "{text:?}");
    }
}

#[test]
fn values_at_their_limits() {
    let (root, interface) = (format!("/{}", "x".repeat(63)), "x".repeat(15));
    let good = [("SERVER_ROOT", root.as_str()), ("INTERFACES", &interface), ("GROUP", "224.0.0.0"), ("PORT", "1")];
    for (name, value) in good {
        assert!(Host::new().variable(&format!("KIMCHI_PEERS_{name}"), value).load().is_ok(), "{name}");
    }
    let (root, interface) = (format!("{root}x"), format!("{interface}x"));
    let roots = ["wok", "//", "/a//b", "/a/.", "/a b", "/a+b", "/ä", "/a?b", &root].map(|root| ("SERVER_ROOT", root));
    let other = [("INTERFACES", interface.as_str()), ("GROUP", "240.0.0.0"), ("PORT", "65536"), ("LOG", "INFO")];
    for (name, value) in roots.into_iter().chain(other) {
        assert!(Host::new().variable(&format!("KIMCHI_PEERS_{name}"), value).load().is_err(), "{name} {value}");
    }
}
