//! Hash maps that live in a method: std's iterate in random order, so ftmb's take their place wherever they are named.
//!
//! Invariant: which map a name stands for is decided by its type, through the trait `Replayed`; constructors of the shared
//! struct keep std's, whose entries are put in order when they become state.

use proc_macro2::Span;
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, ExprPath, Path, PathArguments, ReturnType, Signature, Type};

use super::rewrite::{Rewriter, SelfType};

/// How many parameters a map has besides its hasher.
fn parameters(path: &Path) -> Option<usize> {
    match path.segments.last()?.ident.to_string().as_str() {
        "HashMap" => Some(2),
        "HashSet" => Some(1),
        _ => None,
    }
}

/// Whether the function makes the shared struct: it returns one, in whatever wrapping.
pub(super) fn constructs(signature: &Signature, self_type: &SelfType) -> bool {
    struct Names<'a>(&'a SelfType, bool);
    impl<'ast> Visit<'ast> for Names<'_> {
        fn visit_path(&mut self, path: &'ast Path) {
            self.1 |= self.0.is_named_by(path);
            visit::visit_path(self, path);
        }
    }
    let mut names = Names(self_type, false);
    if let ReturnType::Type(_, ty) = &signature.output {
        names.visit_type(ty);
    }
    names.1
}

impl Rewriter<'_> {
    /// `HashMap::new` as the function of the same name of the map that takes its place.
    pub(super) fn map_function(&self, expr: &ExprPath) -> Expr {
        let span = Span::mixed_site().located_at(expr.span());
        let private = self.options.private(expr.span());
        let mut map = expr.path.clone();
        let Some(function) = map.segments.pop() else {
            return Expr::Path(expr.clone());
        };
        map.segments.pop_punct();
        let count = parameters(&map).unwrap_or_default();
        if let Some(last) = map.segments.last_mut()
            && last.arguments.is_none()
        {
            let blanks = std::iter::repeat_n(quote_spanned!(span=> _), count);
            last.arguments = PathArguments::AngleBracketed(syn::parse_quote_spanned!(span=> <#(#blanks),*>));
        }
        match function.ident.to_string().as_str() {
            "new" | "with_capacity" | "default" => {
                syn::parse_quote_spanned!(span=> <#map as #private::Replayed>::#function)
            }
            _ => syn::parse_quote_spanned!(span=> <<#map as #private::Replayed>::Type>::#function),
        }
    }

    /// A type that names a map, as the map that takes its place.
    pub(super) fn map_type(&self, ty: &mut Type) {
        let Type::Path(path) = &*ty else { return };
        let given = path.path.segments.last().map(|last| &last.arguments);
        let Some(PathArguments::AngleBracketed(given)) = given else { return };
        if path.qself.is_some() || parameters(&path.path) != Some(given.args.len()) {
            return;
        }
        let span = Span::mixed_site().located_at(path.span());
        let private = self.options.private(path.span());
        *ty = syn::parse_quote_spanned!(span=> <#path as #private::Replayed>::Type);
    }
}
