//! The inside of macros that ftmb cannot read: shared state and sources of non-determinism in there are refused.
//!
//! Invariant: an access that is refused still comes out with the right type, so that the error stays alone.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Ident, ItemMacro, ItemStatic};

use super::chain;
use super::rewrite::Rewriter;
use super::shape::Root;
use super::sources::{self, Source};
use crate::errors::Errors;

impl Rewriter<'_> {
    /// The tokens with each `self.field` replaced by an access, whatever the macro makes of it.
    pub(super) fn blindly(&mut self, tokens: TokenStream) -> TokenStream {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut replaced = TokenStream::new();
        let mut rest = tokens.as_slice();
        while let [token, after @ ..] = rest {
            rest = after;
            match token {
                TokenTree::Group(group) => {
                    let inner = self.blindly(group.stream());
                    let mut whole = Group::new(group.delimiter(), inner);
                    whole.set_span(group.span());
                    whole.to_tokens(&mut replaced);
                }
                TokenTree::Ident(ident) if ident == "self" && self.has_self => match field_after(after) {
                    Some(field) => {
                        let root = Root {
                            place: syn::parse_quote!(#ident.#field),
                            span: field.span(),
                            name: field.to_string(),
                            iterated: false,
                        };
                        chain::inline(self, &root).to_tokens(&mut replaced);
                        rest = &after[2..];
                    }
                    None => token.to_tokens(&mut replaced),
                },
                _ => token.to_tokens(&mut replaced),
            }
        }
        replaced
    }

    /// Refuses tokens that touch shared state or a source of non-determinism where they cannot be rewritten.
    pub(super) fn refuse_hidden(&self, name: &str, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.refuse_hidden(name, &group.stream()),
                TokenTree::Ident(ident) if ident == "self" && self.has_self => {
                    if let Some(field) = field_after(&tokens[index + 1..]) {
                        self.errors.refuse(
                            quote!(#ident . #field),
                            format_args!("an access to shared state inside `{name}!`"),
                            "ftmb does not know what the macro does with its arguments and cannot record the access",
                            "bind the value with `let` before the macro",
                        );
                    }
                }
                TokenTree::Ident(first) if !starts_before(&tokens[..index]) => {
                    let (segments, path) = path_at(first, &tokens[index + 1..]);
                    if let Some(source) = sources::recognise(&segments)
                        && (self.replaces_maps || !matches!(source, Source::Map))
                    {
                        let help = match source {
                            // Nothing is read.
                            Source::Epoch => continue,
                            Source::Refused(_, help) => help,
                            _ => "bind the value with `let` before the macro",
                        };
                        self.errors.refuse(
                            path,
                            format_args!("`{}` inside `{name}!`", segments.join("::")),
                            "ftmb cannot replace it there, and replay would come to another result",
                            help,
                        );
                    }
                }
                _ => {}
            }
        }
    }
}

impl Rewriter<'_> {
    /// Refuses sources of non-determinism in the definition of a macro: it may be used where they cannot be replaced. In an
    /// instrumented module imported names are replaced, so that only paths from a crate on tell.
    pub(super) fn refuse_defined(&self, item: &ItemMacro) {
        let Some(name) = &item.ident else { return };
        visit_sources(&item.mac.tokens, &mut |segments, path, source| {
            let replaced = matches!(source, Source::Clock | Source::Map);
            if replaced && !self.guesses && segments[0] != "std" && segments[0] != "core" {
                return;
            }
            let help = match source {
                Source::Refused(_, help) => help,
                _ => "hand the value to the macro as an argument, or make it a function",
            };
            self.errors.refuse(
                path,
                format_args!("`{}` in the definition of `{name}!`", segments.join("::")),
                "ftmb cannot replace it where the macro is used, and replay would come to another result",
                help,
            );
        });
    }
}

/// Refuses sources of non-determinism in the initialiser of a `static` that is not shared.
pub(super) fn refuse_initialiser(item: &ItemStatic, errors: &Errors) {
    visit_sources(&item.expr.to_token_stream(), &mut |segments, path, source| {
        if !matches!(source, Source::Map) {
            errors.refuse(
                path,
                format_args!("`{}` in the initialiser of `static {}`", segments.join("::"), item.ident),
                "each process evaluates it anew, and the one that takes over would come to another value",
                "make it a field of the shared struct, which the constructor sets",
            );
        }
    });
}

/// Hands each source of non-determinism among the tokens to `found`: its segments, its tokens, and what it is.
fn visit_sources(tokens: &TokenStream, found: &mut impl FnMut(&[String], TokenStream, Source)) {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => visit_sources(&group.stream(), found),
            TokenTree::Ident(first) if !starts_before(&tokens[..index]) => {
                let (segments, path) = path_at(first, &tokens[index + 1..]);
                if let Some(source) = sources::recognise(&segments)
                    && !matches!(source, Source::Epoch)
                {
                    found(&segments, path, source);
                }
            }
            _ => {}
        }
    }
}

fn is_punct(token: Option<&TokenTree>, expected: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected)
}

/// The field in `.field`, unless it is a method that is called.
fn field_after(tokens: &[TokenTree]) -> Option<&TokenTree> {
    if !is_punct(tokens.first(), '.') || is_punct(tokens.get(1), '.') {
        return None;
    }
    let called = match tokens.get(2) {
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
        next => is_punct(next, ':') && is_punct(tokens.get(3), ':'),
    };
    if called { None } else { tokens.get(1) }
}

/// Whether the tokens before a name make it the continuation of a path or a member.
fn starts_before(tokens: &[TokenTree]) -> bool {
    is_punct(tokens.last(), '.') || (is_punct(tokens.last(), ':') && tokens.len() > 2)
}

/// The path that begins with `first`: its segments and its tokens.
fn path_at(first: &Ident, mut rest: &[TokenTree]) -> (Vec<String>, TokenStream) {
    let mut segments = vec![first.to_string()];
    let mut path = first.to_token_stream();
    while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(next), ..] = rest
        && one.as_char() == ':'
        && two.as_char() == ':'
    {
        segments.push(next.to_string());
        path.extend(quote!(#one #two #next));
        rest = &rest[3..];
    }
    (segments, path)
}
