//! What the tokens of a field's type can tell: what is forbidden in any state, which parameters it uses.
//!
//! Invariant: tokens only refuse; whether a type may be held is decided by the traits `State` and `Shareable`, whose
//! messages the compiler places at the field's type.

use proc_macro2::Span;
use quote::{ToTokens, format_ident};
use syn::visit::{self, Visit};
use syn::{Ident, Type};

use crate::errors::Errors;

/// Refuses types that no replica can restore, wherever they occur in `ty`.
pub(crate) fn refuse_unrestorable(ty: &Type, field: &str, errors: &Errors) {
    Refusal { holder: format!("the field `{field}`"), is_static: false, errors }.visit_type(ty);
}

/// As [`refuse_unrestorable`], for the type of a `static`.
pub(crate) fn refuse_unrestorable_static(ty: &Type, name: &str, errors: &Errors) {
    Refusal { holder: format!("the static `{name}`"), is_static: true, errors }.visit_type(ty);
}

struct Refusal<'a> {
    holder: String,
    is_static: bool,
    errors: &'a Errors,
}

impl Refusal<'_> {
    fn refuse(&self, tokens: &impl ToTokens, holds: &str, why: &str, help: &str) {
        self.errors.refuse(tokens, format_args!("{} holds {holds}", self.holder), why, help);
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
            Type::TraitObject(_) => self.refuse(
                ty,
                "a trait object",
                CODE,
                "hold an enum of the possible types; if the trait requires `ftmb::sync::Shared`, a field of a shared struct \
                 may hold it outside of locks, marked `#[ftmb(shared)]`",
            ),
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
            "OnceLock" | "LazyLock" | "Once" => self.refuse(
                &segment.ident,
                &format!("a `{name}`"),
                "which core comes first is not recorded, and replay could choose another one",
                if self.is_static {
                    "compute the value in the constructor, or use a `Mutex<Option<_>>`; what `main` sets before the group \
                     starts, always to the same, needs no attribute (in an instrumented module: `#[ftmb(skip)]`)"
                } else {
                    "compute the value in the constructor, or use a `Mutex<Option<_>>`"
                },
            ),
            "Condvar" | "Barrier" => self.refuse(
                &segment.ident,
                &format!("a `{name}`"),
                "which core goes on first is not recorded, and replay could choose another one",
                "return, and let the next packet or `tick` look at the state again",
            ),
            "mpsc" | "mpmc" => self.refuse(
                &segment.ident,
                "an end of a channel",
                "what is on its way is not saved, and which core receives it is not recorded",
                "use a `Mutex<VecDeque<_>>` that `tick` looks at",
            ),
            _ => visit::visit_path_segment(self, segment),
        }
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
