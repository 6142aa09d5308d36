//! The ports of this host's Wok or Kimchi, read from its own configuration.
//!
//! Its section `[server]` is a layer of settings under all others: what is set for this program goes before it. Wok calls the
//! port `proxy_port`, Kimchi before 2.0 `ssl_port` (and `port` for HTTP); a key that is not there has Wok's default, which
//! is ours too.

use std::path::{Path, PathBuf};

use super::error::{SettingsError, quoted};
use super::key::Key;
use super::origin::{Given, Origin, Raw};

/// Longer than any such file.
const LENGTH_MAX: u64 = 1 << 20;

/// What the file of the last layer that names one says. One that cannot be read is a warning: Wok may come later.
///
/// # Errors
/// The path is none.
pub(super) fn given(layers: &[Given], warnings: &mut Vec<String>) -> Result<Vec<Given>, SettingsError> {
    let Some(named) = layers.iter().rfind(|given| given.key == Key::WokConf) else { return Ok(Vec::new()) };
    let path = super::value::optional_path(named).map_err(|wrong| wrong.in_place(named))?;
    let Some(path) = path else { return Ok(Vec::new()) };
    match read(&path) {
        Ok(text) => Ok(of_text(&path, &text, warnings)),
        Err(error) => {
            let file = quoted(&path.display().to_string());
            warnings.push(format!("cannot read {file}, so the ports of the console are those set or usual: {error}"));
            Ok(Vec::new())
        }
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LENGTH_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn of_text(path: &Path, text: &str, warnings: &mut Vec<String>) -> Vec<Given> {
    let mut given: Vec<Given> = Vec::new();
    for entry in server_section(text) {
        let Some(key) = key_of(&entry.name) else { continue };
        let origin = Origin::File(PathBuf::from(path), entry.line);
        let new = Given { key, raw: Raw::One(entry.value), origin };
        // Judged here, as a mistake in another program's file must not keep this one from starting.
        match super::Settings::default().set(&new) {
            Ok(()) => {
                given.retain(|other| other.key != key);
                given.push(new);
            }
            Err(wrong) => warnings.push(format!("{}; it is passed over", wrong.in_place(&new))),
        }
    }
    given
}

/// The key of ours that stands for one of theirs.
fn key_of(name: &str) -> Option<Key> {
    match name {
        "proxy_port" | "ssl_port" => Some(Key::HttpsPort),
        "port" => Some(Key::HttpPort),
        "server_root" => Some(Key::ServerRoot),
        _ => None,
    }
}

/// A line of the section.
struct Entry {
    name: String,
    value: String,
    /// From 1.
    line: usize,
}

/// The entries of `[server]` as Python's ConfigParser reads them: names in lower case, `=` or `:`, comments after `#` and
/// `;`. An empty value is none.
fn server_section(text: &str) -> Vec<Entry> {
    let mut inside = false;
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim();
        if let Some(section) = bare.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            inside = section.0 == "server";
            continue;
        }
        // What is indented goes on with the value before it, of which none here has two lines.
        let is_entry = inside && !line.starts_with([' ', '\t']) && !bare.starts_with(['#', ';']);
        if !is_entry {
            continue;
        }
        let Some(end) = bare.find(['=', ':']) else { continue };
        let (name, value) = (&bare[..end], &bare[end + 1..]);
        let value = [" ;", " #"].iter().fold(value, |value, mark| value.split(mark).next().unwrap_or_default()).trim();
        if !value.is_empty() {
            entries.push(Entry { name: name.trim().to_ascii_lowercase(), value: value.to_owned(), line: index + 1 });
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(&'static str, String)>, Vec<String>) {
        let mut warnings = Vec::new();
        let given = of_text(Path::new("/etc/wok/wok.conf"), text, &mut warnings);
        (given.into_iter().map(|given| (given.key.name(), given.raw.to_string())).collect(), warnings)
    }

    fn found(text: &str) -> Vec<(&'static str, String)> {
        read(text).0
    }

    #[test]
    fn the_section_of_the_server_is_read_as_wok_reads_it() {
        let wok = "# port = 1\n[logging]\nproxy_port = 7\n[server]\n#proxy_port = 8\nProxy_Port : 9001 ; inline\n\
                   server_root=/wok\nfederation = off\ncherrypy_port = 8010\n[other]\nproxy_port = 3\n";
        assert_eq!(found(wok), [("https_port", "9001".to_owned()), ("server_root", "/wok".to_owned())]);
        let kimchi = "[server]\nhost = 0.0.0.0\nport = 8100\nssl_port = 8101\nfederation = on\n";
        assert_eq!(found(kimchi), [("http_port", "8100".to_owned()), ("https_port", "8101".to_owned())]);
        assert_eq!(found("[server]\nproxy_port = 1\nproxy_port = 2\n"), [("https_port", "2".to_owned())]);
        assert_eq!(found("[server]\nproxy_port =\n  9001\nnonsense\n"), []);
        assert_eq!(found(""), []);
    }

    #[test]
    fn what_cannot_be_a_port_is_passed_over_and_said() {
        let (given, warnings) = read("[server]\nproxy_port = many\nserver_root = /wok\n");
        assert_eq!(given, [("server_root", "/wok".to_owned())]);
        assert_eq!(
            warnings,
            [
                "`https_port` in /etc/wok/wok.conf:2 must be a port number from 1 to 65535, not `many`; it is passed over"
            ]
        );
    }
}
