//! The options in the parentheses of an attribute: `crate = path`.
//!
//! Invariant: an unknown option is an error, never ignored.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;

use crate::errors::Errors;

/// Where generated code finds the facade.
pub(crate) struct Options {
    /// The facade: `::ftmb` unless the user says otherwise.
    pub(crate) facade: syn::Path,
}

impl Options {
    pub(crate) fn new() -> Self {
        Self { facade: syn::parse_quote!(::ftmb) }
    }

    /// Reads an attribute's arguments.
    pub(crate) fn parse(arguments: TokenStream, attribute: &str, errors: &Errors) -> Self {
        let mut options = Self::new();
        let parser = syn::meta::parser(|meta| {
            if options.meta(&meta)? {
                return Ok(());
            }
            Err(meta.error(format!(
                "unknown option: `#[ftmb::{attribute}]` would ignore it\nhelp: the only option is `crate = path`"
            )))
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
