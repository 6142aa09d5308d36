//! The example file and the document say what the program does.

use super::*;

const EXAMPLE: &str = include_str!("../../../../../packaging/kimchi-peers.toml");
const DOCUMENT: &str = include_str!("../../../../../docs/CONFIGURATION.md");

/// The keys that the example sets, if each `#key = value` is taken out of its comment.
fn uncommented() -> Vec<&'static str> {
    EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .filter(|line| line.contains(" = ") && !line.starts_with(' '))
        .collect()
}

#[test]
fn the_example_sets_nothing_as_it_is() {
    let loaded = Host::new().file(EXAMPLE).loaded();
    assert_eq!(loaded.settings, Host::new().loaded().settings);
    assert!(loaded.origins.values().all(|origin| *origin == Origin::Default));
}

#[test]
fn the_example_has_each_key_with_its_default() {
    let lines = uncommented();
    let names: Vec<_> = lines.iter().filter_map(|line| line.split(" = ").next()).collect();
    assert_eq!(names, Key::ALL.map(Key::name));
    let mut settings = Host::new().file(&lines.join("\n")).loaded().settings;
    let socket = settings.api.remove(0);
    assert_eq!(socket.to_string(), "unix:/run/kimchi-peers/api.sock");
    settings.https_port_is_default = true;
    settings.api_optional_socket = Some("/run/kimchi-peers/api.sock".into());
    assert_eq!(settings, Host::new().loaded().settings);
}

#[test]
fn the_document_has_a_row_for_each_key() {
    for key in Key::ALL {
        let start = format!("| `{}` |", key.name());
        let row = DOCUMENT.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no row {start}"));
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert!(cells[2].starts_with(key.flag().map_or("", |_| "`--")), "{row}");
        assert!(cells[2].contains(key.flag().unwrap_or_default()), "{row}");
        assert_eq!(cells[3], format!("`{}`", key.variable()));
        assert_eq!(cells[5], if key.is_reloadable() { "yes" } else { "no" }, "{row}");
    }
    assert!(DOCUMENT.contains("KIMCHI_PEERS_CONFIG"));
}
