//! What tokens alone can refuse in the code of a middlebox: signatures, items, and expressions that cannot be replayed.
//!
//! Invariant: sources of non-determinism that have a replacement are not refused here but rewritten.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, ImplItem, ItemImpl, ReceiverKind, Safety, Signature, StaticMutability, Type};

use crate::errors::Errors;

pub(super) fn validate(block: &ItemImpl, errors: &Errors) {
    if let Some(token) = &block.unsafety {
        refuse_unsafe(token, "an `unsafe impl`", errors);
    }
    for item in &block.items {
        if let ImplItem::Fn(function) = item {
            receiver(&function.sig, errors);
        }
    }
    Refusal { errors }.visit_item_impl(block);
}

/// As [`validate`], for code that belongs to no shared struct.
pub(super) fn code(item: &syn::Item, errors: &Errors) {
    Refusal { errors }.visit_item(item);
}

/// A method gets `&self`: all cores call it on the same value.
fn receiver(signature: &Signature, errors: &Errors) {
    const WHY: &str = "every core calls it on the same value at the same time";
    const HELP: &str = "take `&self`; assignments to plain fields are rewritten to tracked writes";
    let Some(FnArg::Receiver(receiver)) = signature.inputs.first() else { return };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, Some(_)) => {
            errors.refuse(receiver, "a method of shared state cannot take `&mut self`", WHY, HELP);
        }
        ReceiverKind::Value if receiver.mutability.is_some() => {
            errors.refuse(receiver, "a method of shared state cannot take `mut self`", WHY, HELP);
        }
        ReceiverKind::Typed(_, ty) if mentions_mut(ty) => {
            errors.refuse(receiver, "a method of shared state cannot take `self` mutably", WHY, HELP);
        }
        _ => {}
    }
}

fn mentions_mut(ty: &Type) -> bool {
    struct Mut(bool);
    impl<'ast> Visit<'ast> for Mut {
        fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
            self.0 |= reference.mutability.is_some();
            visit::visit_type_reference(self, reference);
        }
    }
    let mut found = Mut(false);
    found.visit_type(ty);
    found.0
}

struct Refusal<'a> {
    errors: &'a Errors,
}

fn refuse_unsafe(token: &impl ToTokens, what: &str, errors: &Errors) {
    errors.refuse(
        token,
        format_args!("{what} in a middlebox"),
        "ftmb cannot see what it reads and writes, so replay could miss it",
        "move it into a safe function outside of the annotated block that touches no shared state",
    );
}

fn refuse_async(token: &impl ToTokens, errors: &Errors) {
    errors.refuse(
        token,
        "`async` code in a middlebox",
        "when a future is polled again depends on an executor that is not replayed",
        "finish the packet in one call; use `tick` for what has to happen later",
    );
}

impl<'ast> Visit<'ast> for Refusal<'_> {
    fn visit_signature(&mut self, signature: &'ast Signature) {
        if let Some(token) = &signature.asyncness {
            refuse_async(token, self.errors);
        }
        if let Safety::Unsafe(token) = &signature.safety {
            refuse_unsafe(token, "an `unsafe fn`", self.errors);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Async(expr) => refuse_async(&expr.async_token, self.errors),
            Expr::Await(expr) => refuse_async(&expr.await_token, self.errors),
            Expr::Closure(closure) if closure.asyncness.is_some() => refuse_async(&closure.asyncness, self.errors),
            Expr::Unsafe(expr) => refuse_unsafe(&expr.unsafe_token, "an `unsafe` block", self.errors),
            Expr::RawAddr(expr) => self.errors.refuse(
                expr,
                "a raw address in a middlebox",
                "an address is another one in the process that takes over",
                "use a reference, or an index or key",
            ),
            _ => {}
        }
        visit::visit_expr(self, expr);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if let StaticMutability::Mut(token) = &item.mutability {
            self.errors.refuse(
                token,
                format_args!("`static mut {}` in a middlebox", item.ident),
                "it is shared by all cores, and neither recorded nor restored",
                "make it a field of the `#[ftmb::shared]` struct",
            );
        }
        visit::visit_item_static(self, item);
    }
}
