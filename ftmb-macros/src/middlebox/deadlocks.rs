//! Locks taken in the head of a `match`, `if let`, `while let` or `for` and again in its body: the head's temporaries live
//! as long as the body, so the core would wait for itself.
//!
//! Invariant: an error is raised only where both accesses name the same lock by the same tokens and the first guard
//! certainly lives; other self-deadlocks are found when they happen, by the runtime, which names both places.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Block, Expr, ExprMethodCall, ItemImpl, Pat};

use super::shape::{self, Shape};
use crate::errors::Errors;

/// Refuses what is certain to wait for itself.
pub(super) fn refuse(block: &ItemImpl, errors: &Errors) {
    Heads { errors }.visit_item_impl(block);
}

struct Heads<'a> {
    errors: &'a Errors,
}

/// One call that locks.
struct Lock<'ast> {
    call: &'ast ExprMethodCall,
    /// What is locked, as tokens.
    what: String,
    /// A reader beside which there may be other readers.
    shared: bool,
    /// Gives up instead of waiting.
    tries: bool,
}

impl<'ast> Lock<'ast> {
    fn of(call: &'ast ExprMethodCall) -> Option<Self> {
        let (shared, tries) = match call.method.to_string().as_str() {
            "lock" | "write" => (false, false),
            "read" => (true, false),
            "try_lock" | "try_write" => (false, true),
            "try_read" => (true, true),
            _ => return None,
        };
        if !call.args.is_empty() || shape::root(&call.receiver).is_none() || Shape::of(&call.receiver).calls {
            return None;
        }
        let what = call.receiver.to_token_stream().to_string().replace(' ', "");
        Some(Self { call, what, shared, tries })
    }
}

/// The locks in an expression; with `only_held`, those whose guards live as long as the expression's temporaries.
struct Locks<'ast> {
    only_held: bool,
    found: Vec<Lock<'ast>>,
}

impl<'ast> Locks<'ast> {
    fn held_by(head: &'ast Expr) -> Vec<Lock<'ast>> {
        let mut locks = Self { only_held: true, found: Vec::new() };
        locks.visit_expr(head);
        locks.found
    }
}

impl<'ast> Visit<'ast> for Locks<'ast> {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.found.extend(Lock::of(call));
        visit::visit_expr_method_call(self, call);
    }
    fn visit_expr(&mut self, expr: &'ast Expr) {
        let ends_temporaries = matches!(
            expr,
            Expr::Closure(_) | Expr::Block(_) | Expr::If(_) | Expr::Match(_) | Expr::Loop(_) | Expr::While(_)
        );
        if !(self.only_held && ends_temporaries) {
            visit::visit_expr(self, expr);
        }
    }
    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

/// Whether something that the pattern binds is handed to `drop`: it may be the guard.
fn drops_binding<'ast>(pattern: &'ast Pat, body: Body<'ast>) -> bool {
    struct Names(Vec<String>);
    impl<'ast> Visit<'ast> for Names {
        fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
            self.0.push(pattern.ident.to_string());
        }
    }
    let mut names = Names(Vec::new());
    names.visit_pat(pattern);
    let mut drops = Drops(names.0, false);
    body.visit(&mut drops);
    drops.1
}

/// Looks for a `drop` of one of these names.
struct Drops(Vec<String>, bool);

impl<'ast> Visit<'ast> for Drops {
    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let (Expr::Path(function), Some(Expr::Path(dropped))) = (&*call.func, call.args.first())
            && function.path.segments.last().is_some_and(|last| last.ident == "drop")
            && let Some(name) = dropped.path.get_ident()
        {
            self.1 |= self.0.contains(&name.to_string());
        }
        visit::visit_expr_call(self, call);
    }
}

impl Heads<'_> {
    /// Compares what the head holds with what the body locks.
    fn compare<'ast>(&self, form: &str, head: &'ast Expr, pattern: Option<&'ast Pat>, body: Body<'ast>) {
        let held = Locks::held_by(head);
        if held.is_empty() {
            return;
        }
        if pattern.is_some_and(|pattern| drops_binding(pattern, body)) {
            return;
        }
        let mut again = Locks { only_held: false, found: Vec::new() };
        body.visit(&mut again);
        for first in &held {
            let second = again
                .found
                .iter()
                .find(|second| second.what == first.what && !second.tries && !(first.shared && second.shared));
            let Some(second) = second else { continue };
            self.errors.refuse(
                &first.call.method,
                format_args!("the guard of `{}` taken here lives as long as the body of this `{form}`", first.what),
                "the body takes the same lock again, and the core would wait for itself",
                "take what the head needs out in a `let` statement before, which ends the guard",
            );
            self.errors.add(syn::Error::new_spanned(
                &second.call.method,
                format_args!("`{}` is locked again here, while the head of the `{form}` holds it", second.what),
            ));
        }
    }

    /// The `let`s of a condition, from left to right: each holds over what follows it and over the body.
    fn condition<'ast>(&self, form: &str, condition: &'ast Expr, body: &'ast Block) {
        match condition {
            Expr::Binary(chain) if matches!(chain.op, syn::BinOp::And(_)) => {
                self.condition(form, &chain.left, body);
                self.condition(form, &chain.right, body);
            }
            Expr::Let(binding) => {
                self.compare(form, &binding.expr, Some(&binding.pat), Body::Block(body));
            }
            _ => {}
        }
    }
}

/// What runs while the temporaries of a head live.
#[derive(Clone, Copy)]
enum Body<'ast> {
    Block(&'ast Block),
    Arm(&'ast syn::Arm),
}

impl<'ast> Body<'ast> {
    fn visit(self, visitor: &mut impl Visit<'ast>) {
        match self {
            Self::Block(block) => visitor.visit_block(block),
            Self::Arm(arm) => visitor.visit_arm(arm),
        }
    }
}

impl<'ast> Visit<'ast> for Heads<'_> {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            // Since edition 2024 the `else` of an `if let` begins after its temporaries have ended.
            Expr::If(branch) => self.condition("if let", &branch.cond, &branch.then_branch),
            Expr::While(repeat) => self.condition("while let", &repeat.cond, &repeat.body),
            Expr::ForLoop(repeat) => self.compare("for", &repeat.expr, None, Body::Block(&repeat.body)),
            Expr::Match(choice) => {
                let before = self.errors.count();
                for arm in &choice.arms {
                    if self.errors.count() == before {
                        self.compare("match", &choice.expr, Some(&arm.pat), Body::Arm(arm));
                    }
                }
            }
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}
