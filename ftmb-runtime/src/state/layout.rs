//! The fingerprint of a type's structure: two programs may exchange state only if theirs agree.
//!
//! Invariant: the result depends on the tokens and their order alone, so it is the same in every process of a build.

use std::any::TypeId;

use super::State;

/// Collects the structure of types, token by token, into a 64-bit hash (FNV-1a).
///
/// # Examples
///
/// ```
/// use ftmb_runtime::state::Layout;
///
/// fn hash_of<T: ftmb_runtime::state::State>() -> u64 {
///     let mut layout = Layout::new();
///     layout.of::<T>();
///     layout.finish()
/// }
/// assert_eq!(hash_of::<Vec<u16>>(), hash_of::<Vec<u16>>());
/// assert_ne!(hash_of::<Vec<u16>>(), hash_of::<Vec<u32>>());
/// ```
#[derive(Debug, Clone)]
pub struct Layout {
    hash: u64,
    /// Types met so far, in that order: a second time a type is named by its number, so recursive types end.
    seen: Vec<TypeId>,
}

impl Layout {
    /// An empty layout.
    ///
    /// ```
    /// use ftmb_runtime::state::Layout;
    ///
    /// assert_eq!(Layout::new().finish(), Layout::new().finish());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, seen: Vec::new() }
    }

    /// Adds a name or a kind. Tokens do not run into each other.
    ///
    /// ```
    /// use ftmb_runtime::state::Layout;
    ///
    /// let (mut one, mut two) = (Layout::new(), Layout::new());
    /// one.token("ab");
    /// two.token("a");
    /// two.token("b");
    /// assert_ne!(one.finish(), two.finish());
    /// ```
    pub fn token(&mut self, token: &str) {
        self.number(token.len() as u64);
        self.bytes(token.as_bytes());
    }

    /// Adds a number: a length, a count of fields or variants.
    ///
    /// ```
    /// use ftmb_runtime::state::Layout;
    ///
    /// let mut layout = Layout::new();
    /// layout.number(3);
    /// assert_ne!(layout.finish(), Layout::new().finish());
    /// ```
    pub fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    /// Adds the structure of `T`; a type met before, or met inside itself, is named by the order in which it was met.
    ///
    /// ```
    /// use ftmb_runtime::state::Layout;
    ///
    /// let mut layout = Layout::new();
    /// layout.token("struct Flow");
    /// layout.token("port");
    /// layout.of::<u16>();
    /// ```
    pub fn of<T: State>(&mut self) {
        let id = TypeId::of::<T>();
        match self.seen.iter().position(|seen| *seen == id) {
            Some(number) => {
                self.token("@");
                self.number(number as u64);
            }
            None => {
                self.seen.push(id);
                T::layout(self);
            }
        }
    }

    /// The hash of everything added so far.
    ///
    /// ```
    /// use ftmb_runtime::state::{Layout, State};
    ///
    /// let mut layout = Layout::new();
    /// <(u8, bool)>::layout(&mut layout);
    /// assert_ne!(layout.finish(), 0);
    /// ```
    #[must_use]
    pub fn finish(&self) -> u64 {
        self.hash
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::new()
    }
}
