//! The functions of the crate `fastrand`, drawing from the current core's generator.
//!
//! Invariant: names, parameters and panics are fastrand's; every value of the range is equally likely.
//!
//! ```
//! use ftmb_runtime::annotate::fastrand;
//! assert!((1..=6).contains(&fastrand::u8(1..=6)));
//! ```

use std::ops::{Bound, RangeBounds};

use rand_core::Rng;

use super::random;
use crate::rng;

/// A number below `span`; any number if it is zero.
fn below(span: u128) -> u128 {
    let Ok(span) = u64::try_from(span) else {
        return wide(span);
    };
    if span == 0 {
        return wide(0);
    }
    // Lemire's method: the high half of a product, drawn again in the few cases that would make it uneven.
    let threshold = span.wrapping_neg() % span;
    loop {
        let product = u128::from(rng::current().next_u64()) * u128::from(span);
        if product as u64 >= threshold {
            return product >> 64;
        }
    }
}

/// As [`below`], for spans that need more than 64 bits: draws again until the number lies below.
fn wide(span: u128) -> u128 {
    let mask = if span == 0 { u128::MAX } else { u128::MAX >> (span - 1).leading_zeros() };
    loop {
        let drawn = random::<u128>() & mask;
        if span == 0 || drawn < span {
            return drawn;
        }
    }
}

macro_rules! integers {
    ($($name:ident)*) => {$(
        /// A number of the range, every one equally likely.
        ///
        /// # Panics
        /// If the range is empty.
        pub fn $name(range: impl RangeBounds<$name>) -> $name {
            let empty = || panic!("empty range: {:?}..{:?}", range.start_bound(), range.end_bound());
            let low = match range.start_bound() {
                Bound::Unbounded => $name::MIN,
                Bound::Included(low) => *low,
                Bound::Excluded(low) => low.checked_add(1).unwrap_or_else(empty),
            };
            let high = match range.end_bound() {
                Bound::Unbounded => $name::MAX,
                Bound::Included(high) => *high,
                Bound::Excluded(high) => high.checked_sub(1).unwrap_or_else(empty),
            };
            if low > high {
                empty();
            }
            let span = (high as u128).wrapping_sub(low as u128).wrapping_add(1);
            low.wrapping_add(below(span) as $name)
        }
    )*};
}

integers! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

/// True or false.
#[must_use]
pub fn bool() -> bool {
    random()
}

/// At least zero, below one.
#[must_use]
pub fn f32() -> f32 {
    random()
}

/// At least zero, below one.
#[must_use]
pub fn f64() -> f64 {
    random()
}

/// A character of the range.
///
/// # Panics
/// If the range is empty.
pub fn char(range: impl RangeBounds<char>) -> char {
    let low = match range.start_bound() {
        Bound::Unbounded => 0,
        Bound::Included(low) => *low as u32,
        Bound::Excluded(low) => *low as u32 + 1,
    };
    let high = match range.end_bound() {
        Bound::Unbounded => char::MAX as u32,
        Bound::Included(high) => *high as u32,
        Bound::Excluded(high) => (*high as u32).wrapping_sub(1),
    };
    let any = (low..=high).next().is_some_and(|_| char::from_u32(low).is_some() || char::from_u32(high).is_some());
    assert!(any, "empty range: {:?}..{:?}", range.start_bound(), range.end_bound());
    loop {
        if let Some(drawn) = char::from_u32(u32(low..=high)) {
            return drawn;
        }
    }
}

/// One item, if there are any.
pub fn choice<I>(items: I) -> Option<I::Item>
where
    I: IntoIterator<IntoIter: ExactSizeIterator>,
{
    let mut items = items.into_iter();
    match items.len() {
        0 => None,
        count => items.nth(usize(..count)),
    }
}

/// Puts a slice into random order.
pub fn shuffle<T>(slice: &mut [T]) {
    for last in (1..slice.len()).rev() {
        slice.swap(last, usize(..=last));
    }
}

/// Fills a slice with random bytes.
pub fn fill(slice: &mut [u8]) {
    rng::current().fill_bytes(slice);
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_number_of_a_range_comes_and_none_beside_it() {
        let mut seen = [0_u32; 7];
        for _ in 0..7_000 {
            seen[super::usize(..7)] += 1;
            assert!((-3..=3).contains(&super::i8(-3..=3)));
            assert!((250..).contains(&super::u8(250..)));
            assert!(super::u128(..5) < 5);
            assert!(super::char('a'..='c').is_ascii_lowercase());
            let _ = (super::u64(..), super::i128(..));
        }
        assert!(seen.iter().all(|count| (700..1300).contains(count)), "{seen:?}");
    }

    #[test]
    #[should_panic(expected = "empty range")]
    fn an_empty_range_panics() {
        let _ = super::u32(3..3);
    }

    #[test]
    fn choice_and_shuffle_keep_the_items() {
        assert_eq!(super::choice([0_u8; 0]), None);
        assert!(super::choice([1, 2, 3]).is_some_and(|chosen| chosen < 4));
        let mut items: Vec<u32> = (0..50).collect();
        super::shuffle(&mut items);
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
