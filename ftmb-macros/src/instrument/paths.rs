//! Replaces paths that are written out, and names that hide a source of non-determinism, in the code of a module.
//!
//! Invariant: a replaced path keeps the span of what it replaces, and its generic arguments.

use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, ExprPath, Ident, Item, ItemMod, Path, PathArguments, PathSegment, Stmt};

use super::imports::{Scope, room};
use super::is_excluded;
use crate::options::Options;

pub(super) struct Paths<'a> {
    pub(super) scope: Scope,
    pub(super) options: &'a Options,
}

fn names(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

impl Paths<'_> {
    /// Visits the items of a module and replaces its imports.
    pub(super) fn module(&mut self, items: &mut Vec<Item>) {
        let outer = self.scope.clone();
        self.scope = outer.inner(items.iter());
        for item in std::mem::take(items) {
            if is_excluded(&item) {
                items.push(item);
                continue;
            }
            match item {
                Item::Use(item) => items.extend(self.scope.replace(item, self.options)),
                mut item => {
                    self.visit_item_mut(&mut item);
                    items.push(item);
                }
            }
        }
        self.scope = outer;
    }
}

impl VisitMut for Paths<'_> {
    fn visit_item_mod_mut(&mut self, module: &mut ItemMod) {
        if let Some((_, items)) = &mut module.content {
            self.module(items);
        }
    }

    fn visit_block_mut(&mut self, block: &mut Block) {
        let items = || {
            block.stmts.iter().filter_map(|statement| if let Stmt::Item(item) = statement { Some(item) } else { None })
        };
        let outer = self.scope.clone();
        if items().next().is_some() {
            self.scope = outer.inner(items());
        }
        for mut statement in std::mem::take(&mut block.stmts) {
            match statement {
                Stmt::Item(Item::Use(item)) => {
                    block.stmts.extend(self.scope.replace(item, self.options).into_iter().map(Stmt::Item));
                }
                _ => {
                    self.visit_stmt_mut(&mut statement);
                    block.stmts.push(statement);
                }
            }
        }
        self.scope = outer;
    }

    fn visit_expr_path_mut(&mut self, expr: &mut ExprPath) {
        if expr.qself.is_none()
            && expr.path.leading_colon.is_none()
            && let Some(full) = self.scope.hidden_source(&names(&expr.path))
        {
            let span = expr.path.span();
            let arguments = expr.path.segments.last().map_or(PathArguments::None, |last| last.arguments.clone());
            let segments = full.iter().map(|name| Ident::new(name, span));
            expr.path = syn::parse_quote_spanned!(span=> #(#segments)::*);
            if let Some(last) = expr.path.segments.last_mut() {
                last.arguments = arguments;
            }
        }
        visit_mut::visit_expr_path_mut(self, expr);
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        visit_mut::visit_path_mut(self, path);
        let Some((found, full)) = self.scope.counterpart(&names(path), path.leading_colon.is_some()) else { return };
        let span = path.segments[0].ident.span();
        let start = room(found, span, self.options);
        // A renamed or nested import stands for several segments, none of which has arguments.
        let written = path.segments.iter().rev().map(|segment| (segment.ident.span(), segment.arguments.clone()));
        let written = written.chain(std::iter::repeat((span, PathArguments::None)));
        let mut rest: Vec<PathSegment> = full
            .iter()
            .rev()
            .zip(written)
            .map(|(name, (span, arguments))| PathSegment { ident: Ident::new(name, span), arguments })
            .collect();
        rest.reverse();
        *path = syn::parse_quote_spanned!(span=> #start #(::#rest)*);
    }

    // Attributes have paths of their own.
    fn visit_attribute_mut(&mut self, _: &mut syn::Attribute) {}
}
