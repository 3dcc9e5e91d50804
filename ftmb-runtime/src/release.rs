//! Symbolic replay: which determinants are safe to build on, without the program (protocol section 4).
//!
//! Invariant: what is passed is the least fixed point of the rule over what is stable, whatever the interleaving, because
//! `base` is stored before `rel` is incremented, both with release order, and every condition is an equality on one of them
//! that stays true until the word that needs it has passed. So any number of threads may own cursors over one [`Tables`].

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicU32, Ordering};

use crate::determinant::{Kind, Word};
use crate::log::{LogError, WordReader};

/// Why symbolic replay cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A word that no core writes.
    #[error("{}: word {position}: expected a determinant of one of {variables} variables, found {word}", path.display())]
    Word {
        /// The log.
        path: std::path::PathBuf,
        /// Position in words.
        position: u64,
        /// How many variables there are.
        variables: usize,
        /// What stands there.
        word: Word,
    },
}

#[derive(Debug, Default)]
struct Cell {
    /// Sections closed.
    rel: AtomicU32,
    /// `rel` just after the last exclusive one.
    base: AtomicU32,
}

/// Per variable, how many sections have closed. Shared by all release threads.
#[derive(Debug)]
pub struct Tables {
    cells: Box<[Cell]>,
}

impl Tables {
    /// Counts of zero for so many variables.
    pub fn new(variables: usize) -> Tables {
        Tables { cells: (0..variables).map(|_| Cell::default()).collect() }
    }

    /// Sets a variable to a checkpoint's counts. Only while no cursor advances.
    ///
    /// # Panics
    /// If there is no such variable.
    pub fn set(&self, id: u32, acquired: u32, base: u32) {
        let cell = &self.cells[id as usize];
        cell.base.store(base, Ordering::SeqCst);
        cell.rel.store(acquired, Ordering::SeqCst);
    }

    /// Sections closed and `base` of a variable.
    ///
    /// # Panics
    /// If there is no such variable.
    pub fn counts(&self, id: u32) -> (u32, u32) {
        let cell = &self.cells[id as usize];
        (cell.rel.load(Ordering::SeqCst), cell.base.load(Ordering::SeqCst))
    }

    /// How many variables there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

/// One core's place in symbolic replay.
///
/// ```
/// use ftmb_runtime::determinant::Word;
/// use ftmb_runtime::log::{Log, LogKind, LogSpec};
/// use ftmb_runtime::release::{Cursor, Tables};
/// let spec = LogSpec { kind: LogKind::Det, capacity: 1 << 17, fingerprint: 0 };
/// let (first, second) = (Log::anonymous(spec)?, Log::anonymous(spec)?);
/// let (mut a, mut b) = (first.word_writer(), second.word_writer());
/// a.push(Word::write(0, 0).0); // core 0 enters v0 first ...
/// b.push(Word::write(0, 1).0); // ... then core 1
/// b.publish();
/// let tables = Tables::new(1);
/// let (mut core0, mut core1) = (Cursor::new(0), Cursor::new(0));
/// assert_eq!(core1.advance(&tables, &second.word_reader(), second.tail())?, 0, "waits for core 0's word");
/// a.publish();
/// assert_eq!(core0.advance(&tables, &first.word_reader(), first.tail())?, 1);
/// assert_eq!(core1.advance(&tables, &second.word_reader(), second.tail())?, 1);
/// # Ok::<(), ftmb_runtime::release::ReleaseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cursor {
    position: u64,
}

impl Cursor {
    /// Starts at a position (a checkpoint's).
    pub fn new(at: u64) -> Cursor {
        Cursor { position: at }
    }

    /// Everything below has passed.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Passes words below `stable` as far as the rule allows; returns how many. O(1) a word.
    ///
    /// # Errors
    /// [`ReleaseError::Log`] if the log does not retain the words, [`ReleaseError::Word`] for a word that cannot be.
    pub fn advance(&mut self, tables: &Tables, words: &WordReader, stable: u64) -> Result<u64, ReleaseError> {
        if stable <= self.position {
            return Ok(0);
        }
        let (first, second) = words.slices(self.position, stable)?;
        let total = first.len() + second.len();
        let mut at = 0;
        while at < total {
            let word = Word(if at < first.len() { first[at] } else { second[at - first.len()] });
            let (kind, count) = (word.kind(), word.count());
            if kind == Some(Kind::Draw) {
                let len = 1 + count as usize;
                if total - at < len {
                    break;
                }
                at += len;
                continue;
            }
            let Some(cell) = tables.cells.get(word.id() as usize) else {
                return Err(self.unknown(at, tables, words, word));
            };
            match kind {
                Some(Kind::WriteNarrow) => {
                    // Acquire; pairs with the Release increments: what closed before is visible, `base` included.
                    if cell.rel.load(Ordering::Acquire) != count {
                        break;
                    }
                    // Release, base first; pairs with the Acquire loads of `base` and `rel`. An add, not a store: a reader of the
                    // new `base` may pass and close between the two.
                    cell.base.store(count.wrapping_add(1), Ordering::Release);
                    cell.rel.fetch_add(1, Ordering::Release);
                }
                Some(Kind::ReadNarrow) => {
                    // Acquire; pairs with the Release stores of `base`.
                    if cell.base.load(Ordering::Acquire) != count {
                        break;
                    }
                    // Release; pairs with the Acquire load of `rel`. Shared sections close concurrently, so add.
                    cell.rel.fetch_add(1, Ordering::Release);
                }
                Some(Kind::WriteWide) => {
                    // Acquire, as for a narrow one; its effect waits for its exit.
                    if cell.rel.load(Ordering::Acquire) != count {
                        break;
                    }
                }
                Some(Kind::ReadWide) => {
                    // Acquire, as for a narrow one; its effect waits for its exit.
                    if cell.base.load(Ordering::Acquire) != count {
                        break;
                    }
                }
                Some(Kind::Exit) => {
                    // Release, base first; pairs with the Acquire loads above.
                    cell.base.store(count, Ordering::Release);
                    cell.rel.fetch_add(1, Ordering::Release);
                }
                Some(Kind::Draw) | None => return Err(self.unknown(at, tables, words, word)),
            }
            at += 1;
        }
        self.position += at as u64;
        Ok(at as u64)
    }

    #[cold]
    fn unknown(&self, at: usize, tables: &Tables, words: &WordReader, word: Word) -> ReleaseError {
        ReleaseError::Word {
            path: words.log().path().into(),
            position: self.position + at as u64,
            variables: tables.len(),
            word,
        }
    }
}
