//! `#[ftmb::shared]` on a `static`: a handle to the current instance's copy, and its entry in the list of all handles.
//!
//! Invariant: the initialiser is evaluated once for each instance, never for the process; its type is the one written.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, GenericArgument, ItemStatic, PathArguments, StaticMutability, Type};

use crate::drop_in::DropIn;
use crate::errors::Errors;
use crate::field_type::{field_name, refuse_unrestorable_static};
use crate::middlebox;
use crate::options::Options;

pub(super) fn shared(arguments: TokenStream, mut item: ItemStatic) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(arguments, "shared", &errors);
    let mut drop_in = DropIn::new(&options, &errors);
    drop_in.replace_type(&mut item.ty);
    if let Ok(value) = syn::parse2(drop_in.replace(item.expr.to_token_stream())) {
        *item.expr = value;
    }
    let cfgs: Vec<Attribute> =
        item.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
    let imports = drop_in.keep_imports(&cfgs);
    let name = field_name(Some(&item.ident), 0);
    let (ty, mut value) = value(&item);
    validate(&mut item, &ty, &name, &errors);
    middlebox::initialiser(&mut value, &options, &errors);
    if errors.any() {
        let mut tokens = errors.into_tokens();
        tokens.extend(stub(&item, &ty, &value));
        return tokens;
    }
    let mut tokens = errors.into_tokens();
    tokens.extend(imports);
    tokens.extend(expand(&item, &name, &ty, &value, &options));
    tokens
}

/// Type and value of a copy. Laziness is taken off: a copy is made when its instance is.
fn value(item: &ItemStatic) -> (Type, Expr) {
    let lazy = lazy_type(&item.ty).and_then(|ty| Some((ty, lazy_value(&item.expr)?)));
    lazy.unwrap_or_else(|| ((*item.ty).clone(), (*item.expr).clone()))
}

/// `T` of `LazyLock<T>` or `Lazy<T>`.
fn lazy_type(ty: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "LazyLock" || last.ident == "Lazy")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    }
}

/// The call of `f` in `LazyLock::new(f)`.
fn lazy_value(value: &Expr) -> Option<Expr> {
    let Expr::Call(call) = value else { return None };
    let function = call.args.first()?;
    Some(match function {
        Expr::Closure(closure) if closure.inputs.is_empty() => (*closure.body).clone(),
        _ => syn::parse_quote_spanned!(function.span()=> (#function)()),
    })
}

fn validate(item: &mut ItemStatic, ty: &Type, name: &str, errors: &Errors) {
    if let StaticMutability::Mut(token) = &item.mutability {
        errors.refuse(
            token,
            format_args!("`static mut {name}` cannot be shared state"),
            "all cores would change it without ftmb seeing it",
            "write `static`, and a `Mutex`, a `RwLock` or an atomic for the type",
        );
    }
    for attribute in item.attrs.extract_if(.., |attribute| attribute.path().is_ident("ftmb")) {
        errors.refuse(
            &attribute,
            "an option of a field on a static",
            "a shared static is always tracked",
            "drop it; for one clone a core declare the static as `ftmb::sync::PerCore`",
        );
    }
    refuse_unrestorable_static(ty, name, errors);
}

/// What takes the item's place behind an error: it is used alike, and its initialiser need not be constant either.
fn stub(item: &ItemStatic, ty: &Type, value: &Expr) -> TokenStream {
    let ItemStatic { attrs, vis, ident, .. } = item;
    quote! {
        #(#attrs)*
        #vis static #ident: ::std::sync::LazyLock<#ty> = ::std::sync::LazyLock::new(|| #value);
    }
}

fn expand(item: &ItemStatic, name: &str, ty: &Type, value: &Expr, options: &Options) -> TokenStream {
    let ItemStatic { attrs, vis, ident, ty: written, .. } = item;
    let private = options.private(ty.span());
    let span = Span::call_site().located_at(ty.span());
    let cfgs: Vec<&Attribute> = attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let entry = format_ident!("__FTMB_{}", name, span = Span::mixed_site().located_at(ident.span()));
    quote_spanned! {span=>
        #(#attrs)*
        #vis static #ident: #private::StaticField<#ty> = #private::Static::new(
            ::core::concat!(::core::module_path!(), "::", #name),
            || {
                fn value() -> #ty {
                    #value
                }
                // Spelt out: with the bounds of a function a type that is refused would be reported twice.
                <<#ty as #private::Shareable>::Kind as #private::StaticAs<<#ty as #private::Shareable>::Stored>>::copy(
                    #private::Shareable::into_stored(value()),
                )
            },
        )
        // Asked of the crate that declares it: its unit tests call its functions without a middlebox around them.
        .in_tests(::core::cfg!(test));
        #(#cfgs)*
        const _: () = {
            // The type as written stays used, and with it what it was imported with.
            const _: ::core::marker::PhantomData<#written> = ::core::marker::PhantomData;
            #[#private::linkme::distributed_slice(#private::STATICS)]
            #[linkme(crate = #private::linkme)]
            static #entry: &'static dyn #private::Declared = &#ident;
        };
    }
}
