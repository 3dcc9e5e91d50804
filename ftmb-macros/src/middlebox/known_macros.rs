//! Macro invocations in a rewritten body: the arguments of known ones are rewritten, the others must not touch state.
//!
//! Invariant: an access to a field of `self`, or a source of non-determinism, inside tokens that cannot be parsed is an
//! error, not a gap.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit_mut::VisitMut;
use syn::{Expr, Ident, Macro, Pat, Token};

use super::lending::Mentions;
use super::refused::ADDRESS;
use super::rewrite::Rewriter;
use super::shape::{self, Shape};

/// Macros whose arguments are expressions, some behind `name =`, `name:`, `%` or `?`; they borrow them.
const EXPRESSIONS: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "format",
    "format_args",
    "print",
    "println",
    "eprint",
    "eprintln",
    "panic",
    "unreachable",
    "todo",
    "unimplemented",
    "write",
    "writeln",
    "dbg",
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "event",
    "span",
    "trace_span",
    "debug_span",
    "info_span",
    "warn_span",
    "error_span",
];

/// Macros that are refused whatever they hold: the name, what it does, why that does not replay, and what to write.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("thread_local", THREAD_LOCAL.0, THREAD_LOCAL.1, THREAD_LOCAL.2),
    ("lazy_static", STATIC.0, STATIC.1, STATIC.2),
    ("include", INCLUDE.0, INCLUDE.1, INCLUDE.2),
    ("addr_of", ADDRESS_OF.0, ADDRESS_OF.1, ADDRESS),
    ("addr_of_mut", ADDRESS_OF.0, ADDRESS_OF.1, ADDRESS),
];
const THREAD_LOCAL: (&str, &str, &str) = (
    "keeps a value for each thread",
    "it is neither recorded nor restored",
    "make it a field of the `#[ftmb::shared]` struct with `#[ftmb(per_core)]`",
);
const STATIC: (&str, &str, &str) = (
    "keeps a value for the process",
    "it is neither recorded nor restored",
    "make it a field of the `#[ftmb::shared]` struct",
);
const INCLUDE: (&str, &str, &str) = (
    "takes its code from a file",
    "ftmb does not see what is in there, and replay could come to another result",
    "write the code here, or make it a function that only gets values",
);
const ADDRESS_OF: (&str, &str) = ("takes an address", "it is another one in the process that takes over");

/// Macros that cannot touch state whatever they hold.
const INERT: &[&str] = &[
    "stringify",
    "concat",
    "line",
    "column",
    "file",
    "module_path",
    "env",
    "option_env",
    "cfg",
    "include_str",
    "include_bytes",
    "compile_error",
];

/// One argument: what comes before the expression, and the expression.
struct Argument {
    prefix: TokenStream,
    expr: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut prefix = TokenStream::new();
        let ahead = input.fork();
        if ahead.call(Punctuated::<Ident, Token![.]>::parse_separated_nonempty).is_ok()
            && ((ahead.peek(Token![=]) && !ahead.peek(Token![==]))
                || (ahead.peek(Token![:]) && !ahead.peek(Token![::])))
        {
            let name = input.call(Punctuated::<Ident, Token![.]>::parse_separated_nonempty)?;
            let sign: TokenTree = input.parse()?;
            prefix = quote!(#name #sign);
        }
        if input.peek(Token![%]) || input.peek(Token![?]) {
            let sigil: TokenTree = input.parse()?;
            sigil.to_tokens(&mut prefix);
        }
        let expr = if input.is_empty() || input.peek(Token![,]) { None } else { Some(input.parse()?) };
        Ok(Self { prefix, expr })
    }
}

impl ToTokens for Argument {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.prefix.to_tokens(tokens);
        self.expr.to_tokens(tokens);
    }
}

/// The expressions among the arguments of a known macro; none if they do not parse.
pub(super) fn expressions(invocation: &Macro) -> Vec<Expr> {
    let Some(name) = invocation.path.segments.last().map(|last| last.ident.to_string()) else { return Vec::new() };
    if !matches!(name.as_str(), "vec" | "matches") && !EXPRESSIONS.contains(&name.as_str()) {
        return Vec::new();
    }
    let parser = |input: ParseStream<'_>| -> syn::Result<Vec<Expr>> {
        let mut found = Vec::new();
        while !input.is_empty() {
            found.extend(input.parse::<Argument>()?.expr);
            if name == "matches" {
                // Patterns follow.
                input.parse::<TokenStream>()?;
            } else if input.peek(Token![;]) {
                input.parse::<Token![;]>()?;
            } else {
                input.parse::<Option<Token![,]>>()?;
            }
        }
        Ok(found)
    };
    parser.parse2(invocation.tokens.clone()).unwrap_or_default()
}

