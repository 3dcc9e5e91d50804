//! `#[ftmb(allow(unsafe))]` on an `impl` block, a function, a statement or an `unsafe` block: the user vouches for it.
//!
//! Invariant: no attribute of ftmb is left in what comes out; one that says something else is an error.

use syn::visit_mut::VisitMut;
use syn::{Attribute, Item, ItemImpl};

use crate::errors::Errors;

/// Whether unsafe code is allowed under these attributes.
pub(super) fn unsafe_code(attributes: &[Attribute]) -> bool {
    ours(attributes).any(|attribute| parse(attribute).is_ok())
}

fn ours(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("ftmb"))
}

fn parse(attribute: &Attribute) -> syn::Result<()> {
    const UNKNOWN: &str = "unknown option: `#[ftmb::middlebox]` would ignore it\nhelp: the only option in here is \
                           `#[ftmb(allow(unsafe))]`, on an `impl` block, a function, a statement or an `unsafe` block";
    attribute.parse_nested_meta(|meta| {
        if !meta.path.is_ident("allow") {
            return Err(meta.error(UNKNOWN));
        }
        meta.parse_nested_meta(|inner| if inner.path.is_ident("unsafe") { Ok(()) } else { Err(inner.error(UNKNOWN)) })
    })
}

/// Removes the attributes from a block.
pub(super) fn strip(block: &mut ItemImpl, errors: &Errors) {
    Strip(errors).visit_item_impl_mut(block);
}

/// Removes the attributes from an item.
pub(super) fn strip_item(item: &mut Item, errors: &Errors) {
    Strip(errors).visit_item_mut(item);
}

struct Strip<'a>(&'a Errors);

impl VisitMut for Strip<'_> {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        for attribute in ours(attributes) {
            if let Err(error) = parse(attribute) {
                self.0.add(error);
            }
        }
        attributes.retain(|attribute| !attribute.path().is_ident("ftmb"));
    }
    // Its fields have options of their own, which its own attributes read.
    fn visit_item_struct_mut(&mut self, _: &mut syn::ItemStruct) {}
    fn visit_item_enum_mut(&mut self, _: &mut syn::ItemEnum) {}
}
