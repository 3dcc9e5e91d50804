//! A pool of indices (ports, ids), each in use by at most one holder.
//!
//! Invariant: an index is either taken or free; free ones come back in the order in which they were put, so an index
//! is used again as late as possible.

mod free_bits;
mod order;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::{Bound, RangeBounds, RangeInclusive};

use order::Order;
use rand_core::Rng;
use state::Restoring;

/// Indices of a range, to be taken and put back, each operation in constant time.
///
/// The index that has been free for the longest time is taken first (a port that was just given back may still see
/// stray packets), unless one is [asked for](Self::take_exact) or [drawn](Self::take_random). A pool saves only the indices that
/// changed. It takes 24 bytes of memory an index from the start.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::IndexPool;
///
/// let mut ports = IndexPool::new(1024..=1026);
/// assert!(ports.take_exact(1025));
/// assert_eq!(ports.take(), Some(1024));
/// ports.put(1025)?;
/// assert_eq!(ports.take(), Some(1026));
/// assert_eq!(ports.take(), Some(1025));
/// assert_eq!(ports.take(), None);
/// # Ok::<(), ftmb_runtime::collections::PoolError>(())
/// ```
#[derive(Clone)]
pub struct IndexPool {
    /// The lowest index; nodes are counted from it.
    lowest: u32,
    order: Order,
    /// What a batch of restored pieces has left to do.
    restoring: Option<Box<Restoring>>,
}

/// Why an index could not be put back.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::{IndexPool, PoolError};
///
/// let mut pool = IndexPool::new(10..20);
/// assert_eq!(pool.put(10), Err(PoolError::NotTaken { index: 10 }));
/// assert_eq!(pool.put(20), Err(PoolError::OutOfRange { index: 20, lowest: 10, capacity: 10 }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The pool never had this index.
    #[error("index {index} is none of the {capacity} indices from {lowest} on")]
    OutOfRange {
        /// The index that was to be put back.
        index: u32,
        /// The lowest index of the pool.
        lowest: u32,
        /// Number of its indices.
        capacity: u32,
    },
    /// The index is free already.
    #[error("index {index} was put back before")]
    NotTaken {
        /// The index that was to be put back.
        index: u32,
    },
}

impl IndexPool {
    /// A pool of all indices in `range`, all free, the lowest first in line.
    ///
    /// # Panics
    ///
    /// The range holds more than `u32::MAX - 1` indices, or their 24 bytes each do not fit into memory.
    ///
    /// ```
    /// use ftmb_runtime::collections::IndexPool;
    ///
    /// assert_eq!(IndexPool::new(1024..=65535).available(), 64512);
    /// assert_eq!(IndexPool::new(..0).available(), 0);
    /// ```
    #[must_use]
    pub fn new(range: impl RangeBounds<u32>) -> Self {
        let start = match range.start_bound() {
            Bound::Included(start) => u64::from(*start),
            Bound::Excluded(before) => u64::from(*before) + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => u64::from(*last) + 1,
            Bound::Excluded(end) => u64::from(*end),
            Bound::Unbounded => u64::from(u32::MAX) + 1,
        };
        let capacity = u32::try_from(end.saturating_sub(start)).ok().filter(|capacity| *capacity < u32::MAX);
        let order = Order::new(capacity.expect("an index pool holds fewer than u32::MAX indices"));
        Self {
            // An empty range may start behind the last index.
            lowest: u32::try_from(start).unwrap_or(u32::MAX),
            order: order.expect("memory for the indices of a pool"),
            restoring: None,
        }
    }

    /// Takes the index that has been free for the longest time; `None`: all are taken.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..=7);
    /// assert_eq!((pool.take(), pool.take()), (Some(7), None));
    /// ```
    #[inline]
    pub fn take(&mut self) -> Option<u32> {
        let number = self.order.first()?;
        self.order.take(number);
        Some(self.lowest + number)
    }

    /// Takes this very index; false: it is taken, or none of the pool's.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..=9);
    /// assert!(pool.take_exact(8));
    /// assert!(!pool.take_exact(8) && !pool.take_exact(10));
    /// ```
    #[inline]
    pub fn take_exact(&mut self, index: u32) -> bool {
        match self.number(index) {
            Some(number) if !self.order.is_taken(number) => {
                self.order.take(number);
                true
            }
            _ => false,
        }
    }

    /// Takes the lowest free index from `index` on or, if there is none up to the highest, the lowest of all; `None`: all are taken.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..=9);
    /// assert_eq!((pool.take_from(8), pool.take_from(8)), (Some(8), Some(9)));
    /// assert_eq!((pool.take_from(8), pool.take_from(8)), (Some(7), None));
    /// ```
    #[inline]
    pub fn take_from(&mut self, index: u32) -> Option<u32> {
        let from = index.saturating_sub(self.lowest);
        let number = self.order.free_from(from).or_else(|| self.order.free_from(0))?;
        self.order.take(number);
        Some(self.lowest + number)
    }

