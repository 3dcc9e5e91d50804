//! `#[ftmb::instrument]`: what the other attributes do, for everything in an inline module.
//!
//! Invariant: types, `impl` blocks and statics get the other attributes, so that each rule has one place; only what those
//! cannot know is decided here: what a name means (`imports`), and which type is what (`classify`).

mod classify;
mod imports;
mod known;
mod literals;
mod paths;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item, ItemMacro, ItemMod, ItemStatic, Meta, Token};

use self::classify::{Classes, type_name};
use self::imports::Scope;
use self::literals::Literals;
use self::paths::Paths;
use crate::errors::{Errors, head, with_original};
use crate::middlebox;
use crate::options::Options;

pub(crate) fn instrument(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(arguments, "instrument", &errors);
    let mut module = match parse(item.clone()) {
        Ok(module) => module,
        Err(error) => {
            let mut tokens = errors.into_tokens();
            tokens.extend(with_original(&error, item));
            return tokens;
        }
    };
    match &mut module.content {
        None => refuse_file(&module, &errors),
        Some((_, items)) => {
            Paths { scope: Scope::default(), options: &options }.module(items);
            let classes = Classes::of(items, &Scope::default());
            let mut literals = Literals { classes: &classes, own: None };
            items.iter_mut().for_each(|item| literals.visit_item_mut(item));
            let scope = Scope::default();
            Expander { options: &options, errors: &errors, classes: &classes, scope }.module(items);
            items.iter_mut().for_each(strip);
        }
    }
    let mut tokens = errors.into_tokens();
    module.to_tokens(&mut tokens);
    tokens
}

fn parse(item: TokenStream) -> syn::Result<ItemMod> {
    match syn::parse2::<Item>(item)? {
        Item::Mod(module) => Ok(module),
        other => Err(syn::Error::new_spanned(
            head(&other),
            "`#[ftmb::instrument]` does not apply here: it follows the imports of a module\n\
             help: put it on `mod name { ... }`; one item takes `#[ftmb::shared]`, `#[ftmb::middlebox]` or `#[ftmb::state]`",
        )),
    }
}

fn refuse_file(module: &ItemMod, errors: &Errors) {
    let (token, name) = (&module.mod_token, &module.ident);
    errors.refuse(
        quote!(#token #name),
        format_args!("`mod {name};` is in a file of its own"),
        "an attribute sees the code of inline modules only, and state in that file would go unprotected",
        "wrap the file's content in `#[ftmb::instrument] mod ... { ... }`, or change its imports to `ftmb::std`, \
         `ftmb::parking_lot` and `ftmb::dashmap` and annotate its items",
    );
}

/// Whether an item stays as it is: `#[ftmb(skip)]`, and tests.
fn is_excluded(item: &Item) -> bool {
    attributes(item)
        .is_some_and(|attributes| attributes.iter().any(|attribute| is_skip(attribute) || is_test(attribute)))
}

fn is_skip(attribute: &Attribute) -> bool {
    attribute.path().is_ident("ftmb") && attribute.parse_args::<syn::Ident>().is_ok_and(|option| option == "skip")
}

fn is_test(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    }
}

/// Takes `#[ftmb(skip)]` off, in nested modules as well.
fn strip(item: &mut Item) {
    if let Some(attributes) = attributes_mut(item) {
        attributes.retain(|attribute| !is_skip(attribute));
    }
    if let Item::Mod(ItemMod { content: Some((_, items)), .. }) = item {
        items.iter_mut().for_each(strip);
    }
}

macro_rules! attributes {
    ($name:ident, ($($reference:tt)+)) => {
        fn $name(item: $($reference)+ Item) -> Option<$($reference)+ Vec<Attribute>> {
            Some(match item {
                Item::Const(item) => $($reference)+ item.attrs,
                Item::Enum(item) => $($reference)+ item.attrs,
                Item::Fn(item) => $($reference)+ item.attrs,
                Item::Impl(item) => $($reference)+ item.attrs,
                Item::Macro(item) => $($reference)+ item.attrs,
                Item::Mod(item) => $($reference)+ item.attrs,
                Item::Static(item) => $($reference)+ item.attrs,
                Item::Struct(item) => $($reference)+ item.attrs,
                Item::Trait(item) => $($reference)+ item.attrs,
                Item::Type(item) => $($reference)+ item.attrs,
                Item::Union(item) => $($reference)+ item.attrs,
                Item::Use(item) => $($reference)+ item.attrs,
                _ => return None,
            })
        }
    };
}

attributes!(attributes, (&));
attributes!(attributes_mut, (&mut));

/// Puts attributes on items, and rewrites the code that none of them is for.
struct Expander<'a> {
    options: &'a Options,
    errors: &'a Errors,
    classes: &'a Classes,
    scope: Scope,
}

impl Expander<'_> {
    fn module(&mut self, items: &mut [Item]) {
        let outer = self.scope.clone();
        self.scope = outer.inner(items.iter());
        for item in items.iter_mut().filter(|item| !is_excluded(item)) {
            self.item(item);
        }
        self.scope = outer;
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
