//! What the tokens of a field's type can tell: what is forbidden in any state, and where the types of the user lie.
//!
//! Invariant: tokens only refuse and locate; whether a type may be held is decided by a trait, asserted once for each
//! field under a name of its own, so that the compiler's message names the field and points at the type inside it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::visit_mut::VisitMut;
use syn::{Attribute, GenericArgument, Ident, PathArguments, Type};

use crate::errors::Errors;

/// Refuses types that no replica can restore, wherever they occur in `ty`.
pub(crate) fn refuse_unrestorable(ty: &Type, field: &str, errors: &Errors) {
    Refusal { field, errors }.visit_type(ty);
}

struct Refusal<'a> {
    field: &'a str,
    errors: &'a Errors,
}

impl Refusal<'_> {
    fn refuse(&self, tokens: &impl ToTokens, holds: &str, why: &str, help: &str) {
        self.errors.refuse(tokens, format_args!("the field `{}` holds {holds}", self.field), why, help);
    }
}

impl<'ast> Visit<'ast> for Refusal<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        const ADDRESS: &str = "an address means nothing in the process that takes over";
        const CODE: &str = "code cannot be saved in a checkpoint";
        match ty {
            Type::Reference(_) => self.refuse(ty, "a reference", ADDRESS, "hold the value itself, or an index or key"),
            Type::Ptr(_) => self.refuse(ty, "a raw pointer", ADDRESS, "hold the value itself, or an index or key"),
            Type::FnPtr(_) => {
                self.refuse(ty, "a function pointer", ADDRESS, "hold an enum that says which function to call");
            }
            Type::TraitObject(_) => self.refuse(ty, "a trait object", CODE, "hold an enum of the possible types"),
            _ => visit::visit_type(self, ty),
        }
    }

    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        let name = segment.ident.to_string();
        match name.as_str() {
            "Rc" => self.refuse(
                &segment.ident,
                "an `Rc`",
                "who shares it with whom is lost in a checkpoint",
                "hold the value itself, or an index or key",
            ),
            "Cell" | "RefCell" | "UnsafeCell" | "OnceCell" | "LazyCell" => self.refuse(
                &segment.ident,
                &format!("a `{name}`"),
                "it changes without ftmb seeing it, and replay would not know when",
                "use a plain field, a `Mutex` or a `RwLock` of the shared struct",
            ),
            "OnceLock" | "LazyLock" | "Once" | "Condvar" | "Barrier" => self.refuse(
                &segment.ident,
                &format!("a `{name}`"),
                "which core comes first is not recorded, and replay could choose another one",
                "compute the value in the constructor, or use a `Mutex<Option<_>>`",
            ),
            _ => visit::visit_path_segment(self, segment),
        }
    }
}

/// The assertion of one field: a trait that its leaf types must implement, and that gives them back unchanged.
pub(crate) struct Assertion {
    name: Ident,
    span: Span,
    message: String,
    help: &'static str,
    bound: TokenStream,
}

impl Assertion {
    /// `bound` is the trait of the glue that really decides.
    pub(crate) fn new(name: Ident, ty: &Type, field: &str, what: &str, help: &'static str, bound: TokenStream) -> Self {
        let message = format!("the field `{field}` holds `{{Self}}`, which {what}: replay could not restore it");
        Self { name, span: ty.span(), message, help, bound }
    }

    /// The trait's definition.
    pub(crate) fn definition(&self, cfgs: &[Attribute]) -> TokenStream {
        let Self { name, message, help, bound, .. } = self;
        let span = Span::mixed_site().located_at(self.span);
        let help = format!("help: {help}");
        quote_spanned! {span=>
            #(#cfgs)*
            #[doc(hidden)]
            #[allow(non_camel_case_types, unreachable_pub, dead_code)]
            #[diagnostic::on_unimplemented(message = #message, label = "cannot be replayed", note = #help)]
            pub trait #name {
                type Held;
            }
            #(#cfgs)*
            #[diagnostic::do_not_recommend]
            impl<__FtmbHeld: #bound> #name for __FtmbHeld {
                type Held = __FtmbHeld;
            }
        }
    }

    /// `ty` with each leaf (what is in no container that the tokens show) put through the trait. Leaves that `known`
    /// names stay.
    pub(crate) fn apply(&self, ty: &Type, containers: &'static [&'static str], known: &[Ident]) -> Type {
        let mut ty = ty.clone();
        Leaves { trait_name: &self.name, containers, known }.visit_type_mut(&mut ty);
        ty
    }
}

