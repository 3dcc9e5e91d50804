//! The form of a postfix chain that begins at a field of `self`, read from its tokens.
//!
//! Invariant: every walk over a chain goes through `base` or `base_mut`, so that they agree on what a link is.

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, UnOp};

use super::forms::is_assignment;

/// The field that a chain begins at.
pub(super) struct Root {
    /// `self.field`, as written.
    pub(super) place: Expr,
    pub(super) span: Span,
    /// The field's name.
    pub(super) name: String,
    /// The chain goes through what the field holds, one by one.
    pub(super) iterated: bool,
}

/// Methods that begin a section by themselves: their guards must live as long as the user's code says.
const LOCKING: &[&str] = &["lock", "read", "write", "try_lock", "try_read", "try_write", "borrow_mut", "peek"];

/// Methods that go through all entries of a map in its order, or hand on what may do so.
const ITERATING: &[&str] = &[
    "iter",
    "keys",
    "values",
    "into_iter",
    "into_keys",
    "into_values",
    "union",
    "intersection",
    "difference",
    "symmetric_difference",
    "clone",
    "to_owned",
    "borrow",
    "as_ref",
    "deref",
];

pub(super) fn is_self(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.qself.is_none() && path.path.is_ident("self"),
        Expr::Paren(inner) => is_self(&inner.expr),
        Expr::Group(inner) => is_self(&inner.expr),
        Expr::Reference(inner) => is_self(&inner.expr),
        Expr::Unary(inner) => matches!(inner.op, UnOp::Deref(_)) && is_self(&inner.expr),
        _ => false,
    }
}

pub(super) fn is_root(expr: &Expr) -> bool {
    matches!(expr, Expr::Field(field) if is_self(&field.base))
}

/// The expression that `expr` is a postfix of.
pub(super) fn base(expr: &Expr) -> Option<&Expr> {
    Some(match expr {
        Expr::Field(link) => &link.base,
        Expr::Index(link) => &link.expr,
        Expr::MethodCall(link) => &link.receiver,
        Expr::Try(link) => &link.expr,
        Expr::Await(link) => &link.base,
        Expr::Call(link) => match &*link.func {
            Expr::Paren(_) | Expr::Group(_) => &link.func,
            _ => return None,
        },
        Expr::Paren(link) => &link.expr,
        Expr::Group(link) => &link.expr,
        Expr::Unary(link) if matches!(link.op, UnOp::Deref(_)) => &link.expr,
        Expr::Reference(link) => &link.expr,
        _ => return None,
    })
}

pub(super) fn base_mut(expr: &mut Expr) -> Option<&mut Expr> {
    Some(match expr {
        Expr::Field(link) => &mut link.base,
        Expr::Index(link) => &mut link.expr,
        Expr::MethodCall(link) => &mut link.receiver,
        Expr::Try(link) => &mut link.expr,
        Expr::Await(link) => &mut link.base,
        Expr::Call(link) => &mut link.func,
        Expr::Paren(link) => &mut link.expr,
        Expr::Group(link) => &mut link.expr,
        Expr::Unary(link) => &mut link.expr,
        Expr::Reference(link) => &mut link.expr,
        _ => return None,
    })
}

/// The field of `self` at which the chain `expr` begins, if it is one.
pub(super) fn root(expr: &Expr) -> Option<Root> {
    let mut link = expr;
    let mut iterated = false;
    while !is_root(link) {
        match link {
            Expr::MethodCall(call) => iterated = ITERATING.contains(&call.method.to_string().as_str()),
            Expr::Reference(_) | Expr::Unary(_) | Expr::Paren(_) | Expr::Group(_) => {}
            _ => iterated = false,
        }
        link = base(link)?;
    }
    let Expr::Field(field) = link else { return None };
    Some(Root {
        place: link.clone(),
        span: field.member.span(),
        name: field.member.to_token_stream().to_string(),
        iterated,
    })
}

/// The fields of `self` that are assigned in what `visit` shows.
pub(super) fn assigned_fields(visit: impl FnOnce(&mut AssignedFields)) -> Vec<String> {
    let mut fields = AssignedFields(Vec::new());
    visit(&mut fields);
    fields.0
}

/// Collects names of assigned fields.
pub(super) struct AssignedFields(Vec<String>);

impl<'ast> Visit<'ast> for AssignedFields {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        let left = match expr {
            Expr::Assign(assign) => Some(&assign.left),
            Expr::Binary(binary) if is_assignment(&binary.op) => Some(&binary.left),
            _ => None,
        };
        if let Some(left) = left
            && let Some(root) = root(left)
            && !Shape::of(left).locks
        {
            self.0.push(root.name);
        }
        visit::visit_expr(self, expr);
    }
}

/// What a chain does on its way from the field.
pub(super) struct Shape {
    /// It is the field itself.
    pub(super) bare: bool,
    /// It calls something.
    pub(super) calls: bool,
    /// It calls a method that locks.
    pub(super) locks: bool,
}

impl Shape {
    pub(super) fn of(expr: &Expr) -> Self {
        let mut shape = Self { bare: true, calls: false, locks: false };
        let mut link = expr;
        while !is_root(link) {
            match link {
                Expr::MethodCall(call) => {
                    shape.calls = true;
                    shape.locks |= LOCKING.contains(&call.method.to_string().as_str());
                }
                Expr::Call(_) | Expr::Try(_) | Expr::Await(_) => shape.calls = true,
                _ => {}
            }
            shape.bare &= matches!(link, Expr::Paren(_) | Expr::Group(_));
            let Some(next) = base(link) else { break };
            link = next;
        }
        shape
    }
}
