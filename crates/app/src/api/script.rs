//! The modules of the page as one script: a browser asks once for what it would ask for two dozen times, a few at a time.
//!
//! Each module becomes a function that is called once and answers with what the module exports. Its other names stay its own:
//!
//! ```text
//!                                                    const of_host = (() => {
//!  import { count, span as time } from "./words.js";   const { count, span: time } = of_words;
//!  export function showHost(self) { ... }        ──▶   function showHost(self) { ... }
//!                                                      return { showHost };
//!                                                    })();
//! ```
//!
//! This is no parser of JavaScript: it knows the forms that the modules are written in, and a test holds them to these. They
//! stay modules in the source, where editors and checkers read them as such.

use std::sync::LazyLock;

/// Name and text of each module, after those that it imports.
const MODULES: [(&str, &str); 21] = [
    ("words", include_str!("../page/words.js")),
    ("dom", include_str!("../page/dom.js")),
    ("api", include_str!("../page/api.js")),
    ("peers", include_str!("../page/peers.js")),
    ("dialog", include_str!("../page/dialog.js")),
    ("live", include_str!("../page/live.js")),
    ("switch", include_str!("../page/switch.js")),
    ("strip", include_str!("../page/strip.js")),
    ("session", include_str!("../page/session.js")),
    ("changes", include_str!("../page/changes.js")),
    ("console", include_str!("../page/console.js")),
    ("certificate", include_str!("../page/certificate.js")),
    ("row", include_str!("../page/row.js")),
    ("window", include_str!("../page/window.js")),
    ("list", include_str!("../page/list.js")),
    ("activity", include_str!("../page/activity.js")),
    ("matrix", include_str!("../page/matrix.js")),
    ("network", include_str!("../page/network.js")),
    ("host", include_str!("../page/host.js")),
    ("detail", include_str!("../page/detail.js")),
    ("main", include_str!("../page/main.js")),
];

/// What the page runs.
pub(crate) static SCRIPT: LazyLock<String> =
    LazyLock::new(|| MODULES.iter().map(|(name, text)| wrapped(name, text)).collect());

/// A module as a part of the one script.
fn wrapped(name: &str, text: &str) -> String {
    let mut exported = Vec::new();
    let mut lines = String::new();
    for line in text.lines() {
        let line = if let Some(declared) = line.strip_prefix("export ") {
            exported.extend(declared_name(declared));
            declared.to_owned()
        } else {
            taken_over(line).unwrap_or_else(|| line.to_owned())
        };
        lines += &line;
        lines.push('\n');
    }
    format!("const of_{name} = (() => {{\n{lines}return {{ {} }};\n}})();\n", exported.join(", "))
}

/// What stands in place of a line that imports.
fn taken_over(line: &str) -> Option<String> {
    let (names, from) = line.strip_prefix("import ")?.split_once(" from \"./")?;
    let module = from.strip_suffix(".js\";")?;
    let names = names.strip_prefix("* as ").unwrap_or(names).replace(" as ", ": ");
    Some(format!("const {names} = of_{module};"))
}

/// Which name a line declares.
fn declared_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    let declared = ["const ", "function ", "class "].iter().find_map(|kind| line.strip_prefix(kind))?;
    declared.split(|letter: char| !letter.is_alphanumeric()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_becomes_a_function_that_answers_with_what_it_exports() {
        let module = "import * as list from \"./list.js\";\nimport { ask, trust as word } from \"./api.js\";\n\
                      export const SMALL = 1;\nconst own = 2;\nexport async function show({ id }) {\n}\nexport class No {}\n";
        let expected = "const of_host = (() => {\nconst list = of_list;\nconst { ask, trust: word } = of_api;\n\
                        const SMALL = 1;\nconst own = 2;\nasync function show({ id }) {\n}\nclass No {}\n\
                        return { SMALL, show, No };\n})();\n";
        assert_eq!(wrapped("host", module), expected);
    }

    #[test]
    fn the_modules_are_written_in_the_forms_that_are_known_and_come_after_what_they_import() {
        let mut before = Vec::new();
        for (name, text) in MODULES {
            for line in text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
                if let Some(declared) = line.strip_prefix("export ") {
                    assert!(declared_name(declared).is_some_and(|name| !name.is_empty()), "{name}: {line}");
                }
                if line.starts_with("import") {
                    let imported = taken_over(line).expect(line);
                    assert!(before.iter().any(|name| imported.ends_with(&format!(" = of_{name};"))), "{name}: {line}");
                }
                assert!(!line.contains("import("), "{name}: {line}");
            }
            for line in wrapped(name, text).lines() {
                assert!(
                    !line.trim_start().starts_with("import ") && !line.trim_start().starts_with("export "),
                    "{line}"
                );
            }
            before.push(name);
        }
    }
}
