//! The page of the configuration file, made from the example that is shipped and from the table of the keys.
//!
//! ```text
//!  # text about the key        <- a block; the first one is about the file itself
//!  #key = default
//! ```

use clap_mangen::roff::{Roff, bold, italic, roman};

use super::{DATE, Page, source};
use crate::settings::Key;

const EXAMPLE: &str = include_str!("../../../../../packaging/kimchi-peers.toml");
/// Where the file is looked for.
const FILE: &str = "/etc/kimchi-peers/kimchi-peers.toml";

/// Makes the page.
pub(super) fn page() -> Page {
    let blocks = EXAMPLE.split("\n\n").map(Block::read);
    let mut page = Roff::new();
    page.control("TH", ["kimchi-peers.toml", "5", DATE, &source(), "kimchi-peers"]);
    page.control("SH", ["NAME"]).text([roman("kimchi-peers.toml - the settings of the kimchi-peers daemon")]);
    page.control("SH", ["DESCRIPTION"]);
    // Those before the first key are about the file.
    let mut is_about_file = true;
    for block in blocks {
        if is_about_file && !block.keys.is_empty() {
            is_about_file = false;
            page.control("SH", ["KEYS"]);
        }
        block.write(&mut page);
    }
    page.control("SH", ["FILES"]).text([italic(FILE)]);
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("kimchi-peers-run"), roman("(1), "), bold("kimchi-peers-config-show"), roman("(1), ")]);
    page.text([bold("kimchi-peers"), roman("(7)")]);
    Page { file: "kimchi-peers.toml.5".to_owned(), text: page.render() }
}

/// A part of the example between empty lines.
struct Block {
    text: String,
    /// Lines such as `port = 8000`, with the key where it is known.
    keys: Vec<(String, Option<Key>)>,
}

impl Block {
    fn read(block: &str) -> Self {
        let lines = || block.lines().filter_map(|line| line.strip_prefix('#'));
        let text: Vec<&str> = lines().filter_map(|line| line.strip_prefix(' ')).collect();
        let keys = lines().filter(|line| !line.is_empty() && !line.starts_with(' '));
        let named = |line: &str| Key::named(line.split(" = ").next().unwrap_or_default());
        Self { text: text.join(" "), keys: keys.map(|line| (line.to_owned(), named(line))).collect() }
    }

    fn write(&self, page: &mut Roff) {
        for (position, (line, _)) in self.keys.iter().enumerate() {
            page.control(if position == 0 { "TP" } else { "TQ" }, []).text([bold(line.as_str())]);
        }
        page.text([roman(self.text.as_str())]);
        for (_, key) in &self.keys {
            let Some(key) = key else { continue };
            page.control("br", []).text([bold(key.name()), roman(format!(": {}.", key.allowed()))]);
            page.text([roman("Environment: "), italic(key.variable()), roman(".")]);
            if let Some(flag) = key.flag() {
                page.text([roman("Option: "), bold(flag), roman(".")]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_every_key_with_its_default_and_what_it_may_be() {
        let text = page().text.replace("\\-", "-");
        for key in Key::ALL {
            assert!(text.contains(&format!("\n\\fB{} = ", key.name())), "{}: {text}", key.name());
            assert!(text.contains(key.variable()), "{}", key.variable());
        }
        assert_eq!(text.matches(".TP").count() + text.matches(".TQ").count(), Key::ALL.len());
    }
}
