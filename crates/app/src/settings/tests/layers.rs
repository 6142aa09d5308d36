//! Each key in each layer, and which layer goes before which.

use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::settings::{ApiAddress, Ipv6Mode, LogLevel};

const FILE: &str = "kimchi-peers.toml";

/// A key as the file and the environment write it, and the value that is then shown.
const WRITTEN: [(Key, &str, &str, &str); 22] = [
    (Key::Name, "\"KVM-2.example\"", "KVM-2.example", "kvm-2.example"),
    (Key::Interfaces, "[\"br0\", \"br1\", \"br0\"]", "br0, br1,,br0", "br0, br1"),
    (Key::Ipv6, "\"always\"", "always", "always"),
    (Key::Group, "\"239.1.2.3\"", "239.1.2.3", "239.1.2.3"),
    (Key::Port, "0x1_F41", "8001", "8001"),
    (Key::HttpPort, "80", "80", "80"),
    (Key::HttpsPort, "65535", "65535", "65535"),
    (Key::ServerRoot, "\"/wok/a/\"", "/wok/a/", "/wok/a"),
    (Key::Hypervisor, "\"kvm\"", "kvm", "kvm"),
    (Key::ConsoleCert, "\"/etc/wok/wok-cert.pem\"", "/etc/wok/wok-cert.pem", "/etc/wok/wok-cert.pem"),
    (Key::StateDir, "\"/srv/peers\"", "/srv/peers", "/srv/peers"),
    (Key::Api, "[\"unix:/run/a\", \"localhost:1\"]", "unix:/run/a,localhost:1", "unix:/run/a, 127.0.0.1:1"),
    (Key::ApiGroup, "\"kimchi\"", "kimchi", "kimchi"),
    (Key::Tls, "\"self-signed\"", "self-signed", "self-signed"),
    (Key::TlsCert, "\"/etc/cert.pem\"", "/etc/cert.pem", "/etc/cert.pem"),
    (Key::TlsSecret, "\"/etc/key.pem\"", "/etc/key.pem", "/etc/key.pem"),
    (Key::AllowedHosts, "[\"Peers.Example\", \"::1\"]", "Peers.Example,[::1]", "peers.example, ::1"),
    (Key::Trust, "\"require-group\"", "require-group", "require-group"),
    (Key::WokConf, "\"/nonexistent/wok.conf\"", "/nonexistent/wok.conf", "/nonexistent/wok.conf"),
    (Key::Hooks, "\"/etc/hooks\"", "/etc/hooks", "/etc/hooks"),
    (Key::DnsSd, "\"on\"", "on", "on"),
    (Key::Log, "\"debug\"", "debug", "debug"),
];

/// The line without which one of this key says nothing.
const fn companion(key: Key) -> &'static str {
    if matches!(key, Key::TlsCert) {
        "tls_key = \"/k\"\n"
    } else if matches!(key, Key::TlsSecret) {
        "tls_cert = \"/c\"\n"
    } else {
        ""
    }
}

#[test]
fn each_key_is_read_from_the_file() {
    for (key, written, _, value) in WRITTEN {
        let text = format!("# one\n\n{} = {written}\n{}", key.name(), companion(key));
        let loaded = Host::new().file(&text).loaded();
        assert_eq!(shown(&loaded, key), (value.to_owned(), Origin::File(FILE.into(), 3)), "{key:?}");
        assert!(loaded.file.is_some());
    }
}

#[test]
fn each_key_is_read_from_the_environment_and_goes_before_the_file() {
    for (key, _, written, value) in WRITTEN {
        let other = match key {
            Key::Name => "\"other\"",
            Key::Port | Key::HttpPort | Key::HttpsPort => "9",
            Key::Group => "\"224.0.0.9\"",
            Key::Ipv6 => "\"never\"",
            Key::Trust => "\"require-signed\"",
            Key::Log => "\"warn\"",
            Key::Interfaces | Key::AllowedHosts => "[\"other\"]",
            Key::Api => "[\"[::1]:9\"]",
            Key::StateDir | Key::ServerRoot | Key::ConsoleCert | Key::TlsCert | Key::TlsSecret => "\"/other\"",
            Key::WokConf | Key::Hooks => "\"/other\"",
            Key::DnsSd => "\"off\"",
            Key::Tls => "\"\"",
            Key::Hypervisor | Key::ApiGroup => "\"other\"",
        };
        let text = format!("{} = {other}\n{}", key.name(), companion(key));
        let host = Host::new().file(&text).variable(key.variable(), written);
        let expected = (value.to_owned(), Origin::Environment(key.variable()));
        assert_eq!(shown(&host.loaded(), key), expected, "{key:?}");
    }
}

