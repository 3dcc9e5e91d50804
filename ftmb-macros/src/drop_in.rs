//! Names of `parking_lot`, `dashmap` and `hashbrown` in the tokens of an item: replaced by ftmb's types of the same shape.
//!
//! Invariant: std's types are told by the compiler, through the traits of `ftmb_runtime::annotate`; those of other crates
//! would have to be linked for that, so they are told by their names: by the crate's, by `DashMap` and `DashSet`, and, with
//! `locks = "parking_lot"`, by the locks' own. A name that ftmb has nothing for is refused, never passed over.
//!
//! ```text
//! dashmap::DashMap<K, V>      ::ftmb::__private::dashmap::DashMap<K, V>
//! DashMap::new()              ::ftmb::__private::dashmap::DashMap::new()
//! Mutex<T>                    ::ftmb::__private::parking_lot::Mutex<T>     with `locks = "parking_lot"` only
//! std::sync::Mutex<T>         as it is
//! ```

use proc_macro2::{Group, Ident, Punct, Spacing, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};

use crate::errors::Errors;
use crate::options::Options;

/// Crates whose paths are replaced, and what there is of each.
const CRATES: &[(&str, &[&str])] = &[
    ("parking_lot", LOCKS),
    (
        "dashmap",
        &[
            "DashMap",
            "DashSet",
            "Entry",
            "OccupiedEntry",
            "VacantEntry",
            "mapref",
            "setref",
            "try_result",
            "iter",
            "iter_set",
        ],
    ),
    ("hashbrown", &["HashMap", "HashSet", "hash_map"]),
];

/// What there is of `parking_lot`.
const LOCKS: &[&str] = &[
    "Mutex",
    "MutexGuard",
    "MappedMutexGuard",
    "RwLock",
    "RwLockReadGuard",
    "RwLockWriteGuard",
    "MappedRwLockReadGuard",
    "MappedRwLockWriteGuard",
    "const_mutex",
    "const_rwlock",
];

/// What people may miss, why it is missing, and what to write.
const MISSING: &[(&str, &str, &str)] = &[
    (
        "Condvar",
        "which core goes on first is not recorded, and replay could choose another one",
        "return, and let the next packet or `tick` look at the state again",
    ),
    (
        "RwLockUpgradableReadGuard",
        "a section is shared or exclusive from its beginning",
        "enter with `write()`, and `RwLockWriteGuard::downgrade` the guard once nothing changes any more",
    ),
    (
        "ReentrantMutex",
        "a section is entered once",
        "use a `Mutex`, and hand its guard's content to the functions inside",
    ),
    ("FairMutex", "the order of cores is recorded as it comes", "use a `Mutex`"),
    ("Once", "which core comes first is not recorded", "compute the value in the constructor"),
    ("ReadOnlyView", "it is read without sections", "use the map itself, or a `#[ftmb(config)]` field"),
    ("HashTable", "it has no keys by which entries could be saved", "use a `HashMap`"),
];

/// Replaces the names in the tokens of one item.
pub(crate) struct DropIn<'a> {
    options: &'a Options,
    errors: &'a Errors,
    /// The bare names that were replaced: their imports have to stay in use.
    bare: Vec<Ident>,
    /// Whether the tokens import something themselves.
    imports: bool,
    /// How many names were replaced.
    replacements: usize,
}

impl<'a> DropIn<'a> {
    pub(crate) fn new(options: &'a Options, errors: &'a Errors) -> Self {
        Self { options, errors, bare: Vec::new(), imports: false, replacements: 0 }
    }

    /// The type with its names replaced.
    pub(crate) fn replace_type(&mut self, ty: &mut syn::Type) {
        if let Ok(replaced) = syn::parse2(self.replace(ty.to_token_stream())) {
            *ty = replaced;
        }
    }