    /// Takes a free index that nobody can foresee: the next one [from](Self::take_from) a drawn place on (algorithm 1 of RFC
    /// 6056; all free indices are equally likely as long as few are taken). `None`: all are taken, and nothing was drawn.
    ///
    /// ```
    /// # use ftmb_runtime::{collections::IndexPool, context::Context};
    /// fn port(pool: &mut IndexPool, cx: &mut Context<'_>) -> Option<u32> {
    ///     pool.take_random(&mut cx.rng())
    /// }
    /// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    /// # let mut rng = ChaCha8Rng::seed_from_u64(1);
    /// # let mut pool = IndexPool::new(7..=9);
    /// # let mut taken = [0; 3].map(|_| pool.take_random(&mut rng).unwrap());
    /// # taken.sort();
    /// # assert_eq!((taken, pool.take_random(&mut rng)), ([7, 8, 9], None));
    /// ```
    #[inline]
    pub fn take_random<R: Rng + ?Sized>(&mut self, rng: &mut R) -> Option<u32> {
        if self.available() == 0 {
            return None;
        }
        let place = (u64::from(rng.next_u32()) * u64::from(self.order.capacity())) >> 32;
        self.take_from(self.lowest + place as u32)
    }

    /// Gives an index back; it becomes the last in line.
    ///
    /// # Errors
    ///
    /// The index is free, or none of the pool's. The pool is as before.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..=7);
    /// let index = pool.take().unwrap();
    /// assert!(pool.put(index).is_ok());
    /// assert!(pool.put(index).is_err());
    /// ```
    #[inline]
    pub fn put(&mut self, index: u32) -> Result<(), PoolError> {
        let (lowest, capacity) = (self.lowest, self.order.capacity());
        let number = self.number(index).ok_or(PoolError::OutOfRange { index, lowest, capacity })?;
        if !self.order.is_taken(number) {
            return Err(PoolError::NotTaken { index });
        }
        self.order.put(number);
        Ok(())
    }

    /// Number of free indices.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..=9);
    /// pool.take();
    /// assert_eq!(pool.available(), 2);
    /// ```
    #[must_use]
    pub fn available(&self) -> usize {
        self.order.available() as usize
    }

    /// Number of taken indices.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..=9);
    /// pool.take();
    /// assert_eq!(pool.taken(), 1);
    /// ```
    #[must_use]
    pub fn taken(&self) -> usize {
        self.capacity() - self.available()
    }

    /// Number of indices, free and taken.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::IndexPool::new(7..=9).capacity(), 3);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.order.capacity() as usize
    }

    /// The pool's indices; `None`: it has none.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::IndexPool::new(7..10).range(), Some(7..=9));
    /// ```
    #[must_use]
    pub fn range(&self) -> Option<RangeInclusive<u32>> {
        let above_lowest = self.order.capacity().checked_sub(1)?;
        Some(self.lowest..=self.lowest + above_lowest)
    }

    /// Whether the index is one of the pool's, free or taken.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::IndexPool::new(7..10).contains(9));
    /// ```
    #[must_use]
    pub fn contains(&self, index: u32) -> bool {
        self.number(index).is_some()
    }

    /// Whether the index is taken.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..10);
    /// pool.take();
    /// assert!(pool.is_taken(7) && !pool.is_taken(8) && !pool.is_taken(10));
    /// ```
    #[must_use]
    pub fn is_taken(&self, index: u32) -> bool {
        self.number(index).is_some_and(|number| self.order.is_taken(number))
    }

    /// The free indices in the order in which [`take`](Self::take) would give them.
    ///
    /// ```
    /// let mut pool = ftmb_runtime::collections::IndexPool::new(7..10);
    /// let index = pool.take().unwrap();
    /// pool.put(index)?;
    /// assert_eq!(pool.free().collect::<Vec<_>>(), [8, 9, 7]);
    /// # Ok::<(), ftmb_runtime::collections::PoolError>(())
    /// ```
    pub fn free(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.order.first(), |number| self.order.after(*number)).map(|number| self.lowest + number)
    }

    /// The number of the node of `index`.
    #[inline]
    fn number(&self, index: u32) -> Option<u32> {
        index.checked_sub(self.lowest).filter(|number| *number < self.order.capacity())
    }
}

/// Equal indices, taken and free, and the same order of reuse.
impl PartialEq for IndexPool {
    fn eq(&self, other: &Self) -> bool {
        self.range() == other.range() && self.free().eq(other.free())
    }
}

impl Eq for IndexPool {}

impl fmt::Debug for IndexPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexPool").field("range", &self.range()).field("available", &self.available()).finish()
    }
}