#[test]
fn each_flag_goes_before_environment_and_file() {
    let mut host = Host::new().flag(|run, connection| {
        run.name = Some("flag".to_owned());
        run.interface = vec!["eth0".to_owned(), "eth1".to_owned()];
        run.group = Some(Ipv4Addr::new(239, 9, 9, 9));
        (run.port, run.http_port, run.https_port) = (Some(1), Some(2), Some(3));
        run.trust = Some("require-signed".to_owned());
        run.log = Some("trace".to_owned());
        run.tls = Some("self-signed".to_owned());
        (run.tls_cert, run.tls_key) = (Some("c".into()), Some("k".into()));
        connection.api = vec!["[::1]:8132".to_owned()];
        connection.state_dir = Some("state".into());
    });
    for (key, _, written, _) in WRITTEN {
        host = host.variable(key.variable(), written);
    }
    let lines: Vec<_> = WRITTEN.iter().map(|(key, written, ..)| format!("{} = {written}", key.name())).collect();
    let loaded = host.file(&lines.join("\n")).loaded();
    let values = [
        (Key::Name, "flag"),
        (Key::Interfaces, "eth0, eth1"),
        (Key::Group, "239.9.9.9"),
        (Key::Port, "1"),
        (Key::HttpPort, "2"),
        (Key::HttpsPort, "3"),
        (Key::StateDir, "state"),
        (Key::Api, "[::1]:8132"),
        (Key::Tls, "self-signed"),
        (Key::TlsCert, "c"),
        (Key::TlsSecret, "k"),
        (Key::Trust, "require-signed"),
        (Key::Log, "trace"),
    ];
    for (key, value) in values {
        assert_eq!(shown(&loaded, key), (value.to_owned(), Origin::Flag(key.flag().unwrap())));
    }
    assert_eq!(values.len(), Key::ALL.iter().filter(|key| key.flag().is_some()).count());
}

#[test]
fn nothing_set_gives_the_defaults() {
    let loaded = Host::new().loaded();
    let settings = Settings {
        name: "kvm-1".to_owned(),
        state_dir: "/var/lib/kimchi-peers".into(),
        api_optional_socket: Some("/run/kimchi-peers/api.sock".into()),
        ..Settings::default()
    };
    assert_eq!(loaded.settings, settings);
    assert_eq!((settings.ipv6, settings.log), (Ipv6Mode::Fallback, LogLevel::Info));
    assert_eq!(settings.group, Ipv4Addr::new(224, 0, 0, 132));
    assert_eq!((settings.port, settings.http_port, settings.https_port), (8000, 8000, 8001));
    assert_eq!(settings.api, ["127.0.0.1:8132".parse::<ApiAddress>().unwrap()]);
    assert_eq!(loaded.origins.len(), Key::ALL.len());
    assert!(loaded.origins.values().all(|origin| *origin == Origin::Default));
    assert_eq!((loaded.file, loaded.warnings.len()), (None, 0));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let host = Key::ALL.iter().fold(Host::new(), |host, key| host.variable(key.variable(), ""));
    assert_eq!(host.variable("KIMCHI_PEERS_CONFIG", "").loaded().settings, Host::new().loaded().settings);
}

#[test]
fn an_empty_text_takes_an_optional_value_away() {
    let host = Host::new().file("server_root = \"/\"\nhypervisor = \"\"\napi_group = \"\"");
    assert_eq!(host.loaded().settings, Host::new().loaded().settings);
}

#[test]
fn an_api_that_is_set_brings_no_optional_socket() {
    let loaded = Host::new().variable("KIMCHI_PEERS_API", "127.0.0.1:8132").loaded();
    assert_eq!(loaded.settings.api_optional_socket, None);
    let loaded = Host::new().variable("RUNTIME_DIRECTORY", "/run/a:/run/b").loaded();
    assert_eq!(loaded.settings.api_optional_socket, Some("/run/a/api.sock".into()));
}