impl Rewriter<'_> {
    pub(super) fn known_macro(&mut self, invocation: &mut Macro) {
        let name = invocation.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        let tokens = invocation.tokens.clone();
        let rewritten = match name.as_str() {
            "vec" => self.vector(tokens),
            "matches" => self.matches(tokens),
            name if EXPRESSIONS.contains(&name) => self.arguments(tokens),
            name if INERT.contains(&name) => return,
            _ => None,
        };
        if let Some((_, does, why, help)) = REFUSED.iter().find(|(refused, ..)| *refused == name) {
            self.errors.refuse(&invocation.path, format_args!("`{name}!` {does}"), why, help);
            return;
        }
        match rewritten {
            Some(tokens) => invocation.tokens = tokens,
            None => {
                let before = self.errors.count();
                self.refuse_pointers(&invocation.tokens);
                self.refuse_hidden(&name, &invocation.tokens);
                if self.errors.count() > before {
                    // So that the types are right, and the error above stays alone.
                    invocation.tokens = self.blindly(std::mem::take(&mut invocation.tokens));
                }
            }
        }
    }

    /// `write!` to a field of `self` with arguments that touch state as well: they are formatted first, so that the field is
    /// not held while they are.
    pub(super) fn write_macro(&mut self, invocation: &mut Macro) -> Option<Expr> {
        let last = invocation.path.segments.last()?;
        if !self.has_self || (last.ident != "write" && last.ident != "writeln") {
            return None;
        }
        let parser = |input: ParseStream<'_>| -> syn::Result<(Expr, TokenStream)> {
            let destination = input.parse()?;
            input.parse::<Token![,]>()?;
            Ok((destination, input.parse()?))
        };
        let (mut destination, rest) = parser.parse2(invocation.tokens.clone()).ok()?;
        let root = shape::root(&destination)?;
        if Shape::of(&destination).locks || !Mentions::of(&rest).any() {
            return None;
        }
        let span = Span::mixed_site().located_at(root.span);
        let rest = self.arguments(rest)?;
        self.visit_place(&mut destination);
        let path = &invocation.path;
        Some(Expr::Verbatim(quote_spanned!(span=> (match ::core::format_args!(#rest) {
            __ftmb_text => #path!(#destination, "{}", __ftmb_text)
        }))))
    }

    fn arguments(&mut self, tokens: TokenStream) -> Option<TokenStream> {
        self.refuse_pointers(&tokens);
        let mut arguments = Punctuated::<Argument, Token![,]>::parse_terminated.parse2(tokens).ok()?;
        for argument in &mut arguments {
            if let Some(expr) = &mut argument.expr {
                // A map is printed in its order.
                self.looped = shape::is_root(expr);
                self.visit_place(expr);
                self.looped = false;
            }
        }
        Some(arguments.into_token_stream())
    }

    /// Refuses `{:p}`: what it prints is an address.
    fn refuse_pointers(&self, tokens: &TokenStream) {
        for token in tokens.clone() {
            let text = token.to_string();
            let is_pointer = |part: &str| {
                part.split_once('}')
                    .and_then(|(inside, _)| inside.split_once(':'))
                    .is_some_and(|(_, form)| form.trim_end().ends_with('p'))
            };
            if matches!(token, TokenTree::Literal(_)) && text.replace("{{", "").split('{').skip(1).any(is_pointer) {
                self.errors.refuse(
                    token,
                    "`{:p}` in a middlebox",
                    "it prints an address, which is another one in the process that takes over",
                    "print an index or key",
                );
            }
        }
    }

    fn vector(&mut self, tokens: TokenStream) -> Option<TokenStream> {
        let repeat = |input: ParseStream<'_>| -> syn::Result<(Expr, Token![;], Expr)> {
            Ok((input.parse()?, input.parse()?, input.parse()?))
        };
        if let Ok((mut element, semicolon, mut count)) = repeat.parse2(tokens.clone()) {
            self.visit_expr_mut(&mut element);
            self.visit_expr_mut(&mut count);
            return Some(quote!(#element #semicolon #count));
        }
        let mut elements = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens).ok()?;
        elements.iter_mut().for_each(|element| self.visit_expr_mut(element));
        Some(elements.into_token_stream())
    }

    fn matches(&mut self, tokens: TokenStream) -> Option<TokenStream> {
        type Guard = Option<(Token![if], Expr)>;
        let parser = |input: ParseStream<'_>| -> syn::Result<(Expr, Pat, Guard)> {
            let scrutinee = input.parse()?;
            input.parse::<Token![,]>()?;
            let pattern = Pat::parse_multi_with_leading_vert(input)?;
            let guard = if input.peek(Token![if]) { Some((input.parse()?, input.parse()?)) } else { None };
            input.parse::<Option<Token![,]>>()?;
            Ok((scrutinee, pattern, guard))
        };
        let (mut scrutinee, pattern, mut guard) = parser.parse2(tokens).ok()?;
        self.visit_place(&mut scrutinee);
        let guard = guard.as_mut().map(|(token, condition)| {
            self.visit_expr_mut(condition);
            quote!(#token #condition)
        });
        Some(quote!(#scrutinee, #pattern #guard))
    }
}
