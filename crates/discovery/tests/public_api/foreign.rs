//! Types of other crates in what is public.

use syn::visit::{self, Visit};
use syn::{Attribute, Path};

use super::surface::Exported;

/// Crates whose types may be seen: the standard library, and ours.
const KNOWN: [&str; 7] = ["std", "core", "alloc", "crate", "self", "super", "kimchi_peers_proto"];

/// The foreign types that an item names, each with the item.
pub(crate) fn of(exported: &Exported<'_>) -> Vec<String> {
    let mut search = Search { exported, foreign: Vec::new() };
    search.visit_item(&exported.item);
    search.foreign
}

struct Search<'a> {
    exported: &'a Exported<'a>,
    foreign: Vec<String>,
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        let first = path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let imported = self.exported.module.imports.get(&first);
        let root = imported.map_or(first.as_str(), |whole| whole[0].as_str());
        // A name that was not brought in is of the prelude, of the language, or declared beside.
        let is_brought_in = imported.is_some() || path.segments.len() > 1;
        let is_declared_here = root.starts_with(|letter: char| letter.is_uppercase());
        if is_brought_in && !is_declared_here && !KNOWN.contains(&root) && !is_own_module(self.exported, root) {
            self.foreign.push(format!("{root} in {}", self.exported.path));
        }
        visit::visit_path(self, path);
    }

    // What derives and attributes bring in is written by macros, not by users.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

fn is_own_module(exported: &Exported<'_>, root: &str) -> bool {
    exported.module.items.iter().any(|item| matches!(item, syn::Item::Mod(inner) if inner.ident == root))
}
