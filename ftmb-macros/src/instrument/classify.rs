//! Which types of a module are shared state, and which are data inside it.
//!
//! Invariant: the rule is fixed and looks at the module alone:
//!
//! 1. A struct that holds a lock or an atomic, directly, in a container, through an alias or another such struct of the
//!    module, or a field marked `#[ftmb(shared)]`, or that implements `Middlebox` or has `#[ftmb::shared]` already, is shared state.
//! 2. A `static` whose type holds one is shared.
//! 3. Any other struct or enum that is named in a field of 1 (but for `#[ftmb(config)]` fields) or in a type of 2, or in
//!    a field of such data, is data: `State`.
//! 4. Everything else stays as it is.
//!
//! Types are told by their names, so a name of 1 or 3 must not be another type's in another module inside.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Fields, Ident, Item, ItemStatic, Type};

use super::imports::{Scope, strings};
use super::{is_excluded, known};

/// The classes of the types of a module and those inside it, by name.
#[derive(Default)]
pub(super) struct Classes {
    nodes: BTreeMap<String, Node>,
    /// Names of types in more than one module.
    ambiguous: BTreeSet<String>,
    middleboxes: BTreeSet<String>,
    lockful: BTreeSet<String>,
    data: BTreeSet<String>,
    /// What the types of shared statics mention.
    statics: BTreeSet<String>,
}

/// A type of the module.
#[derive(Default)]
struct Node {
    /// The names in its fields.
    mentions: BTreeSet<String>,
    /// The names in fields that are not `#[ftmb(config)]`.
    tracked: BTreeSet<String>,
    holds_lock: bool,
    tuple: bool,
    /// Which of the modules, in the order of the walk.
    module: usize,
}

/// The names in a type, with imported ones followed, and whether one of them is a lock.
struct Mentions<'a> {
    scope: &'a Scope,
    names: BTreeSet<String>,
    holds_lock: bool,
    changes_unseen: bool,
}

impl<'ast> Visit<'ast> for Mentions<'_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Vec<_> = path.segments.iter().map(|segment| segment.ident.clone()).collect();
        let full = self.scope.resolve(&strings(&written));
        if let (Some(last), Some(name)) = (written.last(), full.last()) {
            let own = full.len() == 1 && self.scope.defines(name);
            self.holds_lock |= !own && known::is_lock(name);
            self.changes_unseen |= !own && known::changes_unseen(name);
            self.names.insert(last.to_string());
        }
        visit::visit_path(self, path);
    }
}

impl<'a> Mentions<'a> {
    fn of(ty: &Type, scope: &'a Scope) -> Self {
        let mut mentions = Mentions { scope, names: BTreeSet::new(), holds_lock: false, changes_unseen: false };
        mentions.visit_type(ty);
        mentions
    }
}

impl Node {
    fn add(&mut self, fields: &Fields, scope: &Scope) {
        for field in fields {
            let mentions = Mentions::of(&field.ty, scope);
            if !has_role(&field.attrs, "config") {
                self.tracked.extend(mentions.names.iter().cloned());
            }
            self.mentions.extend(mentions.names);
            self.holds_lock |= mentions.holds_lock || has_role(&field.attrs, "shared");
        }
    }
}

fn has_role(attributes: &[Attribute], role: &str) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("ftmb")).any(|attribute| {
        let mut found = false;
        // What does not parse is reported by `#[ftmb::shared]`.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident(role);
            Ok(())
        });
        found
    })
}

fn is_shared_already(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "shared")
}

/// The last segment of a type's path.
pub(super) fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last().map(|last| last.ident.to_string()),
        Type::Group(inner) => type_name(&inner.elem),
        Type::Paren(inner) => type_name(&inner.elem),
        _ => None,
    }
}

impl Classes {
    /// Classifies everything in `items`.
    pub(super) fn of(items: &[Item], scope: &Scope) -> Classes {
        let mut classes = Classes::default();
        classes.collect(items, scope, &mut 0);
        classes.spread_locks();
        classes.collect_statics(items, scope);
        classes.spread_data();
        classes
    }

    /// The node of a type; one under `cfg` may have several definitions.
    fn node(&mut self, ident: &Ident, module: usize) -> &mut Node {
        let name = ident.to_string();
        if self.nodes.get(&name).is_some_and(|node| node.module != module) {
            self.ambiguous.insert(name.clone());
        }
        self.nodes.entry(name).or_insert_with(|| Node { module, ..Node::default() })
    }

