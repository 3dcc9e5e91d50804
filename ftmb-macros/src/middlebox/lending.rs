//! Chains whose result borrows from a plain field: `for name in self.names.iter()`, `match self.last.as_deref()`.
//!
//! Invariant: such a chain keeps its guard to the end of the statement or body only where nothing else in there touches the
//! same field, and a body no shared state at all; otherwise the guard ends with the chain, and the borrow checker says no.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Expr;

use super::shape;

/// Methods of std's types whose result borrows from what they are called on.
const LENDING: &[&str] = &[
    "iter",
    "iter_mut",
    "keys",
    "values",
    "values_mut",
    "range",
    "drain",
    "windows",
    "chunks",
    "chunks_exact",
    "first",
    "last",
    "first_mut",
    "last_mut",
    "get",
    "get_mut",
    "front",
    "back",
    "front_mut",
    "back_mut",
    "first_key_value",
    "last_key_value",
    "get_key_value",
    "entry",
    "as_ref",
    "as_mut",
    "as_deref",
    "as_deref_mut",
    "as_str",
    "as_bytes",
    "as_slice",
    "as_mut_slice",
    "as_mut_str",
    "trim",
    "trim_start",
    "trim_end",
    "strip_prefix",
    "strip_suffix",
    "chars",
    "char_indices",
    "bytes",
    "lines",
    "split",
    "split_at",
    "split_at_mut",
    "split_once",
    "split_whitespace",
    "split_first",
    "split_last",
    "union",
    "intersection",
    "difference",
    "peek",
];

/// Methods whose result borrows if what they are called on does.
const PASSING: &[&str] = &[
    "unwrap",
    "expect",
    "unwrap_or",
    "unwrap_or_default",
    "unwrap_or_else",
    "ok_or",
    "ok",
    "and_then",
    "or",
    "map",
    "filter",
    "filter_map",
    "flat_map",
    "flatten",
    "enumerate",
    "rev",
    "skip",
    "skip_while",
    "take",
    "take_while",
    "step_by",
    "zip",
    "chain",
    "peekable",
    "inspect",
    "by_ref",
    "next",
    "next_back",
    "nth",
    "min",
    "max",
    "min_by_key",
    "max_by_key",
    "find",
    "or_insert",
    "or_insert_with",
    "or_default",
    "into_iter",
];

/// Methods that give an iterator; `copied` and `cloned` of those still borrow, of an `Option` they do not.
const ITERATORS: &[&str] = &[
    "iter",
    "keys",
    "values",
    "range",
    "windows",
    "chunks",
    "chars",
    "bytes",
    "lines",
    "split",
    "union",
    "intersection",
    "difference",
    "filter",
    "enumerate",
    "rev",
    "skip",
    "skip_while",
    "take",
    "take_while",
    "step_by",
    "zip",
    "chain",
    "peekable",
    "inspect",
];

/// Whether the result of a chain borrows from the field at its root, as far as the names of its methods tell.
pub(super) fn lends(chain: &Expr) -> bool {
    let mut link = chain;
    let mut copied = false;
    loop {
        link = match link {
            Expr::Paren(inner) => &inner.expr,
            Expr::Group(inner) => &inner.expr,
            Expr::Reference(inner) => &inner.expr,
            Expr::Try(inner) => &inner.expr,
            Expr::Field(inner) => &inner.base,
            Expr::Index(inner) => &inner.expr,
            Expr::MethodCall(call) => {
                let name = call.method.to_string();
                let name = name.as_str();
                if matches!(name, "copied" | "cloned") {
                    copied = true;
                } else if copied && !ITERATORS.contains(&name) {
                    return false;
                } else if LENDING.contains(&name) {
                    return true;
                } else if !PASSING.contains(&name) {
                    return false;
                }
                &call.receiver
            }
            _ => return false,
        };
    }
}

/// Methods whose result borrows on any type that has them, to be read.
const READING: &[&str] =
    &["iter", "keys", "values", "as_ref", "as_deref", "as_str", "as_bytes", "as_slice", "bytes", "chars", "lines"];

/// Likewise, to be changed.
const CHANGING: &[&str] = &[
    "iter_mut",
    "values_mut",
    "drain",
    "get_mut",
    "first_mut",
    "last_mut",
    "front_mut",
    "back_mut",
    "as_mut",
    "as_deref_mut",
];

/// How a field is lent to a body that touches shared state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Loan {
    /// The field itself, to be read: a copy of it will do if there can be one.
    Seen,
    /// What a chain borrows from it, to be read: a copy of the field has to do.
    Copied,
    /// To be changed: there is no way.
    Changed,
}

