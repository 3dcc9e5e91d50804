//! Postfix chains that begin at a field of `self`: `self.field.part[i].method(args)?`.
//!
//! Invariant: a guard that a plain field needs lives as long as its chain; arguments and indices that may touch state are
//! evaluated before it begins, in order. A chain that locks explicitly stays one expression, so that its guards live as
//! long as they did.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::visit_mut::VisitMut;
use syn::{Expr, ExprReference, Ident, UnOp};

use super::forms::is_assignment;
use super::lending;
use super::rewrite::Rewriter;

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

/// Methods that go through all entries of a map, in its order.
const ITERATING: &[&str] =
    &["iter", "keys", "values", "into_iter", "into_keys", "into_values", "union", "intersection", "difference"];

fn is_self(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.qself.is_none() && path.path.is_ident("self"),
        Expr::Paren(inner) => is_self(&inner.expr),
        Expr::Group(inner) => is_self(&inner.expr),
        Expr::Reference(inner) => is_self(&inner.expr),
        Expr::Unary(inner) => matches!(inner.op, UnOp::Deref(_)) && is_self(&inner.expr),
        _ => false,
    }
}

fn is_root(expr: &Expr) -> bool {
    matches!(expr, Expr::Field(field) if is_self(&field.base))
}

/// The expression that `expr` is a postfix of.
fn base(expr: &Expr) -> Option<&Expr> {
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

fn base_mut(expr: &mut Expr) -> Option<&mut Expr> {
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
        iterated = matches!(link, Expr::MethodCall(call) if ITERATING.contains(&call.method.to_string().as_str()));
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

/// Rewrites a chain that is read.
pub(super) fn rewrite(rewriter: &mut Rewriter<'_>, expr: &mut Expr, place: bool) {
    let Some(root) = root(expr) else { return };
    let shape = Shape::of(expr);
    let looped = std::mem::take(&mut rewriter.looped);
    let iterated = root.iterated || (looped && !shape.calls);
    let kept = lending::lends(expr) && rewriter.mentions.allow(expr, &root.name);
    if shape.bare || shape.locks || (place && !shape.calls) || kept {
        let waits_for_itself = place && !shape.locks && !rewriter.reports && rewriter.assigned.contains(&root.name);
        let reach: Reach<'_> = if waits_for_itself { &inline_assigned } else { &inline };
        rewriter.iterated = iterated;
        lower(rewriter, expr, &mut Vec::new(), false, reach);
        return;
    }
    if place && !lending::lends(expr) {
        // A part of what a call returned is wanted as a place: it belongs to the value, not to the field.
        match expr {
            Expr::Index(link) => {
                rewrite(rewriter, &mut link.expr, true);
                return rewriter.visit_expr_mut(&mut link.index);
            }
            Expr::Field(link) => return rewrite(rewriter, &mut link.base, true),
            _ => {}
        }
    }
    let span = Span::mixed_site().located_at(root.span);
    let mut hoisted = Vec::new();
    lower(rewriter, expr, &mut hoisted, true, &through_cell);
    rewriter.iterated = iterated;
    let access = rewriter.probe(&root);
    let cell = cell(span);
    let body = quote_spanned! {span=>
        #[allow(unused_mut)]
        let mut #cell = #access;
        #expr
    };
    *expr = wrap(&hoisted, &body, span, false);
}

/// What stands for the field in a lowered chain.
type Reach<'a> = &'a dyn Fn(&mut Rewriter<'_>, &Root) -> TokenStream;

/// The field is reached where it stands.
pub(super) fn inline(rewriter: &mut Rewriter<'_>, root: &Root) -> TokenStream {
    let access = rewriter.probe(root);
    let span = Span::mixed_site().located_at(root.span);
    quote_spanned!(span=> (*#access))
}

/// As [`inline`], for a field that is assigned while the access lives.
fn inline_assigned(rewriter: &mut Rewriter<'_>, root: &Root) -> TokenStream {
    let access = rewriter.probe_of_assigned(root);
    let span = Span::mixed_site().located_at(root.span);
    quote_spanned!(span=> (*#access))
}

/// The field is reached through a local that the chain is wrapped with.
pub(super) fn through_cell(_: &mut Rewriter<'_>, root: &Root) -> TokenStream {
    let span = Span::mixed_site().located_at(root.span);
    let cell = cell(span);
    quote_spanned!(span=> (*#cell))
}

/// The local that holds the access to a field for the length of a chain.
pub(super) fn cell(span: Span) -> Ident {
    Ident::new("__ftmb_field", span)
}

/// Replaces the field at the root of `expr`, rewrites arguments and indices, and moves those that may touch state to
/// `hoisted`.
pub(super) fn lower(
    rewriter: &mut Rewriter<'_>,
    expr: &mut Expr,
    hoisted: &mut Vec<(Ident, Expr)>,
    hoist_arguments: bool,
    reach: Reach<'_>,
) {
    if is_root(expr) {
        if let Some(root) = root(expr) {
            *expr = Expr::Verbatim(reach(rewriter, &root));
        }
        return;
    }
    if let Expr::MethodCall(link) = expr
        && let Some(types) = &mut link.turbofish
    {
        rewriter.visit_angle_bracketed_generic_arguments_mut(types);
    }
    if let Some(base) = base_mut(expr) {
        lower(rewriter, base, hoisted, hoist_arguments, reach);
    }
    let mut operand = |operand: &mut Expr| {
        if hoist_arguments {
            let value = hoist(rewriter, operand, hoisted);
            *operand = Expr::Verbatim(value);
        } else {
            rewriter.visit_expr_mut(operand);
        }
    };
    match expr {
        Expr::Index(link) => operand(&mut link.index),
        Expr::MethodCall(link) => link.args.iter_mut().for_each(operand),
        Expr::Call(link) => link.args.iter_mut().for_each(operand),
        _ => {}
    }
}

/// Rewrites an operand; one that may touch state is moved to `hoisted` and replaced by a local.
pub(super) fn hoist(rewriter: &mut Rewriter<'_>, operand: &mut Expr, hoisted: &mut Vec<(Ident, Expr)>) -> TokenStream {
    let simple = is_simple(operand);
    let span = Span::mixed_site().located_at(operand.span());
    rewriter.visit_expr_mut(operand);
    if simple {
        return operand.to_token_stream();
    }
    let local = format_ident!("__ftmb_{}", hoisted.len(), span = span);
    hoisted.push((local.clone(), operand.clone()));
    local.into_token_stream()
}

/// Whether evaluating `expr` can neither touch state nor have an effect. Closures count: they run where they are called.
fn is_simple(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) | Expr::Path(_) | Expr::Closure(_) | Expr::Infer(_) => true,
        Expr::Field(inner) => !is_self(&inner.base) && is_simple(&inner.base),
        Expr::Reference(inner) => is_simple(&inner.expr),
        Expr::Unary(inner) => is_simple(&inner.expr),
        Expr::Cast(inner) => is_simple(&inner.expr),
        Expr::Paren(inner) => is_simple(&inner.expr),
        Expr::Group(inner) => is_simple(&inner.expr),
        Expr::Binary(inner) => is_simple(&inner.left) && is_simple(&inner.right),
        Expr::Tuple(inner) => inner.elems.iter().all(is_simple),
        Expr::Array(inner) => inner.elems.iter().all(is_simple),
        Expr::Range(inner) => [&inner.start, &inner.end].into_iter().flatten().all(|end| is_simple(end)),
        Expr::Struct(inner) => inner.rest.is_none() && inner.fields.iter().all(|field| is_simple(&field.expr)),
        _ => false,
    }
}

/// Puts `body` into a block, behind what was hoisted. With `by_value` the hoisted values are moved into locals and their
/// temporaries end; otherwise temporaries live as long as those of the arguments of a call do.
pub(super) fn wrap(hoisted: &[(Ident, Expr)], body: &TokenStream, span: Span, by_value: bool) -> Expr {
    let names = hoisted.iter().map(|(name, _)| name);
    let values = hoisted.iter().map(|(_, value)| value);
    Expr::Verbatim(if hoisted.is_empty() {
        quote_spanned!(span=> ({ #body }))
    } else if by_value {
        quote_spanned!(span=> ({ #(let #names = #values;)* #body }))
    } else {
        quote_spanned!(span=> (match (#(#values,)*) { (#(#names,)*) => { #body } }))
    })
}

/// `&mut self.v[<reads state>]` has no order that avoids holding `v` while the index is computed.
pub(super) fn refuse_index_under_borrow(rewriter: &Rewriter<'_>, reference: &ExprReference) {
    if reference.mutability.is_none() || !rewriter.has_self || root(&reference.expr).is_none() {
        return;
    }
    if Shape::of(&reference.expr).calls {
        return;
    }
    let mut link = &*reference.expr;
    while !is_root(link) {
        if let Expr::Index(index) = link
            && !is_simple(&index.index)
        {
            rewriter.errors.refuse(
                &index.index,
                "this index is computed while the field is borrowed",
                "if it reads the same field, the core would wait for itself",
                "bind the index with `let` before the borrow",
            );
        }
        let Some(next) = base(link) else { break };
        link = next;
    }
}
