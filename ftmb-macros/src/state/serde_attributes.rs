//! Attributes of serde after which a value read is not the value written, or postcard cannot read it.
//!
//! Invariant: an attribute that is not known to be harmless on fields that are not opaque is in the list.

use std::collections::BTreeSet;

use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token, punctuated::Punctuated};

use super::parse::{Shape, State};
use crate::errors::Errors;

/// Refuses attributes on the type, its variants, and its fields that are not opaque.
pub(super) fn refuse(state: &State<'_>, errors: &Errors) {
    lossy(state.attributes, errors);
    match &state.shape {
        Shape::Struct(fields) => duplicates(fields.iter().map(|field| (&*field.name, field.attributes)), errors),
        Shape::Enum(variants) => {
            let names: Vec<String> = variants.iter().map(|variant| variant.ident.to_string()).collect();
            duplicates(names.iter().map(String::as_str).zip(variants.iter().map(|variant| variant.attributes)), errors);
            for variant in variants {
                lossy(variant.attributes, errors);
                duplicates(variant.fields.iter().map(|field| (&*field.name, field.attributes)), errors);
            }
        }
        Shape::Union => {}
    }
    for field in state.fields() {
        if !field.opaque {
            lossy(field.attributes, errors);
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

fn lossy(attributes: &[Attribute], errors: &Errors) {
    for option in options(attributes) {
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

fn options(attributes: &[Attribute]) -> Vec<Meta> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .filter_map(|attribute| attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok())
        .flatten()
        .collect()
}

/// Refuses a `rename` to a name that another one has.
fn duplicates<'a>(named: impl Iterator<Item = (&'a str, &'a [Attribute])> + Clone, errors: &Errors) {
    let renamed = |attributes: &[Attribute]| {
        options(attributes).into_iter().find_map(|option| match &option {
            Meta::NameValue(rename) if rename.path.is_ident("rename") => match &rename.value {
                Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Some(name.clone()),
                _ => None,
            },
            _ => None,
        })
    };
    let mut taken: BTreeSet<String> = named
        .clone()
        .filter(|(_, attributes)| renamed(attributes).is_none())
        .map(|(name, _)| name.to_owned())
        .collect();
    for (_, attributes) in named {
        if let Some(name) = renamed(attributes)
            && !taken.insert(name.value())
        {
            errors.refuse(
                &name,
                format_args!("serde's `rename` gives a second one the name `{}`", name.value()),
                "whatever reads the names could not tell them apart",
                "choose another name, or drop the attribute: checkpoints do not contain names",
            );
        }
    }
}
