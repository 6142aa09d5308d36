//! Types of ours in what is public that a user could not name.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, Path};

use super::surface::Exported;

/// The types that items name and nobody exports, each with the item.
pub(crate) fn missing(exported: &[Exported<'_>]) -> Vec<String> {
    let names = exported.iter().map(|item| item.path.rsplit("::").next().unwrap_or_default().to_owned()).collect();
    let mut missing = Vec::new();
    for item in exported {
        let mut search = Search { exported: item, names: &names, missing: &mut missing };
        search.visit_item(&item.item);
    }
    missing
}

struct Search<'a> {
    exported: &'a Exported<'a>,
    names: &'a BTreeSet<String>,
    missing: &'a mut Vec<String>,
}

impl Search<'_> {
    /// The type of ours that a name stands for where the item is declared.
    fn ours(&self, name: &str) -> Option<String> {
        let module = self.exported.module;
        if let Some(whole) = module.imports.get(name) {
            let is_ours = ["crate", "super", "self", "kimchi_peers_proto"].contains(&whole[0].as_str());
            return whole.last().filter(|_| is_ours).cloned();
        }
        let is_declared = |item: &Item| match item {
            Item::Struct(item) => item.ident == name,
            Item::Enum(item) => item.ident == name,
            Item::Type(item) => item.ident == name,
            _ => false,
        };
        module.items.iter().any(is_declared).then(|| name.to_owned())
    }
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        let first = path.segments.first().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if let Some(name) = self.ours(&first).filter(|name| !self.names.contains(name)) {
            self.missing.push(format!("{name} in {}", self.exported.path));
        }
        visit::visit_path(self, path);
    }

    // What derives and attributes bring in is written by macros, not by users.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}
