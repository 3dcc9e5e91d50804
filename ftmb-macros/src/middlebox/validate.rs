//! What tokens alone can refuse in the code of a middlebox: signatures, items, and expressions that cannot be replayed.
//!
//! Invariant: sources of non-determinism that have a replacement are not refused here but rewritten.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ExprBlock, ExprMethodCall, ExprPath, ExprRawAddr, ExprUnsafe, FnArg, Ident, ImplItem, ImplItemFn,
    ItemFn, ItemImpl, ItemStatic, Local, Path, PathSegment, ReceiverKind, ReturnType, Safety, Signature,
    StaticMutability, Type, TypePtr, Visibility,
};

use super::refused::{self, ADDRESS};
use super::sources::{self, WHY};
use super::{allow, known_macros};
use crate::errors::Errors;

pub(super) fn validate(block: &ItemImpl, errors: &Errors) {
    let mut refusal = Refusal { errors, trusted: allow::unsafe_code(&block.attrs) };
    if let Some(token) = &block.unsafety {
        refusal.refuse_unsafe(token, "an `unsafe impl`");
    }
    for item in &block.items {
        if let ImplItem::Fn(function) = item {
            receiver(&function.sig, errors);
            escaping_guards(function, errors);
        }
    }
    refusal.visit_item_impl(block);
}

/// As [`validate`], for code that belongs to no shared struct.
pub(super) fn code(item: &syn::Item, errors: &Errors) {
    let trusted = matches!(item, syn::Item::Impl(block) if allow::unsafe_code(&block.attrs));
    Refusal { errors, trusted }.visit_item(item);
}

/// As [`validate`], for the value of a static.
pub(super) fn value(value: &Expr, errors: &Errors) {
    Refusal { errors, trusted: false }.visit_expr(value);
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
    /// Under `#[ftmb(allow(unsafe))]`, where addresses are allowed as well: unsafe code is made of them.
    trusted: bool,
}

impl Refusal<'_> {
    fn refuse_unsafe(&self, token: &impl ToTokens, what: &str) {
        if self.trusted {
            return;
        }
        self.errors.refuse(
            token,
            format_args!("{what} in a middlebox"),
            "ftmb cannot see what it reads and writes, so replay could miss it",
            "move it into a safe function outside of the annotated block, or vouch that it touches no shared state with \
             `#[ftmb(allow(unsafe))]`",
        );
    }

    fn refuse_address(&self, tokens: &impl ToTokens, what: &str) {
        if !self.trusted {
            let why = "an address is another one in the process that takes over";
            self.errors.refuse(tokens, format_args!("{what} in a middlebox"), why, ADDRESS);
        }
    }

    fn under(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let outer = self.trusted;
        self.trusted |= allow::unsafe_code(attributes);
        visit(self);
        self.trusted = outer;
    }
}

fn refuse_async(token: &impl ToTokens, errors: &Errors) {
    errors.refuse(
        token,
        "`async` code in a middlebox",
        "when a future is polled again depends on an executor that is not replayed",
        "finish the packet in one call; use `tick` for what has to happen later",
    );
}

/// Types of guards, and whatever else names a section that is open.
fn is_guard(name: &str) -> bool {
    matches!(name, "MutexGuard" | "RwLockReadGuard" | "RwLockWriteGuard" | "MappedMutexGuard" | "ArcMutexGuard")
}

/// A guard that a public method returns would leave the packet, and with it the section.
fn escaping_guards(function: &ImplItemFn, errors: &Errors) {
    struct Guards<'a>(&'a Errors);
    impl<'ast> Visit<'ast> for Guards<'_> {
        fn visit_path(&mut self, path: &'ast Path) {
            if let Some(last) = path.segments.last()
                && is_guard(&last.ident.to_string())
            {
                self.0.refuse(
                    &last.ident,
                    "a public method that returns a guard",
                    "a section has to end with the packet that began it",
                    "return a copy of the value, or make the method private",
                );
            }
            visit::visit_path(self, path);
        }
    }
    if matches!(function.vis, Visibility::Public(_))
        && let ReturnType::Type(_, ty) = &function.sig.output
    {
        Guards(errors).visit_type(ty);
    }
}

