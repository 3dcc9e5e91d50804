//! Determinant words: a ring of 64-bit words whose positions count words. Invariant: as for frames; a word below the tail
//! never changes until it is trimmed.

use std::cell::Cell;

use super::{Log, LogError, LogKind};

/// The single writer of a `det` log. Appending is one bounds check and one store.
#[derive(Debug)]
pub struct WordWriter {
    ring: *mut u64,
    mask: u64,
    tail: Cell<u64>,
    limit: Cell<u64>,
    published: Cell<u64>,
    log: Log,
}

// SAFETY: the pointer is into the mapping that `log` keeps alive, and only this writer stores beyond the tail; it is not
// `Sync` (cells), and moving it to another thread moves that right. Test: `words_written_on_one_thread_are_read_on_another`.
unsafe impl Send for WordWriter {}

impl WordWriter {
    pub(super) fn attach(log: Log) -> WordWriter {
        assert_eq!(log.kind(), LogKind::Det, "determinant words belong into a det log");
        let tail = log.tail();
        WordWriter {
            ring: log.ring().cast(),
            mask: log.span() - 1,
            tail: Cell::new(tail),
            limit: Cell::new(log.trimmed() + log.span()),
            published: Cell::new(tail),
            log,
        }
    }

    /// The log that is written.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Where the next word goes.
    #[inline]
    pub fn position(&self) -> u64 {
        self.tail.get()
    }

    /// Words that can be appended before something must be trimmed.
    pub fn room(&self) -> u64 {
        self.limit.set(self.log.trimmed() + self.log.span());
        self.limit.get() - self.tail.get()
    }

    /// Whether `words` more fit; reads the shared trim position only if the last one known does not suffice.
    #[inline]
    pub fn has_room(&self, words: u64) -> bool {
        self.limit.get() - self.tail.get() >= words || self.room() >= words
    }

    /// Appends one word.
    ///
    /// # Panics
    /// If the log is full: one input made more determinants than its reserve.
    #[inline]
    pub fn push(&self, word: u64) {
        let tail = self.tail.get();
        if tail == self.limit.get() && self.room() == 0 {
            overflow(&self.log);
        }
        // SAFETY: the index is masked into the ring; the word is beyond the tail and not retained (checked above); this is
        // the only writer. Test: `words_written_on_one_thread_are_read_on_another`.
        unsafe { self.ring.add((tail & self.mask) as usize).write(word) };
        self.tail.set(tail + 1);
    }

    /// Makes everything appended visible, by one release store.
    #[inline]
    pub fn publish(&self) {
        if self.tail != self.published {
            self.log.set_tail(self.tail.get());
            self.published.set(self.tail.get());
        }
    }
}

#[cold]
#[inline(never)]
fn overflow(log: &Log) -> ! {
    panic!(
        "{}: one input made more determinants than the log has room for ({} words)",
        log.path().display(),
        log.span()
    )
}

/// Reads words of a `det` log by position. Any number of readers may exist.
#[derive(Clone, Debug)]
pub struct WordReader {
    log: Log,
}

impl WordReader {
    pub(super) fn new(log: Log) -> WordReader {
        assert_eq!(log.kind(), LogKind::Det, "determinant words are in a det log");
        WordReader { log }
    }

    /// The log that is read.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The words `from..to`, cut where the ring wraps: the first slice is never empty unless `from == to`.
    ///
    /// # Errors
    /// [`LogError::NotRetained`] if the range is not within what is published and retained.
    #[inline]
    pub fn slices(&self, from: u64, to: u64) -> Result<(&[u64], &[u64]), LogError> {
        let (trimmed, tail) = (self.log.trimmed(), self.log.tail());
        if from < trimmed || to > tail || from > to {
            let position = if from < trimmed { from } else { to };
            return Err(LogError::NotRetained { path: self.log.path().into(), position, trimmed, tail });
        }
        let span = self.log.span();
        let start = (from & (span - 1)) as usize;
        let len = (to - from) as usize;
        let first = len.min(span as usize - start);
        let ring = self.log.ring().cast::<u64>().cast_const();
        // SAFETY: both parts lie inside the ring; the words are published (`to <= tail`, acquire) and retained
        // (`from >= trimmed`), so the writer does not change them; the owner trims only behind the readers' cursors.
        // Test: `words_written_on_one_thread_are_read_on_another`.
        unsafe {
            Ok((std::slice::from_raw_parts(ring.add(start), first), std::slice::from_raw_parts(ring, len - first)))
        }
    }

    /// The word at a position.
    ///
    /// # Errors
    /// [`LogError::NotRetained`] if it is not published or was trimmed.
    #[inline]
    pub fn get(&self, position: u64) -> Result<u64, LogError> {
        Ok(self.slices(position, position + 1)?.0[0])
    }
}
