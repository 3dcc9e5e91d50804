//! What the user wrote: a struct or an enum, its fields, and which of them are opaque.
//!
//! Invariant: fields keep the order of declaration; it is the order of their keys and of their layout.

use syn::{Attribute, Data, DeriveInput, Fields, Generics, Ident, Member, Type};

use crate::errors::Errors;
use crate::field_type::field_name;
use crate::options::Options;

pub(super) struct Field<'a> {
    /// How code names it: `self.member`.
    pub(super) member: Member,
    /// How messages and the layout name it.
    pub(super) name: String,
    pub(super) ty: &'a Type,
    pub(super) attributes: &'a [Attribute],
    /// `#[ftmb(opaque)]`: its serde implementation is trusted.
    pub(super) opaque: bool,
}

pub(super) struct Variant<'a> {
    pub(super) ident: &'a Ident,
    pub(super) attributes: &'a [Attribute],
    pub(super) fields: Vec<Field<'a>>,
}

pub(super) enum Shape<'a> {
    Struct(Vec<Field<'a>>),
    Enum(Vec<Variant<'a>>),
    Union,
}

pub(super) struct State<'a> {
    pub(super) ident: &'a Ident,
    pub(super) generics: &'a Generics,
    pub(super) attributes: &'a [Attribute],
    pub(super) shape: Shape<'a>,
    pub(super) options: Options,
}

impl<'a> State<'a> {
    /// All fields, of all variants.
    pub(super) fn fields(&self) -> Vec<&Field<'a>> {
        match &self.shape {
            Shape::Struct(fields) => fields.iter().collect(),
            Shape::Enum(variants) => variants.iter().flat_map(|variant| &variant.fields).collect(),
            Shape::Union => Vec::new(),
        }
    }
}

pub(super) fn parse<'a>(input: &'a DeriveInput, errors: &Errors) -> State<'a> {
    let mut options = Options::new();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("ftmb")) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if options.meta(&meta)? {
                return Ok(());
            }
            Err(meta
                .error("unknown option: `State` would ignore it\nhelp: the only option of a type is `crate = path`"))
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    let shape = match &input.data {
        Data::Struct(data) => Shape::Struct(fields(&data.fields, errors)),
        Data::Enum(data) => Shape::Enum(
            data.variants
                .iter()
                .map(|variant| Variant {
                    ident: &variant.ident,
                    attributes: &variant.attrs,
                    fields: fields(&variant.fields, errors),
                })
                .collect(),
        ),
        Data::Union(_) => Shape::Union,
    };
    State { ident: &input.ident, generics: &input.generics, attributes: &input.attrs, shape, options }
}

fn fields<'a>(fields: &'a Fields, errors: &Errors) -> Vec<Field<'a>> {
    fields
        .iter()
        .enumerate()
        .map(|(index, field)| Field {
            member: field.ident.clone().map_or_else(|| Member::from(index), Member::Named),
            name: field_name(field.ident.as_ref(), index),
            ty: &field.ty,
            attributes: &field.attrs,
            opaque: opaque(&field.attrs, errors),
        })
        .collect()
}

fn opaque(attributes: &[Attribute], errors: &Errors) -> bool {
    let mut opaque = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("ftmb")) {
        let parsed = attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("opaque") {
                return Err(meta.error(
                    "unknown option of a field of `State`: ignoring it could lose state\n\
                     help: the only option is `opaque` (its serde implementation is trusted)",
                ));
            }
            opaque = true;
            Ok(())
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    opaque
}

/// Removes the attributes that only the derives understand.
pub(super) fn strip(input: &mut DeriveInput) {
    let strip = |attributes: &mut Vec<Attribute>| {
        attributes.retain(|attribute| !attribute.path().is_ident("ftmb") && !attribute.path().is_ident("serde"));
    };
    let strip_fields = |fields: &mut Fields| fields.iter_mut().for_each(|field| strip(&mut field.attrs));
    strip(&mut input.attrs);
    match &mut input.data {
        Data::Struct(data) => strip_fields(&mut data.fields),
        Data::Enum(data) => data.variants.iter_mut().for_each(|variant| {
            strip(&mut variant.attrs);
            strip_fields(&mut variant.fields);
        }),
        Data::Union(data) => data.fields.named.iter_mut().for_each(|field| strip(&mut field.attrs)),
    }
}