/// A `static` inside of a body that could change.
fn changing_static(item: &ItemStatic, errors: &Errors) {
    struct Changing(Option<Ident>);
    impl<'ast> Visit<'ast> for Changing {
        fn visit_path_segment(&mut self, segment: &'ast PathSegment) {
            let name = segment.ident.to_string();
            let changes = name.starts_with("Atomic")
                || name.ends_with("Cell")
                || matches!(
                    name.as_str(),
                    "Mutex" | "RwLock" | "OnceLock" | "LazyLock" | "Once" | "DashMap" | "DashSet"
                );
            if changes && self.0.is_none() {
                self.0 = Some(segment.ident.clone());
            }
            visit::visit_path_segment(self, segment);
        }
    }
    let shared = |attribute: &Attribute| attribute.path().segments.last().is_some_and(|last| last.ident == "shared");
    if item.attrs.iter().any(shared) {
        return;
    }
    let mut changing = Changing(None);
    changing.visit_type(&item.ty);
    if let Some(ty) = changing.0 {
        errors.refuse(
            &ty,
            format_args!("`static {}: {ty}` in a middlebox", item.ident),
            "it is shared by all cores, and neither recorded nor restored",
            "make it a field of the `#[ftmb::shared]` struct",
        );
    }
}

impl<'ast> Visit<'ast> for Refusal<'_> {
    fn visit_signature(&mut self, signature: &'ast Signature) {
        if let Some(token) = &signature.asyncness {
            refuse_async(token, self.errors);
        }
        if let Safety::Unsafe(token) = &signature.safety {
            self.refuse_unsafe(token, "an `unsafe fn`");
        }
        visit::visit_signature(self, signature);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.under(&function.attrs, |this| visit::visit_impl_item_fn(this, function));
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.under(&function.attrs, |this| visit::visit_item_fn(this, function));
    }

    fn visit_local(&mut self, local: &'ast Local) {
        self.under(&local.attrs, |this| visit::visit_local(this, local));
    }

    fn visit_expr_block(&mut self, block: &'ast ExprBlock) {
        self.under(&block.attrs, |this| visit::visit_expr_block(this, block));
    }

    fn visit_expr_unsafe(&mut self, block: &'ast ExprUnsafe) {
        self.under(&block.attrs, |this| {
            this.refuse_unsafe(&block.unsafe_token, "an `unsafe` block");
            visit::visit_expr_unsafe(this, block);
        });
    }

    fn visit_type_ptr(&mut self, pointer: &'ast TypePtr) {
        self.refuse_address(pointer, "a raw pointer");
    }

    fn visit_expr_raw_addr(&mut self, expr: &'ast ExprRawAddr) {
        self.refuse_address(expr, "a raw address");
    }

    fn visit_expr_path(&mut self, expr: &'ast ExprPath) {
        let segments = sources::segments(expr).unwrap_or_default();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if !self.trusted
            && let Some((does, help)) = refused::address(&segments)
        {
            self.errors.refuse(expr, format_args!("`{}` {does}", segments.join("::")), WHY, help);
        }
        visit::visit_expr_path(self, expr);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if !self.trusted
            && let Some((does, help)) = refused::method(&call.method.to_string(), call.args.len())
        {
            self.errors.refuse(&call.method, format_args!("`.{}()` {does}", call.method), WHY, help);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        for expr in known_macros::expressions(invocation) {
            self.visit_expr(&expr);
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Async(expr) => refuse_async(&expr.async_token, self.errors),
            Expr::Await(expr) => refuse_async(&expr.await_token, self.errors),
            Expr::Closure(closure) if closure.asyncness.is_some() => refuse_async(&closure.asyncness, self.errors),
            _ => {}
        }
        visit::visit_expr(self, expr);
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        if let StaticMutability::Mut(token) = &item.mutability {
            self.errors.refuse(
                token,
                format_args!("`static mut {}` in a middlebox", item.ident),
                "it is shared by all cores, and neither recorded nor restored",
                "make it a field of the `#[ftmb::shared]` struct",
            );
        } else {
            changing_static(item, self.errors);
        }
        visit::visit_item_static(self, item);
    }
}
