//! `#[ftmb::shared]`: parse, validate, expand.
//!
//! Invariant: whatever is wrong, the user's struct and an implementation of `Shared` come out, so that no second wave of
//! errors hides the first.

mod expand;
mod parse;
mod statics;
mod validate;

use proc_macro2::TokenStream;

use crate::errors::{Errors, with_original};

pub(crate) fn shared(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if let Ok(item) = syn::parse2::<syn::ItemStatic>(item.clone()) {
        return statics::shared(arguments, item);
    }
    let errors = Errors::new();
    let mut parsed = match parse::parse(arguments, item.clone(), &errors) {
        Ok(parsed) => parsed,
        Err(error) => {
            let mut tokens = errors.into_tokens();
            tokens.extend(with_original(&error, item));
            return tokens;
        }
    };
    validate::validate(&mut parsed, &errors);
    let expanded = expand::expand(&parsed);
    let mut tokens = errors.into_tokens();
    tokens.extend(expanded);
    tokens
}
