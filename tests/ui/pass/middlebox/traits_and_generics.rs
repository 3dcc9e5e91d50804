//! Impl blocks of all kinds: generic methods, associated items, where clauses, docs, lints and `cfg`.

#![deny(warnings, missing_docs)]

use std::fmt::{self, Display};
use std::ops::AddAssign;

/// What can be counted.
pub trait Counting {
    /// In what.
    type Number: Copy;
    /// Where it starts.
    const START: Self::Number;
    /// Counts on.
    fn count(&self) -> Self::Number;
}

/// A documented struct.
#[ftmb::shared]
pub struct Nat {
    generation: u32,
    words: Vec<String>,
}

#[ftmb::middlebox]
impl Nat {
    /// A documented constructor.
    #[must_use]
    pub fn new() -> Self {
        Self { generation: Self::START, words: vec![] }
    }

    /// A documented method.
    pub fn add<T>(&self, many: impl IntoIterator<Item = T>) -> usize
    where
        T: Display,
    {
        for one in many {
            self.words.push(one.to_string());
        }
        self.words.len()
    }

    #[cfg(any())]
    fn never(&self) -> Missing {
        self.missing
    }

    #[allow(clippy::unused_self)]
    #[inline]
    fn sum<'a, N: AddAssign<&'a u32> + Default>(&self, numbers: &'a [u32]) -> N {
        let mut sum = N::default();
        numbers.iter().for_each(|number| sum += number);
        sum
    }
}

#[ftmb::middlebox]
impl Counting for Nat {
    type Number = u32;
    const START: u32 = 5;

    fn count(&self) -> Self::Number {
        self.generation += 1;
        self.generation
    }
}

#[ftmb::middlebox]
impl fmt::Debug for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nat").field("generation", &self.generation).field("words", &self.words.len()).finish()
    }
}

#[ftmb::middlebox]
impl Default for Nat {
    fn default() -> Self {
        Nat { generation: 0, ..Self::new() }
    }
}

fn main() {
    let nat = Nat::new();
    let counting = &nat;
    assert_eq!(counting.count(), 6);
    assert_eq!(nat.add([1, 2]), 2);
    assert_eq!(nat.sum::<u32>(&[1, 2]), 3);
    assert_eq!(format!("{nat:?}"), "Nat { generation: 6, words: 2 }");
    assert_eq!(Nat::default().count(), 1);
}
