//! What comes out: the struct with tracked types, its constructors of fields, its walk.
//!
//! Invariant: the walk visits every field but configuration, in the order of declaration, so that ids and names are the
//! same in every process of a build.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{GenericArgument, Generics, Ident, PathArguments, Type};

use super::parse::{Field, Role, Shared};
use crate::field_type::{Assertion, CONTAINERS, hidden, used_parameters};

pub(super) fn expand(shared: &Shared) -> TokenStream {
    let private = shared.options.private(shared.item.ident.span());
    let parameters = used_parameters(
        &shared.item.generics,
        shared.fields.iter().filter(|field| field.role != Role::Config).map(|field| &field.ty),
    );
    let generics = bounded(&shared.item.generics, &parameters, &private);

    let mut item = shared.item.clone();
    item.generics = generics.clone();
    let mut assertions = TokenStream::new();
    let mut constructors = TokenStream::new();
    let mut walk = TokenStream::new();
    for (field, declared) in shared.fields.iter().zip(item.fields.iter_mut()) {
        let private = shared.options.private(field.ty.span());
        let (written, assertion) = asserted(shared, field, &parameters, &private);
        let span = Span::call_site().located_at(field.ty.span());
        let cfgs = &field.cfgs;
        let (compiled, make): (Type, TokenStream) = match field.role {
            Role::Config => (field.ty.clone(), quote!(value)),
            Role::PerCore => (
                syn::parse_quote_spanned!(span=> #private::PerCoreField<#written>),
                quote_spanned!(span=> #private::track_per_core::<#written>(value)),
            ),
            Role::Tracked => (
                syn::parse_quote_spanned!(span=> #private::Field<#written>),
                quote_spanned!(span=> #private::track::<#written>(value)),
            ),
        };
        if let Some(assertion) = assertion {
            assertions.extend(assertion.definition(cfgs));
        }
        constructors.extend(constructor(field, &written, &compiled, &make));
        if field.role != Role::Config {
            let (ident, name) = (&field.ident, &field.name);
            walk.extend(quote_spanned!(span=> #(#cfgs)* walker.field(#name, &self.#ident);));
        }
        declared.ty = compiled;
    }
    let name = &item.ident;
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #item
        #assertions
        #[doc(hidden)]
        #[allow(non_snake_case, dead_code, clippy::all, clippy::pedantic)]
        impl #impl_generics #name #type_generics #where_clause {
            #constructors
        }
        impl #impl_generics #private::Shared for #name #type_generics #where_clause {
            fn walk<'__ftmb>(&'__ftmb self, walker: &mut #private::Walker<'__ftmb>) {
                let _ = &walker;
                #walk
            }
        }
    }
}

/// The struct as it was written, with an empty walk and constructors that do nothing.
pub(super) fn stub(shared: &Shared) -> TokenStream {
    let item = &shared.item;
    let name = &item.ident;
    let private = shared.options.private(name.span());
    let (impl_generics, type_generics, where_clause) = item.generics.split_for_impl();
    let constructors = shared.fields.iter().map(|field| constructor(field, &field.ty, &field.ty, &quote!(value)));
    quote! {
        #item
        #[doc(hidden)]
        #[allow(non_snake_case, dead_code)]
        impl #impl_generics #name #type_generics #where_clause {
            #(#constructors)*
        }
        impl #impl_generics #private::Shared for #name #type_generics #where_clause {
            fn walk<'__ftmb>(&'__ftmb self, _walker: &mut #private::Walker<'__ftmb>) {}
        }
    }
}

/// The function through which a literal of the struct gives a field its value: its signature carries the type as
/// written, so inference works as it does without the attribute.
fn constructor(field: &Field, written: &Type, compiled: &Type, make: &TokenStream) -> TokenStream {
    let Field { vis, cfgs, .. } = field;
    let name = hidden("init", &field.name, field.ident.span());
    let span = Span::call_site().located_at(field.ty.span());
    quote_spanned! {span=>
        #(#cfgs)*
        #[inline]
        #vis fn #name(value: #written) -> #compiled {
            #make
        }
    }
}

/// The field's type with its leaves put through the field's own assertion.
fn asserted(shared: &Shared, field: &Field, parameters: &[Ident], private: &TokenStream) -> (Type, Option<Assertion>) {
    if field.role == Role::Config {
        return (field.ty.clone(), None);
    }
    let name = hidden(&shared.item.ident.to_string(), &field.name, field.ty.span());
    let (what, help, bound) = if field.role == Role::PerCore || locks_inside(&field.ty) {
        (
            "is not `State`",
            "annotate your own type with `#[ftmb::state]`; locks do not go inside locks or per-core state",
            quote!(#private::Storable),
        )
    } else {
        (
            "is neither a lock nor `State`",
            "annotate your own type with `#[ftmb::state]` (data) or `#[ftmb::shared]` (a struct of locks), or mark the \
             field `#[ftmb(config)]` if it never changes after construction",
            quote!(#private::Shareable),
        )
    };
    let assertion = Assertion::new(name, &field.ty, &field.name, what, help, bound);
    let written = assertion.apply(&field.ty, CONTAINERS, parameters);
    (written, Some(assertion))
}

/// Whether the leaves of `ty` lie inside locks, as far as the tokens show.
fn locks_inside(ty: &Type) -> bool {
    match ty {
        Type::Array(array) => locks_inside(&array.elem),
        Type::Paren(paren) => locks_inside(&paren.elem),
        Type::Group(group) => locks_inside(&group.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return false };
            last.ident == "Mutex"
                || last.ident == "RwLock"
                || CONTAINERS.iter().any(|name| last.ident == name)
                    && arguments.args.iter().any(|argument| {
                        matches!(argument, GenericArgument::Type(inner) if locks_inside(inner))
                    })
        }),
        _ => false,
    }
}

/// The generics with the bound that every parameter used in tracked state needs.
fn bounded(generics: &Generics, parameters: &[Ident], private: &TokenStream) -> Generics {
    let mut generics = generics.clone();
    if !parameters.is_empty() {
        let clause = generics.make_where_clause();
        clause.predicates.extend(parameters.iter().map(|name| -> syn::WherePredicate {
            syn::parse_quote_spanned!(name.span()=> #name: #private::Plain)
        }));
    }
    generics
}
