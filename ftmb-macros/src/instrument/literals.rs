//! Literals of shared structs outside of their own `impl` blocks: each value goes through the constructor of its field.
//!
//! Invariant: literals of the type that the surrounding `impl` block is for are left to `#[ftmb::middlebox]`.

use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Ident, Item, Member, Path};

use super::classify::{Classes, type_name};
use crate::field_type::{field_name, hidden};

pub(super) struct Literals<'a> {
    pub(super) classes: &'a Classes,
    /// The type of the `impl` block.
    pub(super) own: Option<String>,
}

impl Literals<'_> {
    fn is_foreign(&self, path: &Path, tuple: bool) -> bool {
        let Some(name) = path.segments.last().map(|last| last.ident.to_string()) else { return false };
        let shared = if tuple { self.classes.is_shared_tuple(&name) } else { self.classes.is_shared(&name) };
        shared && self.own.as_ref() != Some(&name)
    }
}

fn constructed(path: &Path, constructor: &Ident, value: &Expr) -> Expr {
    syn::parse_quote_spanned!(value.span()=> #path::#constructor(#value))
}

impl VisitMut for Literals<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        match expr {
            Expr::Struct(literal) if literal.qself.is_none() && self.is_foreign(&literal.path, false) => {
                for field in &mut literal.fields {
                    let (name, span) = match &field.member {
                        Member::Named(name) => (field_name(Some(name), 0), name.span()),
                        Member::Unnamed(number) => (number.index.to_string(), number.span),
                    };
                    field.expr = constructed(&literal.path, &hidden("init", &name, span), &field.expr);
                    field.colon_token.get_or_insert_with(|| syn::Token![:](span));
                }
            }
            Expr::Call(call) => {
                let Expr::Path(function) = &*call.func else { return };
                if function.qself.is_some() || !self.is_foreign(&function.path, true) {
                    return;
                }
                for (index, value) in call.args.iter_mut().enumerate() {
                    let constructor = hidden("init", &field_name(None, index), value.span());
                    *value = constructed(&function.path, &constructor, value);
                }
            }
            _ => {}
        }
    }

    fn visit_item_impl_mut(&mut self, item: &mut syn::ItemImpl) {
        let outer = std::mem::replace(&mut self.own, type_name(&item.self_ty));
        visit_mut::visit_item_impl_mut(self, item);
        self.own = outer;
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        if !super::is_excluded(item) {
            visit_mut::visit_item_mut(self, item);
        }
    }

    // A value of the kind that a pattern takes apart is never made by it.
    fn visit_pat_mut(&mut self, _: &mut syn::Pat) {}
}
