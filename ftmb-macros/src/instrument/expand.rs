//! What comes out: the items with the attributes that do the work, and the code that none of them is for, rewritten.
//!
//! Invariant: an item that has one of the attributes already keeps it as it is.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item, ItemMacro, ItemStatic, Token};

use super::classify::{Classes, type_name};
use super::imports::Scope;
use super::{is_excluded, refuse_file};
use crate::errors::Errors;
use crate::middlebox;
use crate::options::Options;

/// Puts attributes on items, and rewrites the code that none of them is for.
pub(super) struct Expander<'a> {
    pub(super) options: &'a Options,
    pub(super) errors: &'a Errors,
    pub(super) classes: &'a Classes,
    pub(super) scope: Scope,
}

impl Expander<'_> {
    pub(super) fn module(&mut self, items: &mut Vec<Item>) {
        let outer = self.scope.clone();
        self.scope = outer.inner(items.iter());
        let mut assertions = Vec::new();
        for item in items.iter_mut().filter(|item| !is_excluded(item)) {
            if let Item::Static(found) = item
                && !self.classes.shares(found, &self.scope)
            {
                assertions.push(self.is_constant(found));
            }
            self.item(item);
        }
        items.extend(assertions);
        self.scope = outer;
    }

    /// Asks the compiler whether a static that is not shared is a lock by another name.
    fn is_constant(&self, item: &ItemStatic) -> Item {
        let span = Span::mixed_site().located_at(item.ty.span());
        let private = self.options.private(item.ty.span());
        let cfgs = item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
        let name = &item.ident;
        syn::parse_quote_spanned! {span=>
            #(#cfgs)*
            const _: fn() = || {
                #[allow(unused_imports)]
                use #private::{ViaGuard as _, ViaReference as _};
                let _ = #private::Probe::new(&#name).__ftmb_access();
            };
        }
    }

    fn item(&mut self, item: &mut Item) {
        if let Item::Struct(syn::ItemStruct { ident, .. }) | Item::Enum(syn::ItemEnum { ident, .. }) = item
            && self.classes.is_ambiguous(&ident.to_string())
        {
            self.errors.refuse(
                &*ident,
                format_args!("there is another `{ident}` in the instrumented module"),
                "types are told by their names here, and which of the two is state would be a guess",
                "rename one of them, or instrument the inner modules one by one",
            );
            return;
        }
        match item {
            Item::Struct(found) => {
                let name = found.ident.to_string();
                let span = found.ident.span();
                if self.classes.is_shared(&name) {
                    self.annotate("shared", &mut found.attrs, span);
                } else if self.classes.is_data(&name) {
                    self.derive_state(&mut found.attrs, span);
                }
            }
            Item::Enum(found) => {
                let name = found.ident.to_string();
                if self.classes.is_shared(&name) {
                    self.errors.refuse(
                        &found.ident,
                        format_args!("the enum `{name}` holds a lock or an atomic"),
                        "the variables of shared state are numbered once, and an enum's come and go",
                        "make it a struct, or hold the whole enum in a `Mutex`",
                    );
                } else if self.classes.is_data(&name) {
                    self.derive_state(&mut found.attrs, found.ident.span());
                }
            }
            Item::Impl(found) if type_name(&found.self_ty).is_some_and(|name| self.classes.is_shared(&name)) => {
                let mut statics = Statics(self);
                found.items.iter_mut().for_each(|item| statics.visit_impl_item_mut(item));
                self.annotate("middlebox", &mut found.attrs, Span::call_site());
            }
            Item::Static(found) => self.statics(found),
            Item::Mod(found) => match &mut found.content {
                Some((_, items)) => self.module(items),
                None => refuse_file(found, self.errors),
            },
            Item::Macro(found) if found.ident.is_some() => middlebox::code(item, self.options, self.errors),
            Item::Macro(found) => self.item_macro(found),
            Item::Fn(_) | Item::Impl(_) | Item::Trait(_) | Item::Const(_) => {
                Statics(self).visit_item_mut(item);
                middlebox::code(item, self.options, self.errors);
            }
            _ => {}
        }
    }

    fn statics(&self, item: &mut ItemStatic) {
        if self.classes.shares(item, &self.scope) {
            let span = item.ident.span();
            self.annotate("shared", &mut item.attrs, span);
        } else {
            middlebox::constant_static(item, self.errors);
        }
    }

    /// State that an item macro defines is not seen.
    fn item_macro(&self, item: &ItemMacro) {
        let Some(last) = item.mac.path.segments.last() else { return };
        if last.ident == "thread_local" {
            self.errors.refuse(
                &item.mac.path,
                "`thread_local!` in an instrumented module",
                "what a thread keeps is lost with it, and replay would start from another value",
                "make it a `#[ftmb(per_core)]` field of the shared struct, or mark it `#[ftmb(skip)]`",
            );
        } else if last.ident == "lazy_static" {
            self.errors.refuse(
                &item.mac.path,
                "`lazy_static!` in an instrumented module",
                "the statics that it defines are hidden from ftmb, and would go unprotected",
                "write `static NAME: LazyLock<T> = LazyLock::new(|| ...)`, or mark it `#[ftmb(skip)]`",
            );
        }
    }

    /// `#[ftmb::name(crate = ..)]`, unless one of the attributes is there already.
    fn annotate(&self, name: &str, attributes: &mut Vec<Attribute>, span: Span) {
        let ours = |attribute: &Attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|last| ["shared", "middlebox", "state"].iter().any(|ours| last.ident == ours))
        };
        if attributes.iter().any(ours) {
            return;
        }
        let facade = self.options.facade_at(span);
        let name = syn::Ident::new(name, span);
        let locks = (self.options.parking_lot && name != "state").then(|| quote!(, locks = "parking_lot"));
        attributes.insert(0, syn::parse_quote_spanned!(span=> #[#facade::#name(crate = #facade #locks)]));
    }

    /// `#[ftmb::state]`; for a type with serde's derives only what they lack.
    fn derive_state(&self, attributes: &mut Vec<Attribute>, span: Span) {
        let derived = |name: &str| attributes.iter().any(|attribute| derives(attribute, name));
        if derived("State") {
            return;
        }
        if !derived("Serialize") && !derived("Deserialize") {
            self.annotate("state", attributes, span);
            return;
        }
        let facade = self.options.facade_at(span);
        let derive: TokenStream = quote_spanned!(span=> #facade::State);
        attributes.insert(0, syn::parse_quote_spanned!(span=> #[derive(#derive)]));
        attributes.insert(1, syn::parse_quote_spanned!(span=> #[ftmb(crate = #facade)]));
    }
}

fn derives(attribute: &Attribute, name: &str) -> bool {
    attribute.path().is_ident("derive")
        && attribute
            .parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated)
            .is_ok_and(|paths| paths.iter().any(|path| path.segments.last().is_some_and(|last| last.ident == name)))
}

/// Finds statics inside of bodies.
struct Statics<'a, 'b>(&'a Expander<'b>);

impl VisitMut for Statics<'_, '_> {
    fn visit_item_static_mut(&mut self, item: &mut ItemStatic) {
        self.0.statics(item);
        visit_mut::visit_item_static_mut(self, item);
    }
}
