//! What names mean in a module: its `use` items, followed through renaming, nesting and one another.
//!
//! Invariant: only paths that begin with a known crate are replaced, so that whatever a name really stands for, the compiler
//! decides: it resolves the replaced imports like any other.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Ident, Item, ItemUse, UseTree};

use super::known;
use crate::middlebox;
use crate::options::Options;

/// The full path of each name that is imported, and the names that the module defines itself.
#[derive(Clone, Default)]
pub(super) struct Scope {
    imported: BTreeMap<String, Vec<String>>,
    defined: BTreeSet<String>,
}

/// One name of a `use` item.
struct Leaf {
    path: Vec<Ident>,
    rename: Option<Ident>,
    glob: bool,
}

impl Leaf {
    fn name(&self) -> Option<String> {
        let name = self.rename.as_ref().or(self.path.last())?;
        (!self.glob && name != "_").then(|| name.to_string())
    }
}

fn leaves(tree: &UseTree, path: &mut Vec<Ident>, found: &mut Vec<Leaf>) {
    let leaf = |path: &Vec<Ident>, name: Option<&Ident>, rename: Option<&Ident>, glob| {
        let name = name.filter(|name| *name != "self");
        Leaf { path: path.iter().chain(name).cloned().collect(), rename: rename.cloned(), glob }
    };
    match tree {
        UseTree::Path(next) => {
            path.push(next.ident.clone());
            leaves(&next.tree, path, found);
            path.pop();
        }
        UseTree::Name(name) => found.push(leaf(path, Some(&name.ident), None, false)),
        UseTree::Rename(rename) => found.push(leaf(path, Some(&rename.ident), Some(&rename.rename), false)),
        UseTree::Glob(_) => found.push(leaf(path, None, None, true)),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, path, found)),
    }
}

fn leaves_of(item: &ItemUse) -> Vec<Leaf> {
    let mut found = Vec::new();
    leaves(&item.tree, &mut Vec::new(), &mut found);
    found
}