    /// The tokens with their names replaced.
    pub(crate) fn replace(&mut self, tokens: TokenStream) -> TokenStream {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut replaced = TokenStream::new();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let (before, after) = (&tokens[..at], &tokens[at + 1..]);
            at += 1;
            match token {
                TokenTree::Group(group) => self.group(group, &mut replaced),
                // Not the `use<..>` of a return type.
                TokenTree::Ident(ident) if ident == "use" && !after.first().is_some_and(|next| is_punct(next, '<')) => {
                    let end = after.iter().position(|token| is_punct(token, ';')).unwrap_or(after.len());
                    token.to_tokens(&mut replaced);
                    self.import(&after[..end], &mut replaced);
                    at += end;
                }
                TokenTree::Ident(ident) if begins_path(before) => self.path(ident, after, &mut replaced),
                // `::dashmap::DashMap`
                TokenTree::Punct(colon) if is_path_separator(colon, after) && !ends_segment(before) => {
                    if let Some(TokenTree::Ident(first)) = after.get(1)
                        && is_crate(first)
                    {
                        self.path(first, &after[2..], &mut replaced);
                        at += 2;
                    } else {
                        token.to_tokens(&mut replaced);
                    }
                }
                _ => token.to_tokens(&mut replaced),
            }
        }
        replaced
    }

    /// A group; one in which nothing is replaced stays as it is, with the places of both its delimiters.
    fn group(&mut self, group: &Group, replaced: &mut TokenStream) {
        let before = self.replacements;
        let inner = self.replace(group.stream());
        if self.replacements == before {
            return group.to_tokens(replaced);
        }
        let mut whole = Group::new(group.delimiter(), inner);
        whole.set_span(group.span());
        whole.to_tokens(replaced);
    }

    /// A path that begins with `first`.
    fn path(&mut self, first: &Ident, after: &[TokenTree], replaced: &mut TokenStream) {
        let name = first.to_string();
        if let Some((_, known)) = CRATES.iter().find(|(krate, _)| name == *krate)
            && let [TokenTree::Punct(colon), rest @ ..] = after
            && is_path_separator(colon, rest)
            && let Some(TokenTree::Ident(next)) = rest.get(1)
        {
            if known.contains(&next.to_string().as_str()) {
                self.private(first).to_tokens(replaced);
            } else {
                self.refuse(first, next);
            }
        } else if name == "DashMap" || name == "DashSet" {
            let private = self.private(first);
            replaced.extend(quote_spanned!(first.span()=> #private dashmap::));
            self.bare.push(first.clone());
        } else if self.options.parking_lot && LOCKS.contains(&name.as_str()) {
            let private = self.private(first);
            replaced.extend(quote_spanned!(first.span()=> #private parking_lot::));
            self.bare.push(first.clone());
        }
        first.to_tokens(replaced);
    }

    /// An import within a body: only the crate's name at its beginning is replaced.
    fn import(&mut self, tokens: &[TokenTree], replaced: &mut TokenStream) {
        self.imports = true;
        let colons = tokens.iter().take_while(|token| is_punct(token, ':')).count();
        match tokens.get(colons) {
            Some(TokenTree::Ident(first)) if is_crate(first) => {
                self.private(first).to_tokens(replaced);
                replaced.extend(tokens[colons..].iter().cloned());
            }
            _ => replaced.extend(tokens.iter().cloned()),
        }
    }

    /// `::ftmb::__private::` in front of `ident`.
    fn private(&mut self, ident: &Ident) -> TokenStream {
        self.replacements += 1;
        let private = self.options.private(ident.span());
        quote_spanned!(ident.span()=> #private::)
    }

    fn refuse(&self, krate: &Ident, name: &Ident) {
        let text = name.to_string();
        let (_, why, help) = MISSING.iter().find(|(missing, ..)| text == *missing).copied().unwrap_or((
            "",
            "what it does is not recorded",
            "use what `ftmb::parking_lot`, `ftmb::dashmap` and `ftmb::hashbrown` offer",
        ));
        self.errors.refuse(
            quote!(#krate::#name),
            format_args!("`{krate}::{name}` has no counterpart that can be replayed"),
            why,
            help,
        );
    }

    /// Imports that keep the user's own imports of what was replaced in use: they stay correct without the attribute.
    /// `cfgs`: the conditions of what was replaced.
    pub(crate) fn keep_imports(self, cfgs: &[syn::Attribute]) -> TokenStream {
        let mut names = self.bare;
        names.sort();
        names.dedup();
        if self.imports {
            // The names may come from there.
            return TokenStream::new();
        }
        names
            .iter()
            .map(|name| quote_spanned!(name.span()=> #(#cfgs)* #[allow(unused_imports)] use #name as _;))
            .collect()
    }
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

fn is_crate(name: &Ident) -> bool {
    CRATES.iter().any(|(krate, _)| name == krate)
}

/// Whether this is the first half of `::`, `after` it the second.
fn is_path_separator(colon: &Punct, after: &[TokenTree]) -> bool {
    colon.as_char() == ':' && colon.spacing() == Spacing::Joint && after.first().is_some_and(|next| is_punct(next, ':'))
}

/// Whether a name after these tokens begins a path: it continues none, is no member, and is not being declared.
fn begins_path(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Punct(one), two] if is_punct(two, ':') => {
            one.as_char() != ':' || one.spacing() != Spacing::Joint
        }
        [.., one, two] if is_punct(two, '.') => is_punct(one, '.'),
        [.., TokenTree::Ident(ident)] => !matches!(
            ident.to_string().as_str(),
            "fn" | "mod" | "struct" | "enum" | "trait" | "type" | "const" | "static"
        ),
        _ => true,
    }
}

/// Whether a `::` after these tokens continues a path.
fn ends_segment(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Punct(arrow), end] if is_punct(end, '>') => !matches!(arrow.as_char(), '-' | '='),
        [.., end] if is_punct(end, '>') => true,
        [.., TokenTree::Ident(ident)] => {
            let name = ident.to_string();
            matches!(name.as_str(), "crate" | "self" | "super" | "Self") || syn::parse_str::<Ident>(&name).is_ok()
        }
        _ => false,
    }
}
