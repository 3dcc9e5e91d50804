//! Questions about the form of an expression or pattern, answered from its tokens.
//!
//! Invariant: nothing in here knows of shared state.

use syn::visit::{self, Visit};
use syn::{Attribute, BinOp, Expr, Pat, PatIdent};

/// Takes the attributes of a statement off the expression that the parser gave them to: its leftmost operand, which may
/// be replaced. A `cfg` must not get lost with it.
pub(super) fn take_attributes(expr: &mut Expr) -> Vec<Attribute> {
    match expr {
        Expr::Assign(inner) => take_attributes(&mut inner.left),
        Expr::Binary(inner) => take_attributes(&mut inner.left),
        Expr::Cast(inner) => take_attributes(&mut inner.expr),
        Expr::Field(inner) => std::mem::take(&mut inner.attrs),
        Expr::Index(inner) => std::mem::take(&mut inner.attrs),
        Expr::MethodCall(inner) => std::mem::take(&mut inner.attrs),
        Expr::Call(inner) => std::mem::take(&mut inner.attrs),
        Expr::Try(inner) => std::mem::take(&mut inner.attrs),
        Expr::Paren(inner) => std::mem::take(&mut inner.attrs),
        Expr::Unary(inner) => std::mem::take(&mut inner.attrs),
        Expr::Path(inner) => std::mem::take(&mut inner.attrs),
        _ => Vec::new(),
    }
}

/// A pattern that takes a value without looking at its place.
pub(super) fn takes_value(pattern: &Pat) -> bool {
    match pattern {
        Pat::Ident(ident) => ident.by_ref.is_none() && ident.subpat.is_none(),
        Pat::Type(typed) => takes_value(&typed.pat),
        Pat::Paren(paren) => takes_value(&paren.pat),
        _ => false,
    }
}

/// Whether a pattern binds a part of its place with `ref mut`.
pub(super) fn changes_in_place(pattern: &Pat) -> bool {
    struct RefMut(bool);
    impl<'ast> Visit<'ast> for RefMut {
        fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
            self.0 |= pattern.by_ref.is_some() && pattern.mutability.is_some();
            visit::visit_pat_ident(self, pattern);
        }
    }
    let mut found = RefMut(false);
    found.visit_pat(pattern);
    found.0
}

pub(super) fn is_comparison(operator: &BinOp) -> bool {
    matches!(operator, BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_))
}

pub(super) fn is_assignment(operator: &BinOp) -> bool {
    use BinOp::{
        AddAssign, BitAndAssign, BitOrAssign, BitXorAssign, DivAssign, MulAssign, RemAssign, ShlAssign, ShrAssign,
        SubAssign,
    };
    matches!(
        operator,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}