/// How a head lends the field at the root of its chain, if it does beyond doubt.
pub(super) fn loan(head: &Expr) -> Option<Loan> {
    match head {
        Expr::Paren(inner) => loan(&inner.expr),
        Expr::Group(inner) => loan(&inner.expr),
        Expr::Reference(inner) if shape::is_root(&inner.expr) && inner.mutability.is_some() => Some(Loan::Changed),
        Expr::Reference(inner) => loan(&inner.expr).filter(|_| inner.mutability.is_none()),
        Expr::Field(_) if shape::is_root(head) => Some(Loan::Seen),
        Expr::MethodCall(_) => {
            let first = first_call(head)?;
            if READING.contains(&first.as_str()) && lends(head) {
                (!takes_one_copied(head)).then_some(Loan::Copied)
            } else {
                let last = |call: &Expr| matches!(call, Expr::MethodCall(call) if CHANGING.contains(&call.method.to_string().as_str()));
                let mut link = head;
                while let Expr::MethodCall(call) = link
                    && (call.method == "enumerate" || call.method == "rev")
                {
                    link = &call.receiver;
                }
                last(link).then_some(Loan::Changed)
            }
        }
        _ => None,
    }
}

/// Whether the chain takes one item out of an iterator that copies its items: what it gives then borrows nothing.
fn takes_one_copied(mut chain: &Expr) -> bool {
    const TAKING: &[&str] = &["next", "next_back", "nth", "min", "max", "min_by_key", "max_by_key", "find"];
    let mut takes = false;
    while let Expr::MethodCall(call) = chain {
        if takes && (call.method == "copied" || call.method == "cloned") {
            return true;
        }
        takes |= TAKING.contains(&call.method.to_string().as_str());
        chain = &call.receiver;
    }
    false
}

/// The method that is called on the field itself, in a chain of nothing but calls.
fn first_call(mut chain: &Expr) -> Option<String> {
    while let Expr::MethodCall(call) = chain {
        if shape::is_root(&call.receiver) {
            return Some(call.method.to_string());
        }
        chain = &call.receiver;
    }
    None
}

/// Whether the result of the last call of a chain may borrow from what it is called on.
pub(super) fn may_borrow(chain: &Expr) -> bool {
    let Expr::MethodCall(call) = chain else { return true };
    let name = call.method.to_string();
    LENDING.contains(&name.as_str()) || PASSING.contains(&name.as_str()) || lends(chain)
}

/// What of `self` some code mentions.
#[derive(Default)]
pub(super) struct Mentions {
    fields: BTreeMap<String, usize>,
    /// `self` is handed on, or one of its methods is called: any field may be touched.
    whole: bool,
}

impl Mentions {
    pub(super) fn of(code: &impl ToTokens) -> Self {
        let mut mentions = Self::default();
        mentions.add(code.to_token_stream());
        mentions
    }

    /// Of a head that lives as long as this body.
    pub(super) fn of_head(head: &impl ToTokens, body: &impl ToTokens) -> Self {
        let mut mentions = Self::of(head);
        let body = Self::of(body);
        mentions.whole |= body.any();
        mentions
    }

    fn add(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.add(group.stream()),
                TokenTree::Ident(ident) if ident == "self" => match field(&tokens[index + 1..]) {
                    Some(name) => *self.fields.entry(name).or_default() += 1,
                    None => self.whole = true,
                },
                _ => {}
            }
        }
    }

    /// Whether this field may be among them.
    pub(super) fn touch(&self, field: &str) -> bool {
        self.whole || self.fields.contains_key(field)
    }

    /// Whether there are any.
    pub(super) fn any(&self) -> bool {
        self.whole || !self.fields.is_empty()
    }

    /// Whether there is more than one.
    pub(super) fn several(&self) -> bool {
        self.whole || self.fields.values().sum::<usize>() > 1
    }

    /// Whether a chain that begins at this field may keep its guard.
    pub(super) fn allow(&self, chain: &Expr, field: &str) -> bool {
        let own: usize = Self::of(chain).fields.values().sum();
        !self.whole && own == 1 && self.fields.get(field) == Some(&1) && shape::root(chain).is_some()
    }
}

/// The field in `.field`, unless it is a method.
fn field(tokens: &[TokenTree]) -> Option<String> {
    let [TokenTree::Punct(dot), name, rest @ ..] = tokens else { return None };
    let called = matches!(rest, [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::Parenthesis)
        || matches!(rest, [TokenTree::Punct(one), TokenTree::Punct(two), ..] if one.as_char() == ':' && two.as_char() == ':');
    (dot.as_char() == '.' && !called).then(|| name.to_string())
}
