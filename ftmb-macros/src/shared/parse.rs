//! What the user wrote: a struct, and for each field how it is to be shared.
//!
//! Invariant: the `ftmb` attributes are taken off the fields; everything else stays as it was.

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{Attribute, ItemStruct, Member, Type, Visibility};

use crate::drop_in::DropIn;
use crate::errors::{Errors, head};
use crate::field_type::field_name;
use crate::options::Options;

/// How a field is shared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `#[ftmb(config)]`: keeps its type.
    Config,
    /// `#[ftmb(per_core)]`: one clone a core.
    PerCore,
    /// `#[ftmb(shared)]`: shared state whose type only the user of the struct knows, a parameter or a trait object.
    Nested,
    /// Everything else.
    Tracked,
    /// Cannot be shared; an error says why.
    Refused,
}

pub(super) struct Field {
    /// How code names it: `self.member`.
    pub(super) member: Member,
    /// Without `r#`, by number in a tuple struct: the name of the variable.
    pub(super) name: String,
    pub(super) vis: Visibility,
    pub(super) ty: Type,
    pub(super) role: Role,
    /// The field's `cfg` attributes: what is generated for it carries them too.
    pub(super) cfgs: Vec<Attribute>,
}

pub(super) struct Shared {
    pub(super) item: ItemStruct,
    pub(super) options: Options,
    pub(super) fields: Vec<Field>,
    /// Imports that keep the user's own in use.
    pub(super) imports: TokenStream,
}

pub(super) fn parse(arguments: TokenStream, item: TokenStream, errors: &Errors) -> syn::Result<Shared> {
    let options = Options::parse(arguments, "shared", errors);
    let mut item: ItemStruct = match syn::parse2::<syn::Item>(item)? {
        syn::Item::Struct(item) => item,
        other => {
            return Err(syn::Error::new_spanned(
                head(&other),
                "`#[ftmb::shared]` does not apply here: the state that ftmb numbers and restores is a struct or a `static`\n\
                 help: put it on the struct that implements `Middlebox`; data inside locks takes `#[ftmb::state]`",
            ));
        }
    };
    let mut fields = Vec::new();
    let mut imports = TokenStream::new();
    for (index, field) in item.fields.iter_mut().enumerate() {
        let before = errors.count();
        let mut role = take_role(&mut field.attrs, errors);
        let cfgs: Vec<Attribute> =
            field.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect();
        if role != Role::Config {
            let mut drop_in = DropIn::new(&options, errors);
            drop_in.replace_type(&mut field.ty);
            imports.extend(drop_in.keep_imports(&cfgs));
        }
        if errors.count() > before {
            role = Role::Refused;
        }
        let name = field_name(field.ident.as_ref(), index);
        let by_number = || Member::Unnamed(syn::Index { index: index as u32, span: field.ty.span() });
        fields.push(Field {
            name,
            member: field.ident.clone().map_or_else(by_number, Member::Named),
            vis: field.vis.clone(),
            ty: field.ty.clone(),
            role,
            cfgs,
        });
    }
    Ok(Shared { item, options, fields, imports })
}

/// Reads and removes the `#[ftmb(...)]` attributes of a field.
fn take_role(attributes: &mut Vec<Attribute>, errors: &Errors) -> Role {
    let mut role = Role::Tracked;
    for attribute in attributes.extract_if(.., |attribute| attribute.path().is_ident("ftmb")) {
        let parsed = attribute.parse_nested_meta(|meta| {
            let found = if meta.path.is_ident("config") {
                Role::Config
            } else if meta.path.is_ident("per_core") {
                Role::PerCore
            } else if meta.path.is_ident("shared") {
                Role::Nested
            } else {
                return Err(meta.error(
                    "unknown option of a shared field: ignoring it could leave state unprotected\n\
                     help: the options are `config` (never changes), `per_core` (one clone a core) and `shared` (a type \
                     parameter or trait object that is shared state)",
                ));
            };
            if role != Role::Tracked && role != found {
                return Err(meta.error(
                    "a field is one of `config`, `per_core` and `shared`: configuration never changes, per-core state \
                     does, shared state belongs to all cores\n\
                     help: keep one of them",
                ));
            }
            role = found;
            Ok(())
        });
        if let Err(error) = parsed {
            errors.add(error);
        }
    }
    role
}
