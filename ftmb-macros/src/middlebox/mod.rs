//! `#[ftmb::middlebox]`: parse, validate, rewrite.
//!
//! Invariant: every access `self.field` in the block goes through a probe, is refused, or is a type error; the rewritten
//! block comes out whatever is wrong, so that no second wave of errors hides the first.

mod allow;
mod chain;
mod deadlocks;
mod forms;
mod hidden;
mod known_macros;
mod lending;
mod maps;
mod operands;
mod refused;
mod rewrite;
mod shape;
mod sources;
mod validate;
mod visit;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::VisitMut;
use syn::{GenericParam, ImplItem, ItemImpl, Type, TypeParamBound};

use self::rewrite::{Rewriter, SelfType};
use crate::drop_in::DropIn;
use crate::errors::{Errors, head, with_original};
use crate::options::Options;

pub(crate) fn middlebox(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let errors = Errors::new();
    let options = Options::parse(arguments, "middlebox", &errors);
    let mut drop_in = DropIn::new(&options, &errors);
    let replaced = drop_in.replace(item.clone());
    let imports = drop_in.keep_imports(&[]);
    let mut block = match parse(replaced) {
        Ok(block) => block,
        Err(error) => {
            let mut tokens = errors.into_tokens();
            tokens.extend(with_original(&error, item));
            return tokens;
        }
    };
    validate::validate(&block, &errors);
    deadlocks::refuse(&block, &errors);
    allow::strip(&mut block, &errors);
    expand(&mut block, &options, &errors);
    let assertion = if errors.any() { TokenStream::new() } else { shared_assertion(&block, &options) };
    let mut tokens = errors.into_tokens();
    tokens.extend(imports);
    block.to_tokens(&mut tokens);
    tokens.extend(assertion);
    tokens
}

/// Code of an instrumented module that belongs to no shared struct: sources of non-determinism are replaced or refused.
pub(crate) fn code(item: &mut syn::Item, options: &Options, errors: &Errors) {
    validate::code(item, errors);
    allow::strip_item(item, errors);
    let no_type = SelfType::of(&syn::parse_quote!(()));
    let mut rewriter = Rewriter::new(options, &no_type, errors, false, false);
    rewriter.guesses = false;
    rewriter.replaces_maps = true;
    rewriter.visit_item_mut(item);
}

/// The initialiser of a shared static: evaluated for each instance, like a constructor.
pub(crate) fn initialiser(value: &mut syn::Expr, options: &Options, errors: &Errors) {
    validate::value(value, errors);
    let no_type = SelfType::of(&syn::parse_quote!(()));
    let mut rewriter = Rewriter::new(options, &no_type, errors, false, false);
    rewriter.constructs = true;
    rewriter.visit_expr_mut(value);
}

/// A static of an instrumented module that is not shared: what it is initialised with has to be the same in every process.
pub(crate) fn constant_static(item: &syn::ItemStatic, errors: &Errors) {
    hidden::refuse_initialiser(item, errors);
}

/// Whether a path names a source of non-determinism.
pub(crate) fn is_source(segments: &[String]) -> bool {
    sources::recognise(segments).is_some()
}

fn parse(item: TokenStream) -> syn::Result<ItemImpl> {
    match syn::parse2::<syn::Item>(item)? {
        syn::Item::Impl(block) => Ok(block),
        other => Err(syn::Error::new_spanned(
            head(&other),
            "`#[ftmb::middlebox]` does not apply here: it rewrites the methods of an `impl` block\n\
             help: put it on `impl Middlebox for ...` and on each `impl` block that touches the fields; the struct takes \
             `#[ftmb::shared]`",
        )),
    }
}

fn expand(block: &mut ItemImpl, options: &Options, errors: &Errors) {
    bound_parameters(block, options);
    let self_type = SelfType::of(&block.self_ty);
    let in_trait = block.trait_.is_some();
    for item in &mut block.items {
        match item {
            ImplItem::Fn(function) => {
                let reports = in_trait && function.sig.ident == "report";
                let has_self = function.sig.receiver().is_some();
                let mut rewriter = Rewriter::new(options, &self_type, errors, has_self, reports);
                let constructs = maps::constructs(&function.sig, &self_type);
                rewriter.replaces_maps = !constructs;
                rewriter.constructs = constructs && !has_self;
                if !in_trait {
                    rewriter.visit_signature_mut(&mut function.sig);
                }
                rewriter.visit_block_mut(&mut function.block);
                if rewriter.probed {
                    let private = options.private(function.sig.ident.span());
                    let import = quote_spanned! {Span::mixed_site()=>
                        #[allow(unused_imports)]
                        use #private::{Iterated as _, Received as _, ViaGuard as _, ViaReference as _};
                    };
                    function.block.stmts.insert(0, syn::Stmt::Item(syn::Item::Verbatim(import)));
                }
            }
            ImplItem::Const(constant) => {
                let mut rewriter = Rewriter::new(options, &self_type, errors, false, false);
                rewriter.constant = true;
                rewriter.visit_expr_mut(&mut constant.expr);
            }
            _ => {}
        }
    }
}

/// Gives each type parameter that is `State` the bound that a shared struct needs of it.
fn bound_parameters(block: &mut ItemImpl, options: &Options) {
    let is_state = |bound: &TypeParamBound| {
        matches!(bound, TypeParamBound::Trait(bound)
            if bound.path.segments.last().is_some_and(|last| last.ident == "State"))
    };
    let mut bounded = Vec::new();
    for parameter in block.generics.type_params() {
        if parameter.bounds.iter().any(is_state) {
            bounded.push(parameter.ident.clone());
        }
    }
    for predicate in block.generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let syn::WherePredicate::Type(predicate) = predicate
            && predicate.bounds.iter().any(is_state)
            && let Type::Path(path) = &predicate.bounded_ty
            && let Some(ident) = path.path.get_ident()
            && block.generics.type_params().any(|parameter| parameter.ident == *ident)
        {
            bounded.push(ident.clone());
        }
    }
    if bounded.is_empty() {
        return;
    }
    let clause = block.generics.make_where_clause();
    for name in bounded {
        let private = options.private(name.span());
        clause.predicates.push(syn::parse_quote_spanned!(name.span()=> #name: #private::Plain));
    }
}

/// Names a forgotten `#[ftmb::shared]`; only where no parameter is in the way.
fn shared_assertion(block: &ItemImpl, options: &Options) -> TokenStream {
    let generic = block.generics.params.iter().any(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    if generic {
        return TokenStream::new();
    }
    let ty = &block.self_ty;
    let span = Span::mixed_site().located_at(ty.span());
    let private = options.private(ty.span());
    quote_spanned! {span=>
        const _: () = {
            const fn is_shared<T: #private::Annotated>() {}
            is_shared::<#ty>()
        };
    }
}
