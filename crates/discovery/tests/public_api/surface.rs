//! What of the sources a user can name or call: signatures without bodies, public fields, and the traits of public types.

use std::fmt::Write as _;

use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, Type, Visibility, parse_quote};

use super::sources::{Crate, Module, flatten, is_for_tests};

/// An item of the public interface, reduced to what is public of it.
pub(crate) struct Exported<'a> {
    /// Under which path a user names it.
    pub(crate) path: String,
    pub(crate) item: Item,
    /// Where it is declared: tells what its names stand for.
    pub(crate) module: &'a Module,
}

/// The whole interface as text, sorted by path.
pub(crate) fn of(library: &Crate, engine: &Crate) -> String {
    let mut items: Vec<(String, String)> =
        items(library, engine).into_iter().map(|exported| (exported.path, print(exported.item))).collect();
    items.sort();
    let mut text = String::new();
    for (path, item) in items {
        writeln!(text, "// {path}\n{item}").unwrap();
    }
    text
}

fn print(item: Item) -> String {
    prettyplease::unparse(&syn::File { shebang: None, attrs: Vec::new(), items: vec![item] })
}

/// The whole interface as items.
pub(crate) fn items<'a>(library: &'a Crate, engine: &'a Crate) -> Vec<Exported<'a>> {
    let mut exported = Vec::new();
    for module in library.modules.keys().filter(|path| is_public(library, path)) {
        for item in &library.modules[module].items {
            let Item::Use(reexport) = item else { continue };
            if !matches!(reexport.vis, Visibility::Public(_)) {
                continue;
            }
            flatten(&reexport.tree, &mut Vec::new(), &mut |name, whole| {
                let path = if module.is_empty() { name.clone() } else { format!("{module}::{name}") };
                let inner = whole[..whole.len() - 1].join("::");
                if whole[0] == engine.name {
                    export(engine, &declared_in(engine, &name), &name, path, &mut exported);
                } else {
                    let inner = if module.is_empty() { inner } else { format!("{module}::{inner}") };
                    export(library, &inner, &name, path, &mut exported);
                }
            });
        }
    }
    exported
}

/// Whether a user can name the module: the root, and what the root calls `pub mod`.
fn is_public(library: &Crate, path: &str) -> bool {
    let is_declared = |item: &Item| matches!(item, Item::Mod(inner) if inner.ident == path && matches!(inner.vis, Visibility::Public(_)));
    path.is_empty() || library.modules[""].items.iter().any(is_declared)
}

/// The module from which the root of a crate takes a name.
fn declared_in(of: &Crate, name: &str) -> String {
    let whole = of.modules[""].imports.get(name).unwrap_or_else(|| panic!("{} has no {name}", of.name));
    whole[..whole.len() - 1].join("::")
}

fn export<'a>(of: &'a Crate, module: &str, name: &str, path: String, exported: &mut Vec<Exported<'a>>) {
    let item = of.find(module, name).unwrap_or_else(|| panic!("{}::{module} has no {name}", of.name));
    let place = &of.modules[module];
    if let Some(item) = reduce(item) {
        exported.push(Exported { path: path.clone(), item, module: place });
    }
    for (inner, place) in &of.modules {
        if inner.contains("tests") {
            continue;
        }
        for item in &place.items {
            let Item::Impl(block) = item else { continue };
            if is_of(block, name)
                && !is_for_tests(&block.attrs)
                && let Some(block) = reduce_impl(block)
            {
                let label = block.trait_.as_ref().map_or_else(String::new, |(_, name, _)| {
                    format!(" as {}", name.segments.last().map(|last| last.ident.to_string()).unwrap_or_default())
                });
                exported.push(Exported { path: format!("{path}{label}"), item: Item::Impl(block), module: place });
            }
        }
    }
}

fn is_of(block: &ItemImpl, name: &str) -> bool {
    matches!(&*block.self_ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

/// Only what changes how an item may be used.
fn keep_meaningful(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| {
        ["derive", "non_exhaustive", "must_use"].iter().any(|name| attribute.path().is_ident(name))
    });
}

fn reduce(item: &Item) -> Option<Item> {
    let mut item = item.clone();
    match &mut item {
        Item::Struct(item) => {
            keep_meaningful(&mut item.attrs);
            reduce_fields(&mut item.fields);
        }
        Item::Enum(item) => {
            keep_meaningful(&mut item.attrs);
            for variant in &mut item.variants {
                keep_meaningful(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| keep_meaningful(&mut field.attrs));
            }
        }
        Item::Fn(item) => {
            keep_meaningful(&mut item.attrs);
            *item.block = parse_quote!({});
        }
        Item::Const(item) => keep_meaningful(&mut item.attrs),
        Item::Type(item) => keep_meaningful(&mut item.attrs),
        _ => return None,
    }
    Some(item)
}

/// Public fields as they are; of private ones only that there are some.
fn reduce_fields(fields: &mut Fields) {
    let is_public = |field: &syn::Field| matches!(field.vis, Visibility::Public(_));
    let has_private = fields.iter().any(|field| !is_public(field));
    match fields {
        Fields::Named(named) => {
            named.named = named.named.iter().filter(|field| is_public(field)).cloned().collect();
            named.named.iter_mut().for_each(|field| keep_meaningful(&mut field.attrs));
            if has_private {
                named.named.push(parse_quote!(private: ()));
            }
        }
        Fields::Unnamed(unnamed) => {
            unnamed.unnamed.iter_mut().filter(|field| !is_public(field)).for_each(|field| field.ty = parse_quote!(_));
        }
        Fields::Unit => {}
    }
}

fn reduce_impl(block: &ItemImpl) -> Option<ItemImpl> {
    let mut block = block.clone();
    let of_trait = block.trait_.is_some();
    keep_meaningful(&mut block.attrs);
    block.items.retain_mut(|item| match item {
        // A trait's functions are known; its types are not.
        ImplItem::Type(_) => of_trait,
        ImplItem::Fn(function) => {
            keep_meaningful(&mut function.attrs);
            function.block = parse_quote!({});
            !of_trait && matches!(function.vis, Visibility::Public(_))
        }
        ImplItem::Const(constant) => {
            keep_meaningful(&mut constant.attrs);
            !of_trait && matches!(constant.vis, Visibility::Public(_))
        }
        _ => false,
    });
    (of_trait || !block.items.is_empty()).then_some(block)
}
