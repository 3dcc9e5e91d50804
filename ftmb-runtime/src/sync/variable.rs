//! What capture and restore need of every kind of tracked variable. Invariant: values are reached under the real lock, without
//! counting.

use super::Shared;
use super::atomics::Atomic;
use super::counter::Counter;
use super::head::Head;
use super::mutex::Mutex;
use super::per_core::PerCore;
use super::raw::OUTSIDE;
use super::registry::Walker;
use super::rwlock::RwLock;
use super::tracked::Tracked;
use crate::state::{Extent, Layout, Piece, PieceWriter, State, StateError, whole};

/// One tracked variable, whatever its type.
pub(crate) trait Variable: Send + Sync {
    /// Identity and counts.
    fn head(&self) -> &Head;
    /// Gives it its id and, if it keeps a copy per core, its copies.
    fn assign(&self, id: u32, name: &str, cores: usize);
    /// Sections entered and base, if its accesses are ordered.
    fn counts(&self) -> Option<(u32, u32)>;
    /// Feeds its type into the layout.
    fn layout(&self, layout: &mut Layout);
    /// Writes its pieces, if it was touched since the last capture or everything is wanted.
    fn capture(&self, extent: Extent, out: &mut PieceWriter<'_>);
    /// Takes over one piece.
    fn restore(&self, piece: Piece<'_>) -> Result<(), StateError>;
    /// Ends a batch of pieces.
    fn restored(&self) -> Result<(), StateError>;
}

macro_rules! locked {
    ($ty:ident, $kind:literal, |$this:ident| $lock:expr, $unlock:expr) => {
        impl<T: State> $ty<T> {
            fn with_value<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
                let $this = self;
                $lock;
                // SAFETY: under the raw lock, exclusively. Test: `a_capture_restores_to_an_equal_twin`.
                let result = work(unsafe { &mut *self.value.get() });
                $unlock;
                result
            }
        }

        impl<T: State> Variable for $ty<T> {
            fn head(&self) -> &Head {
                &self.head
            }
            fn assign(&self, id: u32, name: &str, _cores: usize) {
                self.head.assign(id, name);
            }
            fn counts(&self) -> Option<(u32, u32)> {
                Some((self.head.acquired(), self.head.base()))
            }
            fn layout(&self, layout: &mut Layout) {
                layout.token($kind);
                layout.of::<T>();
            }
            fn capture(&self, extent: Extent, out: &mut PieceWriter<'_>) {
                self.with_value(|value| {
                    if self.head.take_touched() || extent == Extent::All {
                        value.capture(extent, out);
                    }
                });
            }
            fn restore(&self, piece: Piece<'_>) -> Result<(), StateError> {
                self.with_value(|value| value.restore(piece))
            }
            fn restored(&self) -> Result<(), StateError> {
                self.head.take_touched();
                self.with_value(State::restored)
            }
        }

        impl<T: State> Shared for $ty<T> {
            fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
                walker.variable(self);
            }
        }
    };
}

locked!(Mutex, "mutex", |this| this.raw.lock(OUTSIDE), this.raw.unlock());
locked!(RwLock, "rwlock", |this| this.raw().write(OUTSIDE, 0), this.raw().unlock_write());
locked!(Atomic, "atomic", |this| this.raw.lock(OUTSIDE), this.raw.unlock());

impl<T: State> Shared for Tracked<T> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        walker.variable(&self.lock);
    }
}

/// The core that a piece's key starts with, and the rest of the piece.
fn split_core(piece: Piece<'_>, cores: usize) -> Option<(usize, Piece<'_>)> {
    let prefix: [u8; 2] = piece.key().get(..2)?.try_into().ok()?;
    let core = usize::from(u16::from_le_bytes(prefix));
    (core < cores).then_some((core, piece.strip_prefix(&prefix)?))
}

/// What keys of per-core state look like.
const CORE_KEY: &str = "two bytes of core number in front";

fn core_key(core: usize) -> [u8; 2] {
    (core as u16).to_le_bytes()
}

impl<T: State + Clone> Variable for PerCore<T> {
    fn head(&self) -> &Head {
        &self.head
    }
    fn assign(&self, id: u32, name: &str, cores: usize) {
        self.head.assign(id, name);
        PerCore::assign(self, cores);
    }
    fn counts(&self) -> Option<(u32, u32)> {
        None
    }
    fn layout(&self, layout: &mut Layout) {
        layout.token("per core");
        layout.of::<T>();
    }
    fn capture(&self, extent: Extent, out: &mut PieceWriter<'_>) {
        for (core, slot) in self.slots().iter().enumerate() {
            if slot.take_touched() || extent == Extent::All {
                slot.lock().capture(extent, &mut out.scoped(&core_key(core)));
                slot.take_touched();
            }
        }
    }
    fn restore(&self, piece: Piece<'_>) -> Result<(), StateError> {
        match split_core(piece, self.slots().len()) {
            Some((core, piece)) => self.slots()[core].lock().restore(piece),
            None => Err(StateError::UnknownKey { type_name: "PerCore", key: piece.key().into(), expected: CORE_KEY }),
        }
    }
    fn restored(&self) -> Result<(), StateError> {
        for slot in self.slots() {
            slot.lock().restored()?;
            slot.take_touched();
        }
        Ok(())
    }
}

impl<T: State + Clone> Shared for PerCore<T> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        walker.variable(self);
    }
}

impl Variable for Counter {
    fn head(&self) -> &Head {
        &self.head
    }
    fn assign(&self, id: u32, name: &str, cores: usize) {
        self.head.assign(id, name);
        Counter::assign(self, cores);
    }
    fn counts(&self) -> Option<(u32, u32)> {
        None
    }
    fn layout(&self, layout: &mut Layout) {
        layout.token("counter");
    }
    fn capture(&self, extent: Extent, out: &mut PieceWriter<'_>) {
        if self.head.take_touched() || extent == Extent::All {
            for (core, slot) in self.slots().iter().enumerate() {
                out.put(&core_key(core), &slot.load(std::sync::atomic::Ordering::SeqCst));
            }
        }
    }
    fn restore(&self, piece: Piece<'_>) -> Result<(), StateError> {
        match (split_core(piece, self.slots().len()), piece) {
            (Some((core, _)), Piece::Put { value, .. }) => {
                self.slots()[core].store(whole::decode(value)?, std::sync::atomic::Ordering::SeqCst);
                Ok(())
            }
            _ => Err(StateError::UnknownKey { type_name: "Counter", key: piece.key().into(), expected: CORE_KEY }),
        }
    }
    fn restored(&self) -> Result<(), StateError> {
        self.head.take_touched();
        Ok(())
    }
}

impl Shared for Counter {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        walker.variable(self);
    }
}
