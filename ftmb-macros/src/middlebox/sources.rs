//! Sources of non-determinism named by a path: those with a replayable counterpart are replaced, the others refused.
//!
//! Invariant: a clock is recognised by its type, through a trait; only the function's name comes from the tokens.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Expr, ExprPath};

use super::rewrite::Rewriter;

/// Paths that are refused: the last segments, what they do, and what to write.
const REFUSED: &[(&[&str], &str, &str)] = &[
    (&["thread", "spawn"], "starts a thread that is not a core and is not replayed", SPAWN),
    (&["thread", "scope"], "starts threads that are not cores and are not replayed", SPAWN),
    (&["thread", "Builder", "new"], "starts a thread that is not a core and is not replayed", SPAWN),
    (&["tokio", "spawn"], "starts a task that is not replayed", SPAWN),
    (&["rayon", "spawn"], "starts a task that is not replayed", SPAWN),
    (&["thread", "sleep"], "stops the core, and replay with it", SLEEP),
    (&["thread", "park"], "stops the core until another thread acts, which is not replayed", SLEEP),
    (&["thread", "park_timeout"], "stops the core, and replay with it", SLEEP),
    (&["thread", "current"], "names a thread, which is another one after a takeover", "use `cx.core()`"),
    (&["Utc", "now"], "reads a clock that replay would read differently", CLOCK),
    (&["Local", "now"], "reads a clock that replay would read differently", CLOCK),
    (&["rand", "random_range"], "draws from a generator that is not replayed", DRAW),
    (&["rand", "random_bool"], "draws from a generator that is not replayed", DRAW),
    (&["rand", "random_ratio"], "draws from a generator that is not replayed", DRAW),
    (&["rand", "random_iter"], "draws from a generator that is not replayed", DRAW),
    (&["rand", "fill"], "draws from a generator that is not replayed", DRAW),
    (&["rand", "make_rng"], "draws from a generator that is not replayed", DRAW),
    (&["OsRng"], "draws from the operating system, and replay would draw something else", DRAW),
    (&["SysRng"], "draws from the operating system, and replay would draw something else", DRAW),
];

const SPAWN: &str = "do the work in `process`; use `tick` for what has to happen later";
const SLEEP: &str = "return, and let `tick` do what has to happen later";
const CLOCK: &str = "use `std::time::SystemTime::now()` or `cx.now()`: they give the packet's arrival";
const DRAW: &str = "draw from `cx.rng()` or `rand::rng()`: in here they are the core's own generator";

/// Crates whose every function draws from entropy.
const ENTROPY: &[&str] = &["fastrand", "getrandom"];

/// What a path stands for.
pub(super) enum Source {
    /// `Instant::now`, `SystemTime::now`.
    Clock,
    /// `rand::random`.
    Random,
    /// `rand::rng`, `rand::thread_rng`.
    Generator,
    /// What it does that replay cannot, and what to write.
    Refused(&'static str, &'static str),
}

/// Recognises the segments of a path.
pub(super) fn recognise(segments: &[String]) -> Option<Source> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [.., "Instant" | "SystemTime", "now"] => return Some(Source::Clock),
        ["rand", "random"] => return Some(Source::Random),
        ["rand", "rng" | "thread_rng"] | ["thread_rng"] => return Some(Source::Generator),
        [first, _, ..] if ENTROPY.contains(first) => {
            return Some(Source::Refused("draws from entropy, and replay would draw something else", DRAW));
        }
        _ => {}
    }
    let (_, does, help) = REFUSED.iter().find(|(path, ..)| segments.ends_with(path))?;
    Some(Source::Refused(does, help))
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
        Some(match recognise(&segments)? {
            Source::Clock => {
                let mut clock = expr.path.clone();
                clock.segments.pop();
                clock.segments.pop_punct();
                syn::parse_quote_spanned!(span=> <#clock as #private::Clock<_>>::now)
            }
            Source::Random => {
                let arguments = expr.path.segments.last().map(|last| &last.arguments);
                syn::parse_quote_spanned!(span=> #private::random #arguments)
            }
            Source::Generator => syn::parse_quote_spanned!(span=> #private::rng::current),
            Source::Refused(does, help) => {
                self.errors.refuse(expr, format_args!("`{}` {does}", segments.join("::")), WHY, help);
                return None;
            }
        })
    }
}

/// Why replay breaks, for messages whose first half says what the function does.
pub(super) const WHY: &str = "recovery runs the same packets again and must come to the same result";
