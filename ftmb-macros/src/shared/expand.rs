//! What comes out: the struct with tracked types, its constructors of fields, its walk, its place in another shared struct.
//!
//! Invariant: the walk visits every field but configuration, in the order of declaration, so that ids and names are the
//! same in every process of a build.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Ident, Type};

use super::parse::{Field, Role, Shared};
use crate::field_type::{hidden, used_parameters};

pub(super) fn expand(shared: &Shared) -> TokenStream {
    let private = shared.options.private(shared.item.ident.span());
    let parameters = used_parameters(
        &shared.item.generics,
        shared.fields.iter().filter(|field| matches!(field.role, Role::Tracked | Role::PerCore)).map(|field| &field.ty),
    );
    let generics = bounded(&shared.item.generics, &parameters, &private);

    let mut item = shared.item.clone();
    item.generics = generics.clone();
    let mut constructors = TokenStream::new();
    let mut walk = TokenStream::new();
    for (field, declared) in shared.fields.iter().zip(item.fields.iter_mut()) {
        let private = shared.options.private(field.ty.span());
        let written = &field.ty;
        let span = Span::call_site().located_at(field.ty.span());
        let cfgs = &field.cfgs;
        let (compiled, make): (Type, TokenStream) = match field.role {
            Role::Config | Role::Nested => (field.ty.clone(), quote!(value)),
            Role::Refused => (
                syn::parse_quote_spanned!(span=> #private::Refused<#written>),
                quote_spanned!(span=> #private::Refused::new(value)),
            ),
            Role::PerCore => (
                syn::parse_quote_spanned!(span=> #private::PerCoreField<#written>),
                quote_spanned!(span=> #private::track_per_core::<#written>(value)),
            ),
            Role::Tracked => (
                syn::parse_quote_spanned!(span=> #private::Field<#written>),
                quote_spanned!(span=> #private::track::<#written>(value)),
            ),
        };
        constructors.extend(constructor(field, &compiled, &make));
        if matches!(field.role, Role::Tracked | Role::PerCore | Role::Nested) {
            let (member, name) = (&field.member, &field.name);
            walk.extend(quote_spanned!(span=> #(#cfgs)* walker.field(#name, &self.#member);));
        }
        declared.ty = compiled;
    }
    let name = &item.ident;
    let imports = &shared.imports;
    let (_, type_generics, _) = generics.split_for_impl();
    // Asked of who uses the implementations, not of them: a field that is refused is reported once, at its type.
    let mut usable = generics.clone();
    usable
        .make_where_clause()
        .predicates
        .push(syn::parse_quote!(for<'__ftmb> #name #type_generics: ::core::marker::Send + ::core::marker::Sync + ::core::marker::Sized));
    // Asked there as well, so that the user's own `impl` blocks need no bound beyond the one that `#[ftmb::middlebox]` asks for.
    for field in shared.fields.iter().filter(|field| field.role == Role::Nested) {
        let (ty, private) = (&field.ty, shared.options.private(field.ty.span()));
        let span = Span::call_site().located_at(ty.span());
        usable.make_where_clause().predicates.push(syn::parse_quote_spanned!(span=> #ty: #private::Shared));
    }
    let (_, _, usable) = usable.split_for_impl();
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    quote! {
        #imports
        #item
        #[doc(hidden)]
        #[allow(non_snake_case, dead_code, unreachable_pub, clippy::all, clippy::pedantic)]
        impl #impl_generics #name #type_generics #where_clause {
            #constructors
        }
        impl #impl_generics #private::Shared for #name #type_generics #usable {
            fn walk<'__ftmb>(&'__ftmb self, walker: &mut #private::Walker<'__ftmb>) {
                let _ = &walker;
                #walk
            }
        }
        impl #impl_generics #private::Shareable for #name #type_generics #usable {
            type Kind = #private::Locks;
            type Stored = Self;
            fn into_stored(self) -> Self {
                self
            }
        }
    }
}

/// The function through which a literal of the struct gives a field its value: its signature carries the type as
/// written, so inference works as it does without the attribute.
fn constructor(field: &Field, compiled: &Type, make: &TokenStream) -> TokenStream {
    let Field { vis, cfgs, ty: written, .. } = field;
    let name = hidden("init", &field.name, field.member.span());
    let span = Span::call_site().located_at(field.ty.span());
    quote_spanned! {span=>
        #(#cfgs)*
        #[inline]
        #vis fn #name(value: #written) -> #compiled {
            #make
        }
    }
}

/// The generics with the bound that every parameter used in tracked state needs.
fn bounded(generics: &Generics, parameters: &[Ident], private: &TokenStream) -> Generics {
    let mut generics = generics.clone();
    if !parameters.is_empty() {
        let clause = generics.make_where_clause();
        clause.predicates.extend(
            parameters
                .iter()
                .map(|name| -> syn::WherePredicate { syn::parse_quote_spanned!(name.span()=> #name: #private::Plain) }),
        );
    }
    generics
}