/// Containers whose content may be asserted in their place: their first two type arguments are held as they are.
pub(crate) const CONTAINERS: &[&str] =
    &["Mutex", "RwLock", "Arc", "Vec", "VecDeque", "Option", "Box", "BTreeMap", "BTreeSet", "HashMap"];

/// Types of std that need no assertion, so that expansions stay readable.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "f32", "f64", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
    "isize", "str",
];

struct Leaves<'a> {
    trait_name: &'a Ident,
    containers: &'static [&'static str],
    known: &'a [Ident],
}

impl Leaves<'_> {
    fn is_known(&self, ty: &Type) -> bool {
        let Type::Path(path) = ty else { return false };
        path.qself.is_none()
            && path.path.get_ident().is_some_and(|ident| {
                self.known.contains(ident) || PRIMITIVES.contains(&ident.to_string().as_str())
            })
    }
}

impl VisitMut for Leaves<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if self.is_known(ty) {
            return;
        }
        match ty {
            Type::Array(array) => return self.visit_type_mut(&mut array.elem),
            Type::Slice(slice) => return self.visit_type_mut(&mut slice.elem),
            Type::Paren(paren) => return self.visit_type_mut(&mut paren.elem),
            Type::Group(group) => return self.visit_type_mut(&mut group.elem),
            Type::Tuple(tuple) => return tuple.elems.iter_mut().for_each(|elem| self.visit_type_mut(elem)),
            Type::Path(path) => {
                if let Some(last) = path.path.segments.last_mut()
                    && let PathArguments::AngleBracketed(arguments) = &mut last.arguments
                    && self.containers.iter().any(|name| last.ident == name)
                {
                    for argument in arguments.args.iter_mut().take(2) {
                        if let GenericArgument::Type(inner) = argument {
                            self.visit_type_mut(inner);
                        }
                    }
                    return;
                }
            }
            _ => {}
        }
        let trait_name = self.trait_name;
        let span = Span::mixed_site().located_at(ty.span());
        let trait_name = Ident::new(&trait_name.to_string(), span);
        *ty = syn::parse_quote_spanned! {span=> <#ty as #trait_name>::Held };
    }
}

/// The generic parameters that occur in any of `types`.
pub(crate) fn used_parameters<'a>(generics: &syn::Generics, types: impl Iterator<Item = &'a Type>) -> Vec<Ident> {
    struct Mentions<'a>(&'a [Ident], Vec<Ident>);
    impl<'ast> Visit<'ast> for Mentions<'_> {
        fn visit_path(&mut self, path: &'ast syn::Path) {
            if let Some(first) = path.segments.first()
                && self.0.contains(&first.ident)
                && !self.1.contains(&first.ident)
            {
                self.1.push(first.ident.clone());
            }
            visit::visit_path(self, path);
        }
    }
    let parameters: Vec<Ident> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    let mut mentions = Mentions(&parameters, Vec::new());
    types.for_each(|ty| mentions.visit_type(ty));
    mentions.1
}

/// A field's name as the user reads it: without `r#`, tuple fields by number.
pub(crate) fn field_name(ident: Option<&Ident>, index: usize) -> String {
    ident.map_or_else(|| index.to_string(), |ident| ident.to_string().trim_start_matches("r#").to_owned())
}

/// The name of a hidden item that belongs to a field.
pub(crate) fn hidden(prefix: &str, name: &str, span: Span) -> Ident {
    format_ident!("__ftmb_{prefix}_{name}", span = Span::call_site().located_at(span))
}
