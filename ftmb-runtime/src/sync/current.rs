//! The core that runs on this thread, if any. Invariant: the pointer is set only while [`enter`] runs its closure, which borrows
//! the core for that long.

use std::cell::Cell;
use std::ptr::NonNull;

use crate::recorder::Core;

thread_local! {
    static CURRENT: Cell<Option<NonNull<Core>>> = const { Cell::new(None) };
}

/// Runs `work` as code of this core: tracked accesses on this thread are recorded by it.
pub(crate) fn enter<R>(core: &Core, work: impl FnOnce() -> R) -> R {
    struct Reset(Option<NonNull<Core>>);
    impl Drop for Reset {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }
    let _reset = Reset(CURRENT.replace(Some(NonNull::from(core))));
    work()
}

/// Looks at the current core.
#[inline]
pub(crate) fn with<R>(look: impl FnOnce(Option<&Core>) -> R) -> R {
    match CURRENT.get() {
        None => look(None),
        // SAFETY: `enter` holds a shared borrow of the core until it resets the pointer, on this very thread, and `look` cannot
        // keep the reference (its lifetime is fresh). Test: `a_core_is_current_only_inside_enter`.
        Some(core) => look(Some(unsafe { core.as_ref() })),
    }
}

/// Whether user code of a packet, tick or control input runs on this thread.
pub(crate) fn in_input() -> bool {
    CURRENT.get().is_some()
}
