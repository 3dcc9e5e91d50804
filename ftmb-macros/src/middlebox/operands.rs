//! Operands that are evaluated in another order than they are written: those that touch state first, simple ones in their place.
//!
//! Invariant: a local that a simple operand reads is not changed by an operand behind it; otherwise the order would show.

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, ExprAssign, ExprBinary, ExprClosure, ExprPath, ExprReference, Ident, Token};

use super::chain::is_simple;
use super::forms::is_assignment;
use crate::errors::Errors;

/// Refuses an operand that changes a local which an operand before it reads.
pub(super) fn refuse_changed_locals(operands: &Punctuated<Expr, Token![,]>, errors: &Errors) {
    let mut read = Read(Vec::new());
    for operand in operands {
        if is_simple(operand) {
            read.visit_expr(operand);
        } else {
            Changes { read: &read.0, errors }.visit_expr(operand);
        }
    }
}

/// The locals that simple operands read.
struct Read(Vec<Ident>);

impl<'ast> Visit<'ast> for Read {
    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        self.0.extend(path.path.get_ident().cloned());
    }

    // Runs where it is called.
    fn visit_expr_closure(&mut self, _: &'ast ExprClosure) {}
}

struct Changes<'a> {
    read: &'a [Ident],
    errors: &'a Errors,
}

impl Changes<'_> {
    fn place(&self, place: &Expr) {
        match place {
            Expr::Path(path) if path.path.get_ident().is_some_and(|name| self.read.contains(name)) => self.errors.refuse(
                path,
                "an operand changes a local that an operand before it reads",
                "what touches shared state is evaluated first, so that no section is open meanwhile, and the local would be \
                 read after the change",
                "bind the operands with `let` before the call, in the order you mean",
            ),
            Expr::Field(link) => self.place(&link.base),
            Expr::Index(link) => self.place(&link.expr),
            Expr::Paren(inner) => self.place(&inner.expr),
            Expr::Unary(inner) => self.place(&inner.expr),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Changes<'_> {
    fn visit_expr_assign(&mut self, assign: &'ast ExprAssign) {
        self.place(&assign.left);
        visit::visit_expr_assign(self, assign);
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        if is_assignment(&binary.op) {
            self.place(&binary.left);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_reference(&mut self, reference: &'ast ExprReference) {
        if reference.mutability.is_some() {
            self.place(&reference.expr);
        }
        visit::visit_expr_reference(self, reference);
    }
}
