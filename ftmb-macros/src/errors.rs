//! All errors of one item, reported together.
//!
//! Invariant: a collector with errors is always asked for them; one that is dropped unasked panics, so that no error
//! gets lost on an early return.

use std::cell::RefCell;
use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Collects errors while an item is parsed, validated and expanded.
pub(crate) struct Errors(RefCell<Option<Vec<syn::Error>>>);

impl Errors {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(Some(Vec::new())))
    }

    /// Refuses `tokens`: `what` is wrong, `why` replay would break, what to write instead.
    pub(crate) fn refuse(&self, tokens: impl ToTokens, what: impl Display, why: &str, help: &str) {
        self.add(syn::Error::new_spanned(tokens, format!("{what}: {why}\nhelp: {help}")));
    }

    /// Adds an error of the parser.
    pub(crate) fn add(&self, error: syn::Error) {
        if let Some(errors) = self.0.borrow_mut().as_mut() {
            errors.push(error);
        }
    }

    /// Whether there are errors so far.
    pub(crate) fn any(&self) -> bool {
        self.count() > 0
    }

    /// How many errors there are so far: who wants to know whether a step failed compares.
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().as_ref().map_or(0, Vec::len)
    }

    /// Ends the collection: nothing, or one `compile_error!` for each error.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let errors = self.0.borrow_mut().take().unwrap_or_default();
        let combined = errors.into_iter().reduce(|mut all, next| {
            all.combine(next);
            all
        });
        combined.map_or_else(TokenStream::new, |error| error.to_compile_error())
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.0.borrow().is_none(), "errors were collected and never reported");
    }
}

/// The error and the tokens as they were: for input that does not parse, so that completion in editors survives.
pub(crate) fn with_original(error: &syn::Error, original: TokenStream) -> TokenStream {
    let mut tokens = error.to_compile_error();
    tokens.extend(original);
    tokens
}

/// The token that an error about the whole item points at.
pub(crate) fn head(item: &syn::Item) -> TokenStream {
    match item {
        syn::Item::Struct(item) => item.ident.to_token_stream(),
        syn::Item::Enum(item) => item.ident.to_token_stream(),
        syn::Item::Union(item) => item.ident.to_token_stream(),
        syn::Item::Fn(item) => item.sig.ident.to_token_stream(),
        syn::Item::Static(item) => item.ident.to_token_stream(),
        syn::Item::Trait(item) => item.ident.to_token_stream(),
        syn::Item::Impl(item) => item.self_ty.to_token_stream(),
        other => other.to_token_stream(),
    }
}
