//! What comes out: `State`, field by field, and `Shareable`.
//!
//! Invariant: a struct whose fields are all saved whole is saved whole; otherwise each field saves itself under its
//! index, and every piece is offered to every field. Enums are saved whole.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::parse::{Field, Shape, State};

pub(super) fn expand(state: &State<'_>) -> TokenStream {
    let private = state.options.private(state.ident.span());
    let types: Vec<Type> = state
        .fields()
        .into_iter()
        .map(|field| {
            let (ty, span) = (field.ty, at(field.ty));
            let private = state.options.private(span);
            if field.opaque { ty.clone() } else { syn::parse_quote_spanned!(span=> <#ty as #private::Held>::Type) }
        })
        .collect();
    let body = match &state.shape {
        Shape::Struct(fields) => of_struct(state, fields, &types, &private),
        Shape::Enum(_) | Shape::Union => of_enum(state, &types, &private),
    };
    implement(state, &body, &private)
}

/// Implementations that satisfy the compiler beside an error.
pub(super) fn stub(state: &State<'_>) -> TokenStream {
    let private = state.options.private(state.ident.span());
    let body = quote! {
        const PIECEWISE: bool = false;
        fn layout(_layout: &mut #private::Layout) {}
        fn capture(&mut self, _extent: #private::Extent, _out: &mut #private::PieceWriter<'_>) {}
        fn restore(&mut self, _piece: #private::Piece<'_>) -> ::core::result::Result<(), #private::StateError> {
            ::core::result::Result::Ok(())
        }
        fn restored(&mut self) -> ::core::result::Result<(), #private::StateError> {
            ::core::result::Result::Ok(())
        }
    };
    if state.generics.lifetimes().next().is_some() {
        return TokenStream::new();
    }
    implement(state, &body, &private)
}

/// [`stub`], and stubs of serde's traits.
pub(super) fn stub_with_serde(state: &State<'_>) -> TokenStream {
    let private = state.options.private(state.ident.span());
    let name = state.ident;
    let (impl_generics, type_generics, where_clause) = state.generics.split_for_impl();
    let mut deserialize = state.generics.clone();
    deserialize.params.insert(0, syn::parse_quote!('__ftmb_de));
    let (deserialize_generics, ..) = deserialize.split_for_impl();
    let stub = stub(state);
    quote! {
        impl #impl_generics #private::serde::Serialize for #name #type_generics #where_clause {
            fn serialize<__S: #private::serde::Serializer>(&self, _: __S) -> ::core::result::Result<__S::Ok, __S::Error> {
                ::core::unreachable!()
            }
        }
        impl #deserialize_generics #private::serde::Deserialize<'__ftmb_de> for #name #type_generics #where_clause {
            fn deserialize<__D: #private::serde::Deserializer<'__ftmb_de>>(_: __D) -> ::core::result::Result<Self, __D::Error> {
                ::core::unreachable!()
            }
        }
        #stub
    }
}

fn implement(state: &State<'_>, body: &TokenStream, private: &TokenStream) -> TokenStream {
    let name = state.ident;
    let mut bounded = state.generics.clone();
    for parameter in bounded.type_params_mut() {
        parameter.bounds.push(syn::parse_quote!(#private::State));
    }
    let (impl_generics, type_generics, where_clause) = state.generics.split_for_impl();
    let (bounded_generics, ..) = bounded.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #bounded_generics #private::State for #name #type_generics #where_clause {
            #body
        }
        #[automatically_derived]
        impl #impl_generics #private::Shareable for #name #type_generics #where_clause {
            type Kind = #private::Value;
            type Stored = Self;
            #[inline]
            fn into_stored(self) -> Self {
                self
            }
        }
    }
}

/// The place of a type in the user's code, for tokens that belong to the generated functions.
fn at(ty: &Type) -> Span {
    Span::call_site().located_at(ty.span())
}

