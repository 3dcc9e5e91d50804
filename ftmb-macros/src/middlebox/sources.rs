//! Sources of non-determinism named by a path: those with a replayable counterpart are replaced, the others refused.
//!
//! Invariant: clocks and maps are recognised by their type, through traits; only the function's name comes from the
//! tokens.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Expr, ExprPath, Ident};

use super::refused::{self, DRAW};
use super::rewrite::Rewriter;

/// What a path stands for.
pub(super) enum Source {
    /// `Instant::now`, `SystemTime::now`.
    Clock,
    /// `rand::random`.
    Random,
    /// `rand::rng`, `rand::thread_rng`.
    Generator,
    /// `fastrand::u32` and others that ftmb has.
    Fastrand,
    /// `thread::current`.
    Thread,
    /// `HashMap::new`, `HashSet::from`: any function of a map.
    Map,
    /// What it does that replay cannot, and what to write.
    Refused(&'static str, &'static str),
}

/// Functions of `fastrand` that the core's generator stands in for.
const FASTRAND: &[&str] = &[
    "bool", "char", "choice", "f32", "f64", "fill", "i8", "i16", "i32", "i64", "isize", "shuffle", "u8", "u16", "u32",
    "u64", "usize",
];
const FASTRAND_HELP: &str = "use one of its functions for numbers, `bool`, `char`, `choice`, `shuffle` or `fill`, which are \
                             rewritten to the core's own generator, or draw from `cx.rng()`";

/// Recognises the segments of a path.
pub(super) fn recognise(segments: &[String]) -> Option<Source> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Some(match segments.as_slice() {
        [.., "Instant" | "SystemTime", "now"] => Source::Clock,
        [.., "HashMap" | "HashSet", _] => Source::Map,
        ["crate" | "self" | "super", ..] => return None,
        ["rand", "random"] => Source::Random,
        ["rand", "rng" | "thread_rng"] | ["thread_rng"] => Source::Generator,
        ["thread", "current"] | ["std", "thread", "current"] => Source::Thread,
        ["fastrand", function] if FASTRAND.contains(function) => Source::Fastrand,
        ["fastrand", "Rng", "with_seed"] => return None,
        ["fastrand", ..] => Source::Refused("draws from a generator that is not replayed", FASTRAND_HELP),
        [.., "ThreadRng", _] => Source::Refused("draws from a generator that is not replayed", DRAW),
        _ => {
            let (does, help) = refused::path(&segments)?;
            Source::Refused(does, help)
        }
    })
}

impl Rewriter<'_> {
    /// The replacement of a path expression, if it names a source of non-determinism.
    pub(super) fn source(&self, expr: &ExprPath) -> Option<Expr> {
        if expr.qself.is_some() {
            return None;
        }
        let segments: Vec<String> = expr.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let span = Span::mixed_site().located_at(expr.span());
        let private = self.options.private(expr.span());
        let arguments = expr.path.segments.last().map(|last| &last.arguments);
        Some(match recognise(&segments)? {
            Source::Clock => {
                let mut clock = expr.path.clone();
                clock.segments.pop();
                clock.segments.pop_punct();
                syn::parse_quote_spanned!(span=> <#clock as #private::Clock<_>>::now)
            }
            Source::Map if self.replaces_maps => return Some(self.map_function(expr)),
            Source::Map => return None,
            Source::Random => syn::parse_quote_spanned!(span=> #private::random #arguments),
            // The original is named as well, so that its import counts as used.
            Source::Generator if segments.len() == 1 => {
                syn::parse_quote_spanned!(span=> #private::instead_of(#expr, #private::rng::current))
            }
            Source::Generator => syn::parse_quote_spanned!(span=> #private::rng::current),
            Source::Thread => {
                syn::parse_quote_spanned!(span=> #private::instead_of(#expr, #private::thread::current))
            }
            Source::Fastrand => {
                let function = Ident::new(segments.last()?, span);
                syn::parse_quote_spanned!(span=> #private::fastrand::#function #arguments)
            }
            Source::Refused(does, help) => {
                self.errors.refuse(expr, format_args!("`{}` {does}", segments.join("::")), WHY, help);
                return None;
            }
        })
    }
}

/// Why replay breaks, for messages whose first half says what the function does.
pub(super) const WHY: &str = "recovery runs the same packets again and must come to the same result";
