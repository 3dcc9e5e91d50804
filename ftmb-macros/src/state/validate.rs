//! What tokens alone can refuse in data: addresses, code, and serde attributes that lose or hide something.
//!
//! Invariant: what serde would not write back exactly is refused, unless the user vouches for it with `opaque`.

use syn::visit::{self, Visit};
use syn::{Attribute, DeriveInput, GenericParam, Meta, Token, Type, punctuated::Punctuated};

use super::parse::{Shape, State};
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
    serde_attributes(state.attributes, errors);
    match &state.shape {
        Shape::Struct(fields) if fields.len() > 256 => errors.refuse(
            state.ident,
            format_args!("`{}` has more than 256 fields", state.ident),
            "a field's key in a checkpoint is one byte",
            "group fields into structs of their own",
        ),
        Shape::Struct(_) => {}
        Shape::Enum(variants) => variants.iter().for_each(|variant| serde_attributes(variant.attributes, errors)),
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
            serde_attributes(field.attributes, errors);
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
            self.0 |= segment.ident == "Rc" || segment.ident.to_string().ends_with("Cell");
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

/// serde attributes after which a value read is not the value written, or postcard cannot read it.
const LOSSY: &[(&str, &str)] = &[
    ("skip", "the restored copy would lack what was skipped"),
    ("skip_serializing", "the restored copy would lack what was skipped"),
    ("skip_deserializing", "the restored copy would lack what was skipped"),
    ("skip_serializing_if", "the restored copy would lack what was skipped"),
    ("default", "a value that is missing would be made up instead of reported"),
    ("flatten", "the compact encoding of checkpoints has no names to find the fields by"),
    ("untagged", "the compact encoding of checkpoints could not tell the variants apart"),
    ("tag", "the compact encoding of checkpoints has no names to find the tag by"),
    ("content", "the compact encoding of checkpoints has no names to find the content by"),
    ("other", "different values would be restored as one"),
    ("with", "ftmb cannot see whether it writes all of the value"),
    ("serialize_with", "ftmb cannot see whether it writes all of the value"),
    ("deserialize_with", "ftmb cannot see whether it reads what was written"),
    ("getter", "ftmb cannot see whether it reads all of the value"),
    ("from", "ftmb cannot see whether the conversion keeps all of the value"),
    ("try_from", "ftmb cannot see whether the conversion keeps all of the value"),
    ("into", "ftmb cannot see whether the conversion keeps all of the value"),
    ("remote", "ftmb cannot see whether it writes all of the value"),
];

fn serde_attributes(attributes: &[Attribute], errors: &Errors) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let Ok(options) = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else {
            continue;
        };
        for option in options {
            if let Some((name, why)) = LOSSY.iter().find(|(name, _)| option.path().is_ident(name)) {
                errors.refuse(
                    option.path(),
                    format_args!("serde's `{name}` hides data from a checkpoint"),
                    why,
                    "drop the attribute, or mark the field `#[ftmb(opaque)]` if it is known to lose nothing",
                );
            }
        }
    }
}