#[test]
fn the_file_is_the_named_one_or_the_usual_one() {
    let host = Host::new().file("name = \"usual\"");
    let (by_flag, by_variable) = (host.directory.path().join("flag.toml"), host.directory.path().join("variable.toml"));
    std::fs::write(&by_flag, "name = \"flag\"").unwrap();
    std::fs::write(&by_variable, "name = \"variable\"").unwrap();
    assert_eq!(host.loaded().settings.name, "usual");
    let host = host.variable("KIMCHI_PEERS_CONFIG", &by_variable);
    assert_eq!(host.loaded().settings.name, "variable");
    let loaded = host.flag(|run, _| run.config = Some(by_flag.clone())).loaded();
    assert_eq!((loaded.settings.name.as_str(), loaded.file), ("flag", Some(by_flag)));
}

#[test]
fn the_state_directory_falls_back_step_by_step() {
    let place = |host: &Host| shown(&host.loaded(), Key::StateDir);
    let host = Host::new().user().variable("HOME", "/home/a");
    assert_eq!(place(&host), ("/home/a/.local/state/kimchi-peers".to_owned(), Origin::Default));
    let host = host.variable("XDG_STATE_HOME", "relative");
    assert_eq!(place(&host).1, Origin::Default);
    let host = host.variable("XDG_STATE_HOME", "/x");
    assert_eq!(place(&host), ("/x/kimchi-peers".to_owned(), Origin::Environment("XDG_STATE_HOME")));
    let host = host.variable("STATE_DIRECTORY", "/s:/t");
    assert_eq!(place(&host), ("/s".to_owned(), Origin::Environment("STATE_DIRECTORY")));
    let host = host.file("state_dir = \"/f\"");
    assert_eq!(place(&host), ("/f".to_owned(), Origin::File(FILE.into(), 1)));
}

#[test]
fn a_state_directory_need_not_be_utf8() {
    let name = OsString::from_vec(b"/srv/\xff".to_vec());
    let loaded = Host::new().variable("KIMCHI_PEERS_STATE_DIR", name.clone()).loaded();
    assert_eq!(loaded.settings.state_dir.into_os_string(), name);
}

#[test]
fn the_host_name_is_reduced_to_what_a_host_name_may_have() {
    for (host_name, name) in [("KVM-1.example.", "kvm-1.example"), ("my host!", "myhost"), ("a_b", "a_b")] {
        assert_eq!(Host::new().named(host_name).loaded().settings.name, name);
    }
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let host =
        Host::new().variable("KIMCHI_PEERS_NMAE", "a").variable("KIMCHI_PEERS_HTP_PORT", "").variable("KIMCHI", "");
    let host = host.variable("KIMCHI_PEERS_ZZZ", "a").variable("KIMCHI_PEERS_CONFGI", "a");
    let expected = [
        "unknown environment variable `KIMCHI_PEERS_CONFGI`; did you mean `KIMCHI_PEERS_CONFIG`?",
        "unknown environment variable `KIMCHI_PEERS_HTP_PORT`; did you mean `KIMCHI_PEERS_HTTP_PORT`?",
        "unknown environment variable `KIMCHI_PEERS_NMAE`; did you mean `KIMCHI_PEERS_NAME`?",
        "unknown environment variable `KIMCHI_PEERS_ZZZ`",
    ];
    assert_eq!(host.loaded().warnings, expected);
}

#[test]
fn the_file_of_wok_goes_before_the_defaults_alone() {
    let host = Host::new();
    let conf = host.directory.path().join("wok.conf");
    let text = "[server]\nproxy_port = 9001\nserver_root = /wok\nfederation = off\n";
    std::fs::write(&conf, text).unwrap();
    let own = format!("wok_conf = \"{}\"\n", conf.display());
    let loaded = host.file(&format!("{own}server_root = \"/own\"\n")).loaded();
    let from_wok = ("9001".to_owned(), Origin::File("wok.conf".into(), 2));
    assert_eq!(shown(&loaded, Key::HttpsPort), from_wok);
    assert_eq!(shown(&loaded, Key::ServerRoot).0, "/own");
    assert!(!loaded.settings.https_port_is_default && loaded.warnings.is_empty());
    let missing = Host::new().file("wok_conf = \"/nonexistent/wok.conf\"\n").loaded();
    assert!(missing.settings.https_port_is_default);
    assert!(missing.warnings[0].starts_with("cannot read `/nonexistent/wok.conf`"), "{:?}", missing.warnings);
}
