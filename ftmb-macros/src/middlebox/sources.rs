//! Sources of non-determinism named by a path: those with a replayable counterpart are replaced, the others refused.
//!
//! Invariant: clocks and maps are recognised by their type, through traits; only the function's name comes from the
//! tokens.

use proc_macro2::Span;
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprCall, ExprPath, Ident, Path, Type};

use super::refused::{self, DRAW};
use super::rewrite::Rewriter;

/// What a path stands for.
pub(super) enum Source {
    /// `Instant::now`, `SystemTime::now`, `Instant::elapsed`, `SystemTime::elapsed`.
    Clock,
    /// `UNIX_EPOCH`.
    Epoch,
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
        [.., "Instant" | "SystemTime", "now" | "elapsed"] => Source::Clock,
        [.., "UNIX_EPOCH"] => Source::Epoch,
        [.., "HashMap" | "HashSet", _] => Source::Map,
        ["crate" | "self" | "super", ..] => return None,
        ["rand", "random"] => Source::Random,
        ["rand", "rng" | "thread_rng"] | ["thread_rng"] => Source::Generator,
        ["thread", "current"] | ["std", "thread", "current"] => Source::Thread,
        ["random_range" | "random_bool" | "random_ratio" | "random_iter"] => {
            Source::Refused("draws from a generator that is not replayed", DRAW)
        }
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

/// The segments of a path, `<Type>::function` and `<Type as Trait>::function` as `Type::function`.
pub(super) fn segments(expr: &ExprPath) -> Option<Vec<String>> {
    let strings =
        |path: &Path, skip| path.segments.iter().skip(skip).map(|segment| segment.ident.to_string()).collect();
    let Some(qself) = &expr.qself else { return Some(strings(&expr.path, 0)) };
    match &*qself.ty {
        Type::Path(ty) if ty.qself.is_none() => {
            let mut segments: Vec<String> = strings(&ty.path, 0);
            segments.append(&mut strings(&expr.path, qself.position));
            Some(segments)
        }
        _ => None,
    }
}

impl Rewriter<'_> {
    /// Refuses a call of `rng()` or `random()` by its bare name: whose function it is, the tokens do not tell.
    pub(super) fn refuse_bare_generator(&self, call: &ExprCall) {
        if let Expr::Path(function) = &*call.func
            && function.qself.is_none()
            && function.path.leading_colon.is_none()
            && call.args.is_empty()
            && let [only] = &*function.path.segments.iter().collect::<Vec<_>>()
            && (only.ident == "rng" || only.ident == "random")
            && self.guesses
        {
            let name = &only.ident;
            self.errors.refuse(
                function,
                format_args!("`{name}()` may be `rand::{name}()`, which draws from a generator that is not replayed"),
                WHY,
                &format!(
                    "write `rand::{name}()`, which is rewritten to the core's own generator; write `self::{name}()` for a \
                     function of your own"
                ),
            );
        }
    }

    /// The replacement of a path expression, if it names a source of non-determinism.
    pub(super) fn source(&self, expr: &ExprPath) -> Option<Expr> {
        let segments = segments(expr)?;
        let span = Span::mixed_site().located_at(expr.span());
        let private = self.options.private(expr.span());
        let arguments = expr.path.segments.last().map(|last| &last.arguments);
        Some(match recognise(&segments)? {
            Source::Random | Source::Generator | Source::Fastrand if self.constructs => {
                self.errors.refuse(
                    expr,
                    format_args!("`{}` where the shared state is made", segments.join("::")),
                    "each process makes it anew, and has to come to the same result before it knows of the others",
                    "draw when the first packet or `tick` needs the value, and keep it in a plain field or a `Mutex<Option<_>>`; or hand \
                     it in through the configuration",
                );
                return None;
            }
            Source::Clock => {
                let function = &expr.path.segments.last()?.ident;
                let clock = match &expr.qself {
                    Some(qself) => qself.ty.to_token_stream(),
                    None => {
                        let mut clock = expr.path.clone();
                        clock.segments.pop();
                        clock.segments.pop_punct();
                        clock.into_token_stream()
                    }
                };
                syn::parse_quote_spanned!(span=> <#clock as #private::Clock<_>>::#function)
            }
            // A constant is not evaluated for each packet.
            Source::Epoch if self.constant => return None,
            Source::Epoch => Expr::Verbatim(quote_spanned!(span=> ({
                #[allow(unused_imports)]
                use #private::OtherEpoch as _;
                #private::Epoch(#expr).__ftmb_epoch()
            }))),
            Source::Map if self.replaces_maps && expr.qself.is_none() => return Some(self.map_function(expr)),
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
