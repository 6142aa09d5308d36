//! The sources of a crate, read into modules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, ItemMod, UseTree};

/// A crate of ours.
pub(crate) struct Crate {
    pub(crate) name: &'static str,
    /// The modules by their path, such as `remote::address`; the root is the empty one.
    pub(crate) modules: BTreeMap<String, Module>,
}

/// One module.
pub(crate) struct Module {
    pub(crate) items: Vec<Item>,
    /// What names that are not declared here stand for: the whole path by the name.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
}

impl Crate {
    /// Reads the crate with this `src`.
    pub(crate) fn read(name: &'static str, src: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read_module(&src.join("lib.rs"), src, "", &mut modules);
        Self { name, modules }
    }

    /// The item of this name in a module.
    pub(crate) fn find(&self, module: &str, name: &str) -> Option<&Item> {
        let items = &self.modules.get(module)?.items;
        items.iter().find(|item| name_of(item).is_some_and(|found| found == name))
    }
}

fn read_module(file: &Path, directory: &Path, path: &str, modules: &mut BTreeMap<String, Module>) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let items = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items;
    let mut imports = BTreeMap::new();
    for item in &items {
        match item {
            Item::Use(item) => flatten(&item.tree, &mut Vec::new(), &mut |name, whole| {
                imports.insert(name, whole);
            }),
            Item::Mod(ItemMod { ident, content: None, attrs, .. }) if !is_for_tests(attrs) => {
                let name = ident.to_string();
                let inner = if path.is_empty() { name.clone() } else { format!("{path}::{name}") };
                read_module(&file_of(directory, &name), &directory.join(&name), &inner, modules);
            }
            _ => {}
        }
    }
    modules.insert(path.to_owned(), Module { items, imports });
}

fn file_of(directory: &Path, name: &str) -> PathBuf {
    let flat = directory.join(format!("{name}.rs"));
    if flat.exists() { flat } else { directory.join(name).join("mod.rs") }
}

/// Whether it is there for tests alone.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg"))
}

/// Calls `found` with each name that a `use` brings in, and its whole path.
pub(crate) fn flatten(tree: &UseTree, path: &mut Vec<String>, found: &mut impl FnMut(String, Vec<String>)) {
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            flatten(&inner.tree, path, found);
            path.pop();
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            let whole = if name == "self" { path.clone() } else { [path.clone(), vec![name.clone()]].concat() };
            let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
            found(name, whole);
        }
        UseTree::Rename(rename) => {
            found(rename.rename.to_string(), [path.clone(), vec![rename.ident.to_string()]].concat());
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, path, found)),
        UseTree::Glob(_) => {}
    }
}

/// The name that an item declares.
fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Struct(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Const(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
