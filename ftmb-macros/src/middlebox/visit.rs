//! The walk over a body: which expressions are wanted as places, which live as long as a body, which belong to others.
//!
//! Invariant: every expression is visited once, and what it was replaced by never.

use quote::{ToTokens, quote};
use syn::visit::Visit as _;
use syn::visit_mut::{self, VisitMut};
use syn::{Arm, Expr, Item, Local, Stmt, Type, UnOp};

use super::chain;
use super::forms::{changes_in_place, is_assignment, is_comparison, take_attributes, takes_value};
use super::lending::{self, Mentions};
use super::rewrite::Rewriter;
use super::shape;

impl VisitMut for Rewriter<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        let place = std::mem::take(&mut self.place);
        match expr {
            Expr::Path(path) => {
                visit_mut::visit_expr_path_mut(self, path);
                if let Some(replacement) = self.source(path) {
                    *expr = replacement;
                }
            }
            Expr::Macro(invocation) => match self.write_macro(&mut invocation.mac) {
                Some(written) => *expr = written,
                None => self.known_macro(&mut invocation.mac),
            },
            Expr::Struct(literal) if self.own_type && self.self_type.is_named_by(&literal.path) => {
                self.literal(literal);
            }
            Expr::Call(call) if self.own_type && self.constructor(&call.func).is_some() => {
                if let Some(path) = self.constructor(&call.func) {
                    self.tuple_literal(call, &path);
                }
            }
            Expr::Paren(inner) => {
                self.place = place;
                self.visit_expr_mut(&mut inner.expr);
            }
            Expr::Group(inner) => {
                self.place = place;
                self.visit_expr_mut(&mut inner.expr);
            }
            Expr::Assign(assign) if self.has_self => {
                self.refuse_destructuring(&assign.left);
                let operator = assign.eq_token.to_token_stream();
                match self.assignment(&mut assign.left, &operator, &mut assign.right) {
                    Some(replacement) => *expr = replacement,
                    None => {
                        self.visit_place(&mut assign.left);
                        self.visit_expr_mut(&mut assign.right);
                    }
                }
            }
            Expr::Binary(binary) if self.has_self && is_assignment(&binary.op) => {
                let operator = binary.op.to_token_stream();
                match self.assignment(&mut binary.left, &operator, &mut binary.right) {
                    Some(replacement) => *expr = replacement,
                    None => {
                        self.visit_place(&mut binary.left);
                        self.visit_expr_mut(&mut binary.right);
                    }
                }
            }
            Expr::Binary(binary) if is_comparison(&binary.op) => {
                self.visit_place(&mut binary.left);
                self.visit_place(&mut binary.right);
            }
            Expr::Reference(reference) => {
                chain::refuse_index_under_borrow(self, reference);
                self.visit_place(&mut reference.expr);
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => self.visit_place(&mut unary.expr),
            Expr::Let(binding) => {
                self.visit_pat_mut(&mut binding.pat);
                let mentions = Mentions::of_head(&binding.expr, &self.body);
                let assigns = shape::assigned_fields(|fields| {
                    self.body.iter().for_each(|body| fields.visit_block(body));
                });
                let changes = changes_in_place(&binding.pat);
                self.visit_head(&mut binding.expr, assigns, mentions, changes);
            }
            Expr::If(branch) => {
                self.visit_condition(&mut branch.cond, &branch.then_branch);
                self.visit_block_mut(&mut branch.then_branch);
                if let Some((_, otherwise)) = &mut branch.else_branch {
                    self.visit_expr_mut(otherwise);
                }
            }
            Expr::ForLoop(repeat) => {
                let outer = std::mem::replace(&mut self.mentions, Mentions::of_head(&repeat.expr, &repeat.body));
                self.looped = true;
                self.loan = if self.mentions.several() { lending::loan(&repeat.expr) } else { None };
                self.visit_expr_mut(&mut repeat.expr);
                (self.looped, self.loan) = (false, None);
                self.mentions = outer;
                self.visit_block_mut(&mut repeat.body);
            }
            Expr::While(repeat) => {
                self.visit_condition(&mut repeat.cond, &repeat.body);
                self.visit_block_mut(&mut repeat.body);
            }
            Expr::Match(matching) => {
                let assigns =
                    shape::assigned_fields(|fields| matching.arms.iter().for_each(|arm| fields.visit_arm(arm)));
                let arms = &matching.arms;
                let mentions = Mentions::of_head(&matching.expr, &quote!(#(#arms)*));
                let changes = arms.iter().any(|arm| changes_in_place(&arm.pat));
                self.visit_head(&mut matching.expr, assigns, mentions, changes);
                matching.arms.iter_mut().for_each(|arm| self.visit_arm_mut(arm));
            }
            Expr::Field(_) | Expr::Index(_) | Expr::MethodCall(_) | Expr::Try(_) | Expr::Call(_) | Expr::Await(_)
                if self.has_self && shape::root(expr).is_some() =>
            {
                chain::rewrite(self, expr, place);
            }
            Expr::Field(field) => self.visit_place(&mut field.base),
            Expr::Index(index) => {
                self.visit_place(&mut index.expr);
                self.visit_expr_mut(&mut index.index);
            }
            _ => {
                if let Expr::Call(call) = expr {
                    self.refuse_bare_generator(call);
                }
                visit_mut::visit_expr_mut(self, expr);
            }
        }
    }

    fn visit_item_const_mut(&mut self, item: &mut syn::ItemConst) {
        let outer = std::mem::replace(&mut self.constant, true);
        visit_mut::visit_item_const_mut(self, item);
        self.constant = outer;
    }

    fn visit_item_static_mut(&mut self, item: &mut syn::ItemStatic) {
        let outer = std::mem::replace(&mut self.constant, true);
        visit_mut::visit_item_static_mut(self, item);
        self.constant = outer;
    }

    // The definition of a macro, or the use of one between items.
    fn visit_item_macro_mut(&mut self, item: &mut syn::ItemMacro) {
        if item.ident.is_some() {
            self.refuse_defined(item);
        } else {
            self.known_macro(&mut item.mac);
        }
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        visit_mut::visit_type_mut(self, ty);
        if self.replaces_maps {
            self.map_type(ty);
        }
    }

    fn visit_local_mut(&mut self, local: &mut Local) {
        self.visit_pat_mut(&mut local.pat);
        let by_value = takes_value(&local.pat);
        if let Some(init) = &mut local.init {
            self.place = !by_value;
            self.visit_expr_mut(&mut init.expr);
            if let Some((_, diverge)) = &mut init.diverge {
                self.visit_expr_mut(diverge);
            }
        }
    }

    fn visit_arm_mut(&mut self, arm: &mut Arm) {
        self.visit_pat_mut(&mut arm.pat);
        let outer = std::mem::replace(&mut self.mentions, Mentions::of(&arm.body));
        self.visit_expr_mut(&mut arm.body);
        self.mentions = outer;
    }

    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        let outer = std::mem::replace(&mut self.mentions, Mentions::of(statement));
        match statement {
            Stmt::Macro(invocation) => match self.write_macro(&mut invocation.mac) {
                Some(written) => {
                    let attributes = std::mem::take(&mut invocation.attrs);
                    *statement = Stmt::Expr(Expr::Verbatim(quote!(#(#attributes)* #written)), invocation.semi_token);
                }
                None => self.known_macro(&mut invocation.mac),
            },
            Stmt::Expr(expr, _) => {
                let attributes = take_attributes(expr);
                self.visit_expr_mut(expr);
                if !attributes.is_empty() {
                    *expr = Expr::Verbatim(quote!(#(#attributes)* #expr));
                }
            }
            _ => visit_mut::visit_stmt_mut(self, statement),
        }
        self.mentions = outer;
    }

    fn visit_item_mut(&mut self, item: &mut Item) {
        let outer = (self.has_self, self.own_type);
        (self.has_self, self.own_type) = (false, false);
        visit_mut::visit_item_mut(self, item);
        (self.has_self, self.own_type) = outer;
    }
}
