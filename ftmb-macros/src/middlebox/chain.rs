//! Postfix chains that begin at a field of `self`: `self.field.part[i].method(args)?`.
//!
//! Invariant: a guard that a plain field needs lives as long as its chain; arguments and indices that may touch state are
//! evaluated before it begins, in order. A chain that locks explicitly stays one expression, so that its guards live as
//! long as they did.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{Expr, ExprCall, ExprMethodCall, ExprReference, Ident};

use super::lending::{self, Loan, Mentions};
use super::operands;
use super::rewrite::Rewriter;
use super::shape::{Root, Shape, base, base_mut, is_root, is_self, root};

/// Rewrites a chain that is read.
pub(super) fn rewrite(rewriter: &mut Rewriter<'_>, expr: &mut Expr, place: bool) {
    let Some(root) = root(expr) else { return };
    let shape = Shape::of(expr);
    let looped = std::mem::take(&mut rewriter.looped);
    let loan = std::mem::take(&mut rewriter.loan);
    let iterated = root.iterated || (looped && !shape.calls);
    let kept = lending::lends(expr) && rewriter.mentions.allow(expr, &root.name);
    let copied = loan == Some(Loan::Copied) && !kept;
    if shape.bare || shape.locks || (place && !shape.calls) || kept || copied {
        let waits_for_itself = place && !shape.locks && !rewriter.reports && rewriter.assigned.contains(&root.name);
        let reach: Reach<'_> = match loan {
            _ if waits_for_itself && !copied => &|rewriter, root| inline_by(rewriter, root, "__ftmb_matched"),
            _ if rewriter.reports || kept => &inline,
            Some(Loan::Seen) if shape.bare => &|rewriter, root| inline_by(rewriter, root, "__ftmb_seen"),
            Some(Loan::Copied) => &|rewriter, root| inline_by(rewriter, root, "__ftmb_lent_copy"),
            Some(Loan::Changed) if shape.bare => &|rewriter, root| inline_by(rewriter, root, "__ftmb_lent"),
            _ => &inline,
        };
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
    if let Some(links) = ends_before(expr, &root) {
        return split(rewriter, expr, links);
    }
    let span = Span::mixed_site().located_at(root.span);
    let lent = loan == Some(Loan::Changed) && !rewriter.reports;
    let receives = is_receiver(expr);
    let mut hoisted = Vec::new();
    lower(rewriter, expr, &mut hoisted, true, &through_cell);
    rewriter.iterated = iterated;
    let access = if lent { rewriter.reach(&root, "__ftmb_lent") } else { rewriter.probe(&root) };
    let cell = cell(span);
    let reach = quote_spanned! {span=>
        #[allow(unused_mut)]
        let mut #cell = #access;
    };
    *expr = if receives && !hoisted.is_empty() {
        // A receiver that is taken by value is read before the operands are evaluated, which may change it.
        let call = wrap(&hoisted, &expr.to_token_stream(), span, false);
        Expr::Verbatim(quote_spanned!(span=> ({ #reach #cell.__ftmb_receive(); #call })))
    } else {
        wrap(&hoisted, &quote_spanned!(span=> #reach #expr), span, false)
    };
}

/// Whether the field at the root of a chain is what a method is called on.
fn is_receiver(chain: &Expr) -> bool {
    let mut link = chain;
    while let Some(next) = base(link) {
        if is_root(next) {
            return matches!(link, Expr::MethodCall(_));
        }
        link = next;
    }
    false
}

/// How many links the chain has after the first call whose result does not borrow from the field, if an argument of one of
/// them touches the field again: `self.v.pop().map(|last| self.v.push(last))`. The guard ends there, and order is kept.
fn ends_before(expr: &Expr, root: &Root) -> Option<usize> {
    let (mut links, mut found, mut again) = (0, None, false);
    let mut link = expr;
    while !is_root(link) {
        if let Expr::MethodCall(call) = link {
            if again && !lending::may_borrow(link) {
                found = Some(links);
            }
            again |= call.args.iter().any(|argument| Mentions::of(argument).touch(&root.name));
        }
        links += 1;
        link = base(link)?;
    }
    found
}

/// Rewrites a chain whose guard ends before its last `links` links.
fn split(rewriter: &mut Rewriter<'_>, expr: &mut Expr, links: usize) {
    if links == 0 {
        return rewrite(rewriter, expr, false);
    }
    if let Some(base) = base_mut(expr) {
        split(rewriter, base, links - 1);
    }
    match expr {
        Expr::Index(link) => rewriter.visit_expr_mut(&mut link.index),
        Expr::MethodCall(link) => {
            if let Some(types) = &mut link.turbofish {
                rewriter.visit_angle_bracketed_generic_arguments_mut(types);
            }
            link.args.iter_mut().for_each(|argument| rewriter.visit_expr_mut(argument));
        }
        Expr::Call(link) => link.args.iter_mut().for_each(|argument| rewriter.visit_expr_mut(argument)),
        _ => {}
    }
}

/// What stands for the field in a lowered chain.
type Reach<'a> = &'a dyn Fn(&mut Rewriter<'_>, &Root) -> TokenStream;

/// The field is reached where it stands.
pub(super) fn inline(rewriter: &mut Rewriter<'_>, root: &Root) -> TokenStream {
    let access = rewriter.probe(root);
    let span = Span::mixed_site().located_at(root.span);
    quote_spanned!(span=> (*#access))
}

/// As [`inline`], by another method of the probe.
fn inline_by(rewriter: &mut Rewriter<'_>, root: &Root, method: &str) -> TokenStream {
    let access = rewriter.reach(root, method);
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
    if hoist_arguments && let Expr::MethodCall(ExprMethodCall { args, .. }) | Expr::Call(ExprCall { args, .. }) = &*expr
    {
        operands::refuse_changed_locals(args, rewriter.errors);
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
pub(super) fn is_simple(expr: &Expr) -> bool {
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
