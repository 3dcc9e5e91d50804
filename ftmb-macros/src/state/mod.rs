//! `#[ftmb::state]` and `#[derive(State)]`: parse, validate, expand.
//!
//! Invariant: the attribute only adds derives, so that a field's `cfg` is decided before the field is looked at; on an
//! error, stubs come out in the place of what could not be derived.

mod expand;
mod misplaced;
mod parse;
mod serde_attributes;
mod validate;

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::{Errors, head, with_original};
use crate::options::Options;

pub(crate) fn state(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(arguments, "state", &errors);
    let mut input: syn::DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(error) => {
            let error = misapplied(&item).unwrap_or(error);
            let mut tokens = errors.into_tokens();
            tokens.extend(with_original(&error, item));
            return tokens;
        }
    };
    // The derive validates again what the compiler's `cfg` leaves; here it only decides whether to derive at all.
    let mut parsed = parse::parse(&input, &errors);
    parsed.options.facade = options.facade.clone();
    validate::validate(&parsed, &errors);
    validate::derives(&input, &errors);
    if errors.any() {
        let stub = match (validate::crosses_threads(&parsed), validate::derives_serde(&input)) {
            (false, _) => TokenStream::new(),
            (true, true) => expand::stub(&parsed),
            (true, false) => expand::stub_with_serde(&parsed),
        };
        parse::strip(&mut input);
        let errors = errors.into_tokens();
        return quote!(#errors #input #stub);
    }
    drop(errors.into_tokens());
    let facade = &options.facade;
    let private = options.private(input.ident.span());
    let serde = quote!(#private::serde).to_string().replace(' ', "");
    quote! {
        #[derive(#private::serde::Serialize, #private::serde::Deserialize, #facade::State)]
        #[serde(crate = #serde)]
        #[ftmb(crate = #facade)]
        #input
    }
}

/// The error for an item that is no data at all.
fn misapplied(item: &TokenStream) -> Option<syn::Error> {
    let item = syn::parse2::<syn::Item>(item.clone()).ok()?;
    Some(syn::Error::new_spanned(
        head(&item),
        "`#[ftmb::state]` does not apply here: it makes a struct or enum data that a variable may hold\n\
         help: put it on the types inside of locks and plain fields; `impl` blocks take `#[ftmb::middlebox]`",
    ))
}

pub(crate) fn derive_state(item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let input: syn::DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => {
            errors.add(error);
            return errors.into_tokens();
        }
    };
    let parsed = parse::parse(&input, &errors);
    validate::validate(&parsed, &errors);
    let expanded = match (errors.any(), validate::crosses_threads(&parsed)) {
        (false, _) => expand::expand(&parsed),
        (true, true) => expand::stub(&parsed),
        (true, false) => TokenStream::new(),
    };
    let mut tokens = errors.into_tokens();
    tokens.extend(expanded);
    tokens
}
