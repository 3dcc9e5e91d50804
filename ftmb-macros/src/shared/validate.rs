//! What tokens alone can refuse in a shared struct.
//!
//! Invariant: nothing is refused here that could be right; the rest is left to the types.

use syn::visit::{self, Visit};
use syn::{GenericParam, Meta, Token, punctuated::Punctuated};

use super::parse::{Role, Shared};
use crate::errors::Errors;
use crate::field_type::refuse_unrestorable;

/// Reports what is wrong, and takes it out of `shared` as far as it would cause errors of the compiler.
pub(super) fn validate(shared: &mut Shared, errors: &Errors) {
    for parameter in &shared.item.generics.params {
        if let GenericParam::Lifetime(parameter) = parameter {
            errors.refuse(
                parameter,
                "a shared struct cannot borrow",
                "the process that takes over has nothing to borrow from",
                "own the data",
            );
        }
    }
    derives(shared, errors);
    for field in &mut shared.fields {
        let before = errors.count();
        match field.role {
            Role::Config => Interior { field: &field.name, errors }.visit_type(&field.ty),
            // Whether it is shared state is asked of the type: `Shared` is implemented for nothing that cannot be restored.
            Role::Nested | Role::Refused => {}
            Role::Tracked | Role::PerCore => refuse_unrestorable(&field.ty, &field.name, errors),
        }
        if errors.count() > before {
            field.role = Role::Refused;
        }
    }
    for attribute in shared.item.fields.iter().flat_map(|field| &field.attrs) {
        if attribute.path().is_ident("cfg_attr")
            && let Meta::List(list) = &attribute.meta
            && list
                .tokens
                .clone()
                .into_iter()
                .any(|token| matches!(token, proc_macro2::TokenTree::Ident(name) if name == "ftmb"))
        {
            errors.refuse(
                attribute,
                "`ftmb` inside `cfg_attr`",
                "the field's role would be known only after its type is fixed",
                "write the field twice, each under its own `#[cfg(...)]`",
            );
        }
    }
}

/// Traits whose derived implementation would copy, compare or expose state past the runtime.
const NOT_DERIVABLE: &[(&str, &str)] = &[
    ("Clone", "a copy of a tracked variable would have no identity"),
    ("Copy", "a copy of a tracked variable would have no identity"),
    ("PartialEq", "comparing would read state without recording it"),
    ("Eq", "comparing would read state without recording it"),
    ("PartialOrd", "comparing would read state without recording it"),
    ("Ord", "comparing would read state without recording it"),
    ("Hash", "hashing would read state without recording it"),
    ("Serialize", "saving state is the runtime's business: a checkpoint is taken at a packet boundary"),
    ("Deserialize", "restoring state is the runtime's business"),
    ("State", "a struct of locks is not data inside a lock"),
];

fn derives(shared: &mut Shared, errors: &Errors) {
    for attribute in shared.item.attrs.iter_mut().filter(|attribute| attribute.path().is_ident("derive")) {
        let Ok(paths) = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated) else {
            continue;
        };
        let mut kept = Punctuated::<syn::Path, Token![,]>::new();
        for path in paths {
            let refused =
                NOT_DERIVABLE.iter().find(|(name, _)| path.segments.last().is_some_and(|last| last.ident == name));
            match refused {
                Some((name, why)) => {
                    errors.refuse(&path, format_args!("shared state cannot derive `{name}`"), why, "drop the derive");
                }
                None => kept.push(path),
            }
        }
        *attribute = syn::parse_quote!(#[derive(#kept)]);
    }
}

/// Refuses configuration that can change behind a shared reference.
struct Interior<'a> {
    field: &'a str,
    errors: &'a Errors,
}

impl<'ast> Visit<'ast> for Interior<'_> {
    fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
        let name = segment.ident.to_string();
        let changes = matches!(
            name.as_str(),
            "Mutex"
                | "RwLock"
                | "Cell"
                | "RefCell"
                | "UnsafeCell"
                | "OnceCell"
                | "OnceLock"
                | "LazyLock"
                | "Counter"
                | "PerCore"
                | "DashMap"
                | "DashSet"
                | "Once"
                | "Condvar"
                | "Barrier"
                | "Receiver"
                | "ArcSwap"
                | "ArcSwapAny"
                | "ArcSwapOption"
                | "ArrayQueue"
                | "SegQueue"
                | "SkipMap"
                | "SkipSet"
        ) || name.starts_with("Atomic");
        if changes {
            self.errors.refuse(
                &segment.ident,
                format_args!("the configuration field `{}` holds `{name}`", self.field),
                "it can change, and a `config` field is neither recorded nor restored",
                "drop `#[ftmb(config)]`, so that the field is tracked",
            );
        }
        visit::visit_path_segment(self, segment);
    }
}