    fn collect(&mut self, items: &[Item], outer: &Scope, modules: &mut usize) {
        *modules += 1;
        let module = *modules;
        let scope = &outer.inner(items.iter());
        for item in items.iter().filter(|item| !is_excluded(item)) {
            match item {
                Item::Struct(item) => {
                    if item.attrs.iter().any(is_shared_already) {
                        self.middleboxes.insert(item.ident.to_string());
                    }
                    let node = self.node(&item.ident, module);
                    node.add(&item.fields, scope);
                    node.tuple |= matches!(item.fields, Fields::Unnamed(_));
                }
                Item::Enum(item) => {
                    let node = self.node(&item.ident, module);
                    item.variants.iter().for_each(|variant| node.add(&variant.fields, scope));
                }
                Item::Type(item) => {
                    let mentions = Mentions::of(&item.ty, scope);
                    let node = self.node(&item.ident, module);
                    node.tracked.extend(mentions.names.iter().cloned());
                    node.mentions.extend(mentions.names);
                    node.holds_lock |= mentions.holds_lock;
                }
                Item::Impl(item) => {
                    let of_middlebox = item.trait_.as_ref().and_then(|(path, ..)| path.segments.last());
                    if of_middlebox.is_some_and(|last| last.ident == "Middlebox") {
                        self.middleboxes.extend(type_name(&item.self_ty));
                    }
                }
                Item::Mod(item) => {
                    if let Some((_, items)) = &item.content {
                        self.collect(items, scope, modules);
                    }
                }
                _ => {}
            }
        }
    }

    fn spread_locks(&mut self) {
        loop {
            let before = self.lockful.len();
            for (name, node) in &self.nodes {
                if node.holds_lock || node.mentions.iter().any(|mention| self.is_shared(mention)) {
                    self.lockful.insert(name.clone());
                }
            }
            if self.lockful.len() == before {
                return;
            }
        }
    }

    fn collect_statics(&mut self, items: &[Item], outer: &Scope) {
        let scope = &outer.inner(items.iter());
        for item in items.iter().filter(|item| !is_excluded(item)) {
            match item {
                Item::Static(item) if self.shares(item, scope) => {
                    self.statics.extend(Mentions::of(&item.ty, scope).names)
                }
                Item::Mod(item) => {
                    if let Some((_, items)) = &item.content {
                        self.collect_statics(items, scope);
                    }
                }
                _ => {}
            }
        }
    }

    fn spread_data(&mut self) {
        let shared = self.nodes.iter().filter(|(name, _)| self.is_shared(name));
        let mut open: Vec<String> = shared.flat_map(|(_, node)| &node.tracked).chain(&self.statics).cloned().collect();
        while let Some(name) = open.pop() {
            if let Some(node) = self.nodes.get(&name)
                && !self.is_shared(&name)
                && self.data.insert(name)
            {
                open.extend(node.mentions.iter().cloned());
            }
        }
    }

    /// Whether the type is shared state.
    pub(super) fn is_shared(&self, name: &str) -> bool {
        self.lockful.contains(name) || self.middleboxes.contains(name)
    }

    /// Whether the name, of shared state or data, is another type's as well.
    pub(super) fn is_ambiguous(&self, name: &str) -> bool {
        self.ambiguous.contains(name) && (self.is_shared(name) || self.is_data(name))
    }

    /// Whether the type is data inside shared state.
    pub(super) fn is_data(&self, name: &str) -> bool {
        self.data.contains(name)
    }

    /// Whether the type is shared state of the module, and a tuple struct.
    pub(super) fn is_shared_tuple(&self, name: &str) -> bool {
        self.is_shared(name) && self.nodes.get(name).is_some_and(|node| node.tuple)
    }

    /// Whether a static is shared, or would be refused as such.
    pub(super) fn shares(&self, item: &ItemStatic, scope: &Scope) -> bool {
        let mentions = Mentions::of(&item.ty, scope);
        mentions.holds_lock
            || mentions.changes_unseen
            || matches!(item.mutability, syn::StaticMutability::Mut(_))
            || mentions.names.iter().any(|name| self.is_shared(name))
    }
}
