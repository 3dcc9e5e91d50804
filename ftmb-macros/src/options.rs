//! The options in the parentheses of an attribute: `crate = path`, `locks = "parking_lot"`.
//!
//! Invariant: an unknown option is an error, never ignored.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;

use crate::errors::Errors;

/// What the user says about the code around.
pub(crate) struct Options {
    /// The facade: `::ftmb` unless the user says otherwise.
    pub(crate) facade: syn::Path,
    /// Whether `Mutex` and `RwLock` without a path are `parking_lot`'s.
    pub(crate) parking_lot: bool,
}

impl Options {
    pub(crate) fn new() -> Self {
        Self { facade: syn::parse_quote!(::ftmb), parking_lot: false }
    }

    /// Reads an attribute's arguments.
    pub(crate) fn parse(arguments: TokenStream, attribute: &str, errors: &Errors) -> Self {
        let mut options = Self::new();
        let parser = syn::meta::parser(|meta| {
            let of_code = attribute != "state";
            if options.meta(&meta)? || (of_code && options.locks(&meta)?) {
                return Ok(());
            }
            let known = match of_code {
                true => "the options are `crate = path` and `locks = \"parking_lot\"`",
                false => "the only option is `crate = path`",
            };
            Err(meta.error(format!("unknown option: `#[ftmb::{attribute}]` would ignore it\nhelp: {known}")))
        });
        if let Err(error) = parser.parse2(arguments) {
            errors.add(error);
        }
        options
    }

    /// Takes `crate = path`; false if `meta` is something else.
    pub(crate) fn meta(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
        if !meta.path.is_ident("crate") {
            return Ok(false);
        }
        let value = meta.value()?;
        self.facade = if value.peek(syn::LitStr) {
            value.parse::<syn::LitStr>()?.parse()?
        } else {
            syn::Path::parse_mod_style(value)?
        };
        Ok(true)
    }

    /// Takes `locks = "parking_lot"` or `"std"`; false if `meta` is something else.
    fn locks(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
        if !meta.path.is_ident("locks") {
            return Ok(false);
        }
        let value = meta.value()?;
        let Ok(value) = value.parse::<syn::LitStr>() else {
            return Err(value.error("the crate of the locks is a string\nhelp: write `locks = \"parking_lot\"`"));
        };
        self.parking_lot = match value.value().as_str() {
            "parking_lot" => true,
            "std" => false,
            other => {
                return Err(syn::Error::new(
                    value.span(),
                    format!(
                        "`{other}` is not a crate whose locks ftmb has: they would go unrecorded\n\
                         help: write \"parking_lot\" or \"std\", which is the default"
                    ),
                ));
            }
        };
        Ok(true)
    }

    /// The path to the glue, `::ftmb::__private`, for tokens that stem from `span`.
    pub(crate) fn private(&self, span: Span) -> TokenStream {
        let facade = self.facade_at(span);
        let span = Span::mixed_site().located_at(span);
        quote_spanned!(span=> #facade::__private)
    }

    /// The path to the facade, for tokens that stem from `span`: messages then point there.
    pub(crate) fn facade_at(&self, span: Span) -> TokenStream {
        let respan = |mut token: TokenTree| {
            token.set_span(token.span().located_at(span));
            token
        };
        self.facade.to_token_stream().into_iter().map(respan).collect()
    }
}
