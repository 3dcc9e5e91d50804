//! `#[ftmb::instrument]`: what the other attributes do, for everything in an inline module.
//!
//! Invariant: types, `impl` blocks and statics get the other attributes, so that each rule has one place; only what those
//! cannot know is decided here: what a name means (`imports`), and which type is what (`classify`).

mod classify;
mod expand;
mod imports;
mod known;
mod literals;
mod paths;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::visit_mut::VisitMut;
use syn::{Attribute, Item, ItemMod, Meta};

use self::classify::Classes;
use self::expand::Expander;
use self::imports::Scope;
use self::literals::Literals;
use self::paths::Paths;
use crate::errors::{Errors, head, with_original};
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