/// The layout of fields: name and type of each.
fn layout(fields: &[Field<'_>], types: &[Type], private: &TokenStream) -> TokenStream {
    fields
        .iter()
        .zip(types)
        .map(|(field, ty)| {
            let name = &field.name;
            if field.opaque {
                return quote_spanned! {at(ty)=>
                    layout.token(#name);
                    layout.token(::core::any::type_name::<#ty>());
                };
            }
            quote_spanned! {at(ty)=>
                layout.token(#name);
                #private::Layout::of::<#ty>(layout);
            }
        })
        .collect()
}

fn of_struct(state: &State<'_>, fields: &[Field<'_>], types: &[Type], private: &TokenStream) -> TokenStream {
    let title = format!("struct {}", state.ident);
    let count = Literal::u64_suffixed(fields.len() as u64);
    let layout = layout(fields, types, private);
    let mut piecewise = quote!(false);
    let (mut capture, mut restore, mut restored) = (TokenStream::new(), TokenStream::new(), TokenStream::new());
    for (index, (field, ty)) in fields.iter().zip(types).enumerate() {
        let member = &field.member;
        let key = Literal::u8_suffixed(u8::try_from(index).unwrap_or(u8::MAX));
        let span = at(ty);
        let (save, load) = if field.opaque {
            (
                quote_spanned!(span=> #private::whole::capture_whole),
                quote_spanned!(span=> #private::whole::restore_whole),
            )
        } else {
            piecewise.extend(quote_spanned!(span=> || <#ty as #private::State>::PIECEWISE));
            restored.extend(quote_spanned!(span=> <#ty as #private::State>::restored(&mut self.#member)?;));
            (
                quote_spanned!(span=> <#ty as #private::State>::capture),
                quote_spanned!(span=> <#ty as #private::State>::restore),
            )
        };
        let value = if field.opaque { quote!(&self.#member) } else { quote!(&mut self.#member, extent) };
        capture.extend(quote!(#save(#value, &mut out.scoped(&[#key]));));
        restore.extend(quote! {
            if let ::core::option::Option::Some(part) = piece.strip_prefix(&[#key]) {
                #load(&mut self.#member, part)?;
                known = true;
            }
        });
    }
    quote! {
        const PIECEWISE: bool = #piecewise;
        fn layout(layout: &mut #private::Layout) {
            layout.token(#title);
            layout.number(#count);
            #layout
        }
        fn capture(&mut self, extent: #private::Extent, out: &mut #private::PieceWriter<'_>) {
            if !<Self as #private::State>::PIECEWISE {
                return #private::whole::capture_whole(self, out);
            }
            let _ = extent;
            #capture
        }
        fn restore(&mut self, piece: #private::Piece<'_>) -> ::core::result::Result<(), #private::StateError> {
            if !<Self as #private::State>::PIECEWISE {
                return #private::whole::restore_whole(self, piece);
            }
            #[allow(unused_mut)]
            let mut known = false;
            #restore
            if known {
                ::core::result::Result::Ok(())
            } else {
                ::core::result::Result::Err(#private::unknown_piece::<Self>(piece))
            }
        }
        fn restored(&mut self) -> ::core::result::Result<(), #private::StateError> {
            #restored
            ::core::result::Result::Ok(())
        }
    }
}

fn of_enum(state: &State<'_>, types: &[Type], private: &TokenStream) -> TokenStream {
    let Shape::Enum(variants) = &state.shape else { return TokenStream::new() };
    let title = format!("enum {}", state.ident);
    let count = Literal::u64_suffixed(variants.len() as u64);
    let mut types = types.iter();
    let (mut layouts, mut arms) = (TokenStream::new(), TokenStream::new());
    for variant in variants {
        let (ident, name) = (variant.ident, variant.ident.to_string());
        let types: Vec<Type> = types.by_ref().take(variant.fields.len()).cloned().collect();
        let fields = layout(&variant.fields, &types, private);
        let length = Literal::u64_suffixed(variant.fields.len() as u64);
        layouts.extend(quote!(layout.token(#name); layout.number(#length); #fields));
        let members = variant.fields.iter().map(|field| field.member.to_token_stream());
        let bindings = (0..variant.fields.len()).map(|index| format_ident!("__ftmb_{index}"));
        let calls = variant.fields.iter().zip(&types).enumerate().map(|(index, (field, ty))| {
            let binding = format_ident!("__ftmb_{index}");
            if field.opaque {
                return quote!(let _ = #binding;);
            }
            quote_spanned!(at(ty)=> <#ty as #private::State>::restored(#binding)?;)
        });
        arms.extend(quote!(Self::#ident { #(#members: #bindings),* } => { #(#calls)* }));
    }
    let restored = if variants.is_empty() { TokenStream::new() } else { quote!(match self { #arms }) };
    quote! {
        const PIECEWISE: bool = false;
        fn layout(layout: &mut #private::Layout) {
            layout.token(#title);
            layout.number(#count);
            #layouts
        }
        fn capture(&mut self, _extent: #private::Extent, out: &mut #private::PieceWriter<'_>) {
            #private::whole::capture_whole(self, out);
        }
        fn restore(&mut self, piece: #private::Piece<'_>) -> ::core::result::Result<(), #private::StateError> {
            #private::whole::restore_whole(self, piece)
        }
        fn restored(&mut self) -> ::core::result::Result<(), #private::StateError> {
            #restored
            ::core::result::Result::Ok(())
        }
    }
}