impl Scope {
    /// The scope of the items in a module or block inside this one.
    pub(super) fn inner<'i>(&self, items: impl Iterator<Item = &'i Item> + Clone) -> Scope {
        let mut inner = self.clone();
        for item in items.clone() {
            if let Some(name) = defines(item) {
                inner.imported.remove(&name);
                inner.defined.insert(name);
            }
        }
        // Imports may build on one another in any order.
        for _ in 0..2 {
            for item in items.clone() {
                let Item::Use(item) = item else { continue };
                for leaf in leaves_of(item) {
                    let Some(name) = leaf.name() else { continue };
                    let path = strings(&leaf.path);
                    let path = if item.leading_colon.is_some() { path } else { inner.resolve(&path) };
                    if path.first() != Some(&name) || path.len() > 1 {
                        inner.imported.insert(name, path);
                    }
                }
            }
        }
        inner
    }

    /// The full path of one that begins with an imported name; others come back as they are.
    pub(super) fn resolve(&self, path: &[String]) -> Vec<String> {
        let imported = path.first().and_then(|first| self.imported.get(first));
        imported.into_iter().flatten().chain(path.iter().skip(usize::from(imported.is_some()))).cloned().collect()
    }

    /// Whether the module defines this name itself.
    pub(super) fn defines(&self, name: &str) -> bool {
        self.defined.contains(name)
    }

    /// What an expression or type that is written as `path` has to be replaced by: a module of `ftmb::__private`, and the
    /// segments in it. Names whose import was replaced already mean the right thing.
    pub(super) fn counterpart(&self, path: &[String], absolute: bool) -> Option<(&'static str, Vec<String>)> {
        let first = path.first()?;
        if !absolute && self.defines(first) {
            return None;
        }
        let full = match self.imported.get(first).filter(|_| !absolute) {
            Some(imported) if known::counterpart(imported).is_some() => return None,
            Some(_) => self.resolve(path),
            None => path.to_vec(),
        };
        Some((known::counterpart(&full)?, full.into_iter().skip(1).collect()))
    }

    /// The full path of a source of non-determinism that is imported under a name which does not tell.
    pub(super) fn hidden_source(&self, path: &[String]) -> Option<Vec<String>> {
        let imported = self.imported.get(path.first()?)?;
        let full = self.resolve(path);
        let hidden = !middlebox::is_source(path) && middlebox::is_source(&full);
        (hidden && known::counterpart(imported).is_none()).then_some(full)
    }

    /// The `use` item with what has a counterpart imported from ftmb; as it was if there is nothing.
    pub(super) fn replace(&self, item: ItemUse, options: &Options) -> Vec<Item> {
        let leaves = leaves_of(&item);
        let replaced: Vec<Option<TokenStream>> = leaves.iter().map(|leaf| self.leaf(&item, leaf, options)).collect();
        if replaced.iter().all(Option::is_none) {
            return vec![Item::Use(item)];
        }
        let ItemUse { attrs, vis, leading_colon, .. } = &item;
        let kept = |leaf: &Leaf| {
            let (path, rename) = (&leaf.path, leaf.rename.iter());
            let star = leaf.glob.then(|| quote_spanned!(Span::mixed_site()=> ::*));
            let span = leaf.path.last().map_or_else(Span::call_site, Ident::span);
            quote_spanned!(span=> #(#attrs)* #vis use #leading_colon #(#path)::* #(as #rename)* #star;)
        };
        let tokens: TokenStream =
            leaves.iter().zip(replaced).map(|(leaf, replaced)| replaced.unwrap_or_else(|| kept(leaf))).collect();
        match syn::parse2::<syn::File>(tokens) {
            Ok(file) => file.items,
            Err(_) => vec![Item::Use(item)],
        }
    }

    fn leaf(&self, item: &ItemUse, leaf: &Leaf, options: &Options) -> Option<TokenStream> {
        let ItemUse { attrs, vis, leading_colon, .. } = item;
        let span = leaf.path.last()?.span();
        let private = options.private(span);
        let path = strings(&leaf.path);
        // An import does not resolve through itself.
        let own = leaf.name().is_some_and(|name| path.first() == Some(&name));
        let path = if leading_colon.is_some() || own { path } else { self.resolve(&path) };
        if leaf.glob {
            if let Some(names) = known::in_glob(&path) {
                let names = names.iter().filter(|name| !self.imported.contains_key(**name) && !self.defines(name));
                let module: Vec<Ident> = path[1..].iter().map(|name| Ident::new(name, span)).collect();
                let explicit = names.map(|name| {
                    let name = Ident::new(name, Span::call_site());
                    quote_spanned!(span=> #[allow(unused_imports)] #(#attrs)* #vis use #private::std #(::#module)*::#name;)
                });
                let (explicit, path) = (explicit.collect::<TokenStream>(), &leaf.path);
                return Some(quote_spanned! {span=>
                    #[allow(unused_imports)]
                    #(#attrs)*
                    #vis use #leading_colon #(#path)::*::*;
                    #explicit
                });
            }
            let room = Ident::new(known::counterpart(&[path.as_slice(), &["*".to_owned()]].concat())?, span);
            let rest = path[1..].iter().map(|name| Ident::new(name, span));
            return Some(quote_spanned!(span=> #(#attrs)* #vis use #private::#room #(::#rest)*::*;));
        }
        let rename = leaf.rename.iter();
        if let Some(room) = known::counterpart(&path) {
            let (room, rest) = (Ident::new(room, span), path[1..].iter().map(|name| Ident::new(name, span)));
            return Some(quote_spanned!(span=> #(#attrs)* #vis use #private::#room #(::#rest)* #(as #rename)*;));
        }
        if let [name] = path.as_slice()
            && known::is_crate(name)
        {
            let room = Ident::new(name, span);
            return Some(
                quote_spanned!(span=> #[allow(unused_imports)] #(#attrs)* #vis use #private::#room #(as #rename)*;),
            );
        }
        // What is used through a module, or replaced where it is called, may leave its import unused.
        let through = known::leads_to_counterparts(&path) || middlebox::is_source(&path);
        let path = &leaf.path;
        through.then(|| {
            quote_spanned!(span=> #[allow(unused_imports)] #(#attrs)* #vis use #leading_colon #(#path)::* #(as #rename)*;)
        })
    }
}

fn defines(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Struct(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Mod(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

pub(super) fn strings(path: &[Ident]) -> Vec<String> {
    path.iter().map(Ident::to_string).collect()
}

/// `::ftmb::__private::room`, as the beginning of a path.
pub(super) fn room(room: &str, span: Span, options: &Options) -> TokenStream {
    let private = options.private(span);
    let room = Ident::new(room, span).into_token_stream();
    quote_spanned!(span=> #private::#room)
}
