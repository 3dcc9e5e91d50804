//! The rewriter: walks a body, knows for each expression whether its value or its place is wanted, and hands what touches
//! `self` to [`chain`](super::chain).
//!
//! Invariant: what is generated is never visited again, and keeps the span of what it replaces.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{Block, Expr, ExprCall, ExprStruct, Ident, Member, Path, Type};

use super::chain;
use super::lending::{self, Loan, Mentions};
use super::shape::{self, Root, Shape};
use crate::errors::Errors;
use crate::field_type::{field_name, hidden};
use crate::options::Options;

/// How a literal of the annotated type may be spelled.
pub(super) struct SelfType(Vec<Ident>);

impl SelfType {
    pub(super) fn of(ty: &Type) -> Self {
        match ty {
            Type::Path(path) if path.qself.is_none() => Self(idents(&path.path)),
            _ => Self(Vec::new()),
        }
    }

    pub(super) fn is_named_by(&self, path: &Path) -> bool {
        let named = idents(path);
        match named.as_slice() {
            [one] => *one == "Self" || self.0.last() == Some(one),
            _ => named == self.0,
        }
    }
}

fn idents(path: &Path) -> Vec<Ident> {
    path.segments.iter().map(|segment| segment.ident.clone()).collect()
}

pub(super) struct Rewriter<'a> {
    pub(super) options: &'a Options,
    pub(super) errors: &'a Errors,
    pub(super) self_type: &'a SelfType,
    /// False in functions without a receiver and in items nested in a body: `self` is not the shared state there.
    pub(super) has_self: bool,
    /// In `report`: fields are looked at without counting.
    pub(super) reports: bool,
    /// False in items nested in a body, where `Self` is another type.
    pub(super) own_type: bool,
    /// Whether the next expression is wanted as a place (borrowed, matched on, compared) rather than as a value.
    pub(super) place: bool,
    /// Whether a probe was generated.
    pub(super) probed: bool,
    /// Whether std's hash maps are replaced: not where the shared struct is constructed.
    pub(super) replaces_maps: bool,
    /// The code makes the shared state: each process runs it anew, before there is a generator that replays.
    pub(super) constructs: bool,
    /// The expression is a constant's value.
    pub(super) constant: bool,
    /// Whether bare names that may be `rand`'s are refused: in an instrumented module imports have told.
    pub(super) guesses: bool,
    /// The next chain is what a `for` goes through, or a macro prints.
    pub(super) looped: bool,
    /// How the next chain, the head of a `match`, `let` or `for`, lends its field to a body that touches shared state.
    pub(super) loan: Option<Loan>,
    /// The next probe is of a field whose entries are gone through in their order.
    pub(super) iterated: bool,
    /// What of `self` the statement, or the head and its body, mentions: decides which guards may live to its end.
    pub(super) mentions: Mentions,
    /// The body of the surrounding `if` or `while`.
    pub(super) body: Option<Block>,
    /// The fields that are assigned while the temporaries of this expression, the head of a `match` or `let`, live.
    pub(super) assigned: Vec<String>,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(
        options: &'a Options,
        self_type: &'a SelfType,
        errors: &'a Errors,
        has_self: bool,
        reports: bool,
    ) -> Self {
        Self {
            options,
            errors,
            self_type,
            has_self,
            reports,
            own_type: true,
            place: false,
            probed: false,
            replaces_maps: false,
            constructs: false,
            constant: false,
            guesses: true,
            looped: false,
            loan: None,
            iterated: false,
            mentions: Mentions::default(),
            body: None,
            assigned: Vec::new(),
        }
    }

    /// Visits an expression whose place is wanted.
    pub(super) fn visit_place(&mut self, expr: &mut Expr) {
        self.place = true;
        self.visit_expr_mut(expr);
        self.place = false;
    }

    /// A probe of the field at the root of a chain, dereferenced by whoever uses it.
    pub(super) fn probe(&mut self, root: &Root) -> TokenStream {
        self.reach(root, if self.reports { "__ftmb_peek" } else { "__ftmb_access" })
    }

    /// The place that an assignment to the field at the root of a chain changes.
    fn update(&mut self, root: &Root) -> TokenStream {
        self.reach(root, "__ftmb_update")
    }

    /// The head of a `match` or `let` whose body assigns these fields; `changes`: a pattern binds mutably in place.
    pub(super) fn visit_head(&mut self, head: &mut Expr, assigns: Vec<String>, mentions: Mentions, changes: bool) {
        let outer = std::mem::replace(&mut self.assigned, assigns);
        let outer_mentions = std::mem::replace(&mut self.mentions, mentions);
        self.loan = match lending::loan(head) {
            _ if !self.mentions.several() => None,
            Some(_) if changes => Some(Loan::Changed),
            loan => loan,
        };
        self.visit_place(head);
        self.loan = None;
        self.assigned = outer;
        self.mentions = outer_mentions;
    }

    /// The condition of an `if` or `while`: its `let`s are heads, the temporaries of the rest end before the body.
    pub(super) fn visit_condition(&mut self, condition: &mut Expr, body: &Block) {
        let outer = self.body.replace(body.clone());
        let outer_mentions = std::mem::replace(&mut self.mentions, Mentions::of(condition));
        self.visit_expr_mut(condition);
        self.body = outer;
        self.mentions = outer_mentions;
    }

    /// A probe of the field at the root of a chain, asked by this method.
    pub(super) fn reach(&mut self, root: &Root, method: &str) -> TokenStream {
        self.probed = true;
        let private = self.options.private(root.span);
        let span = Span::mixed_site().located_at(root.span);
        let method = Ident::new(method, span);
        let place = &root.place;
        let ordered = std::mem::take(&mut self.iterated).then(|| quote_spanned!(span=> .__ftmb_ordered()));
        quote_spanned!(span=> #private::Probe::new(&#place)#ordered.#method())
    }

    /// `Self { field: value }`: every value goes through the constructor of its field.
    pub(super) fn literal(&mut self, literal: &mut ExprStruct) {
        let path = &literal.path;
        let replaces_maps = std::mem::replace(&mut self.replaces_maps, false);
        for (index, field) in literal.fields.iter_mut().enumerate() {
            self.visit_expr_mut(&mut field.expr);
            let (name, span) = match &field.member {
                Member::Named(name) => (field_name(Some(name), index), name.span()),
                Member::Unnamed(number) => (field_name(None, number.index as usize), number.span),
            };
            let constructor = hidden("init", &name, span);
            let value = &field.expr;
            let call = quote_spanned!(value.span()=> #path::#constructor(#value));
            field.colon_token.get_or_insert_with(|| syn::Token![:](span));
            field.expr = Expr::Verbatim(call);
        }
        if let Some(rest) = &mut literal.rest {
            self.visit_expr_mut(rest);
        }
        self.replaces_maps = replaces_maps;
    }

    /// The path of a call that constructs the annotated type, a tuple struct.
    pub(super) fn constructor(&self, function: &Expr) -> Option<Path> {
        match function {
            Expr::Path(path) if path.qself.is_none() && self.self_type.is_named_by(&path.path) => {
                Some(path.path.clone())
            }
            _ => None,
        }
    }

    /// `Self(value, value)`: as a literal.
    pub(super) fn tuple_literal(&mut self, literal: &mut ExprCall, path: &Path) {
        let replaces_maps = std::mem::replace(&mut self.replaces_maps, false);
        for (index, argument) in literal.args.iter_mut().enumerate() {
            self.visit_expr_mut(argument);
            let constructor = hidden("init", &field_name(None, index), argument.span());
            let call = quote_spanned!(argument.span()=> #path::#constructor(#argument));
            *argument = Expr::Verbatim(call);
        }
        self.replaces_maps = replaces_maps;
    }

    /// `self.field = value` and `self.field += value`, in all their forms. False if the left side is no field of `self`.
    pub(super) fn assignment(&mut self, left: &mut Expr, operator: &TokenStream, right: &mut Expr) -> Option<Expr> {
        let root = shape::root(left)?;
        if self.reports {
            self.errors.refuse(
                &*left,
                "an assignment in `report`",
                "it runs outside of the packets that replay repeats, and the change would be lost",
                "change state in `process`, `tick` or `control`",
            );
            return Some(syn::parse_quote!({}));
        }
        let span = Span::mixed_site().located_at(root.span);
        let shape = Shape::of(left);
        if shape.locks {
            self.probed = true;
            chain::lower(self, left, &mut Vec::new(), false, &chain::inline);
            self.visit_expr_mut(right);
            let (left, right) = (&*left, &*right);
            return Some(Expr::Verbatim(quote!(#left #operator #right)));
        }
        let mut hoisted = Vec::new();
        let value = chain::hoist(self, right, &mut hoisted);
        if shape.bare {
            let by_value = operator.to_string() == "=";
            let update = self.update(&root);
            return Some(chain::wrap(&hoisted, &quote_spanned!(span=> *#update #operator #value;), span, by_value));
        }
        let cell = chain::cell(span);
        chain::lower(self, left, &mut hoisted, true, &chain::through_cell);
        let access = if shape.calls { self.probe(&root) } else { self.update(&root) };
        let body = quote_spanned! {span=>
            #[allow(unused_mut)]
            let mut #cell = #access;
            #left #operator #value;
        };
        Some(chain::wrap(&hoisted, &body, span, false))
    }

    pub(super) fn refuse_destructuring(&mut self, left: &Expr) {
        struct Finder(bool);
        impl<'ast> syn::visit::Visit<'ast> for Finder {
            fn visit_expr(&mut self, expr: &'ast Expr) {
                self.0 |= matches!(expr, Expr::Field(_)) && shape::root(expr).is_some();
                syn::visit::visit_expr(self, expr);
            }
        }
        if !matches!(left, Expr::Tuple(_) | Expr::Array(_) | Expr::Struct(_) | Expr::Call(_)) {
            return;
        }
        let mut finder = Finder(false);
        syn::visit::Visit::visit_expr(&mut finder, left);
        if finder.0 {
            self.errors.refuse(
                left,
                "a destructuring assignment to shared fields",
                "each field is a variable of its own, and their order would not be visible",
                "write one assignment for each field",
            );
        }
    }
}
