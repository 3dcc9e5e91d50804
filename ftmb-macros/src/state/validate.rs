//! What tokens alone can refuse in data: borrows, addresses, code, what belongs elsewhere, serde derived twice.
//!
//! Invariant: what serde would not write back exactly is refused, unless the user vouches for it with `opaque`.

use syn::visit::{self, Visit};
use syn::{DeriveInput, GenericParam, Token, Type, punctuated::Punctuated};

use super::parse::{Shape, State};
use super::{misplaced, serde_attributes};
use crate::errors::Errors;
use crate::field_type::refuse_unrestorable;

pub(super) fn validate(state: &State<'_>, errors: &Errors) {
    for parameter in &state.generics.params {
        if let GenericParam::Lifetime(parameter) = parameter {
            errors.refuse(
                parameter,
                format_args!("`{}` borrows", state.ident),
                "a restored copy has nothing to borrow from",
                "own the data",
            );
        }
    }
    serde_attributes::refuse(state, errors);
    match &state.shape {
        Shape::Struct(fields) if fields.len() > 256 => errors.refuse(
            state.ident,
            format_args!("`{}` has more than 256 fields", state.ident),
            "a field's key in a checkpoint is one byte",
            "group fields into structs of their own",
        ),
        Shape::Struct(_) | Shape::Enum(_) => {}
        Shape::Union => errors.refuse(
            state.ident,
            "a union cannot be `State`",
            "which of its fields is meant is lost in a checkpoint",
            "write an enum",
        ),
    }
    for field in state.fields() {
        if !field.opaque {
            refuse_unrestorable(field.ty, &field.name, errors);
            misplaced::refuse(field.ty, &field.name, errors);
        }
    }
}

/// Whether the fields, as far as the tokens show, may be sent and shared; a stub of `State` for others would only cause
/// more errors.
pub(super) fn crosses_threads(state: &State<'_>) -> bool {
    struct Bound(bool);
    impl<'ast> Visit<'ast> for Bound {
        fn visit_type(&mut self, ty: &'ast Type) {
            self.0 |= matches!(ty, Type::Ptr(_) | Type::TraitObject(_));
            visit::visit_type(self, ty);
        }
        fn visit_path_segment(&mut self, segment: &'ast syn::PathSegment) {
            let name = segment.ident.to_string();
            self.0 |= name == "Rc" || name == "Weak" || name.ends_with("Cell") || name.ends_with("Guard");
            visit::visit_path_segment(self, segment);
        }
    }
    let mut bound = Bound(false);
    state.fields().iter().for_each(|field| bound.visit_type(field.ty));
    !bound.0
}

/// Whether the user derives one of serde's traits.
pub(super) fn derives_serde(input: &DeriveInput) -> bool {
    input.attrs.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let paths = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
        paths.into_iter().flatten().any(|path| {
            path.segments.last().is_some_and(|last| last.ident == "Serialize" || last.ident == "Deserialize")
        })
    })
}

/// Refuses serde derives beside `#[ftmb::state]`, which adds them itself.
pub(super) fn derives(input: &DeriveInput, errors: &Errors) {
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let Ok(paths) = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated) else {
            continue;
        };
        for path in paths {
            let Some(name) = path.segments.last().map(|last| last.ident.to_string()) else { continue };
            if matches!(name.as_str(), "Serialize" | "Deserialize" | "State") {
                errors.refuse(
                    &path,
                    format_args!("`{name}` is derived twice"),
                    "`#[ftmb::state]` derives `State` and serde's traits itself",
                    "drop it here, or write `#[derive(Serialize, Deserialize, State)]` without `#[ftmb::state]`",
                );
            }
        }
    }
}
