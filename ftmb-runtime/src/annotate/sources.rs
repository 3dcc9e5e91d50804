//! What sources of non-determinism are rewritten to: clocks and random numbers that replay alike.
//!
//! Invariant: nothing here reads a real clock or entropy; time is the packet's arrival, randomness the core's generator.

use rand_core::Rng;

use crate::{rng, time};

/// A clock whose `now()` is replaced by the arrival of the current packet.
///
/// The macros write `<Instant as Clock<_>>::now()` where the user wrote `Instant::now()`, so the type that the name
/// really stands for decides.
#[diagnostic::on_unimplemented(
    message = "`{Self}::now()` reads a clock that replay would read differently",
    label = "not a clock that ftmb can replay",
    note = "help: use `std::time::Instant`, `std::time::SystemTime` or `cx.now()`: they give the packet's arrival"
)]
pub trait Clock<Now> {
    /// The current packet's arrival.
    fn now() -> Now;
}

macro_rules! clocks {
    ($($name:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Clock<time::$name> for std::time::$name {
            #[inline]
            fn now() -> time::$name {
                time::$name::now()
            }
        }

        #[diagnostic::do_not_recommend]
        impl Clock<time::$name> for time::$name {
            #[inline]
            fn now() -> time::$name {
                time::$name::now()
            }
        }
    )*};
}

clocks! { Instant SystemTime }

/// A moment of a real clock, which is another one in every process.
pub trait RealClock {}

impl RealClock for std::time::Instant {}
impl RealClock for std::time::SystemTime {}

/// A moment that means the same in every process. Asked of fields that hold a [`RealClock`]'s, so never fulfilled.
#[diagnostic::on_unimplemented(
    message = "this field holds a moment of a real clock, `{Self}`",
    label = "another one in the process that takes over",
    note = "help: hold `ftmb::time::Instant` or `ftmb::time::SystemTime`, which `now()` gives in here"
)]
pub trait Portable {}

/// A type that `rand::random()` can make here.
#[diagnostic::on_unimplemented(
    message = "`rand::random::<{Self}>()` is not available in packet code",
    label = "ftmb makes integers, `bool`, `char`, floats, arrays and pairs of them",
    note = "help: draw from `cx.rng()` or `rand::rng()` instead: any distribution works with them"
)]
pub trait Random {
    /// A value drawn from `rng`, uniform over the type (floats: over `[0, 1)`).
    fn random_from(rng: &mut dyn Rng) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Random for $type {
            fn random_from(rng: &mut dyn Rng) -> Self {
                let mut bytes = [0; size_of::<$type>()];
                rng.fill_bytes(&mut bytes);
                <$type>::from_le_bytes(bytes)
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 }

impl Random for bool {
    fn random_from(rng: &mut dyn Rng) -> bool {
        rng.next_u32() >> 31 == 1
    }
}

impl Random for f32 {
    fn random_from(rng: &mut dyn Rng) -> f32 {
        (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32
    }
}

impl Random for f64 {
    fn random_from(rng: &mut dyn Rng) -> f64 {
        (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Random for char {
    fn random_from(rng: &mut dyn Rng) -> char {
        loop {
            if let Some(drawn) = char::from_u32(rng.next_u32() >> 11) {
                return drawn;
            }
        }
    }
}

impl<T: Random, const N: usize> Random for [T; N] {
    fn random_from(rng: &mut dyn Rng) -> [T; N] {
        std::array::from_fn(|_| T::random_from(rng))
    }
}

impl<A: Random, B: Random> Random for (A, B) {
    fn random_from(rng: &mut dyn Rng) -> (A, B) {
        let first = A::random_from(rng);
        (first, B::random_from(rng))
    }
}

/// What `rand::random()` is rewritten to: a draw from the current core's generator.
pub fn random<T: Random>() -> T {
    T::random_from(&mut rng::current())
}

/// The function that takes the place of another one, which is named but not called.
pub fn instead_of<F, R>(_replaced: F, replacement: R) -> R {
    replacement
}
