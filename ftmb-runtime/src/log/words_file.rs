//! A small mapped file of atomic words: the group record and the bells. Invariant: words are only ever accessed atomically.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::map::{HEADER_LEN, Map, fallocate_new};
use super::{Bell, LogError};

const MAGIC: u64 = u64::from_le_bytes(*b"ftmb-wrd");

/// Shared words with a header page in front: magic, fingerprint, number of words. Clones share the mapping.
///
/// ```
/// use std::sync::atomic::Ordering;
/// let words = ftmb_runtime::log::Words::anonymous(8)?;
/// words.word(3).store(42, Ordering::Release);
/// assert_eq!(words.word(3).load(Ordering::Acquire), 42);
/// # Ok::<(), ftmb_runtime::log::LogError>(())
/// ```
#[derive(Clone)]
pub struct Words {
    map: Arc<Map>,
    len: usize,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Words").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Words {
    /// Creates the file, all words zero.
    ///
    /// # Errors
    /// [`LogError::Io`] with the step that failed.
    pub fn create(path: &Path, len: usize, fingerprint: u64) -> Result<Words, LogError> {
        let map = fallocate_new(path, (HEADER_LEN + 8 * len) as u64, |map| {
            map.write(0, &MAGIC.to_le_bytes());
            map.write(8, &fingerprint.to_le_bytes());
            map.write(16, &(len as u64).to_le_bytes());
        })?;
        Ok(Words { map: Arc::new(map), len })
    }

    /// Attaches to the file.
    ///
    /// # Errors
    /// [`LogError::Foreign`], [`LogError::Mismatch`] (fingerprint or number of words), [`LogError::Truncated`].
    pub fn open(path: &Path, len: usize, fingerprint: u64) -> Result<Words, LogError> {
        let words = Words::open_any(path, len)?;
        let found = words.fingerprint();
        if found != fingerprint {
            let (what, expected) = ("fingerprint", fingerprint);
            return Err(LogError::Mismatch { path: path.into(), position: 8, what, expected, found });
        }
        Ok(words)
    }

    /// Attaches without knowing the fingerprint, for those who only look.
    ///
    /// # Errors
    /// As [`Words::open`], without the fingerprint.
    pub fn open_any(path: &Path, len: usize) -> Result<Words, LogError> {
        let map = Map::open(path)?;
        let expected = (HEADER_LEN + 8 * len) as u64;
        if (map.len() as u64) < expected {
            return Err(LogError::Truncated { path: path.into(), expected, found: map.len() as u64 });
        }
        if map.u64(0) != MAGIC {
            return Err(LogError::Foreign { path: path.into(), expected: MAGIC, found: map.u64(0) });
        }
        if map.u64(16) != len as u64 {
            let (what, expected, found) = ("number of words", len as u64, map.u64(16));
            return Err(LogError::Mismatch { path: path.into(), position: 16, what, expected, found });
        }
        Ok(Words { map: Arc::new(map), len })
    }

    /// Words of this process only.
    ///
    /// # Errors
    /// [`LogError::Io`] if memory cannot be mapped.
    pub fn anonymous(len: usize) -> Result<Words, LogError> {
        let map = Map::anonymous(HEADER_LEN + 8 * len, Path::new("(memory)"))?;
        Ok(Words { map: Arc::new(map), len })
    }

    /// What the creator passed.
    pub fn fingerprint(&self) -> u64 {
        self.map.u64(8)
    }

    /// One word.
    ///
    /// # Panics
    /// If there is no such word.
    #[inline]
    pub fn word(&self, i: usize) -> &AtomicU64 {
        assert!(i < self.len, "word {i} of {}", self.len);
        self.map.atomic(HEADER_LEN + 8 * i)
    }

    /// The word as a bell. A word is either a bell or a number, for good.
    ///
    /// # Panics
    /// If there is no such word.
    #[inline]
    pub fn bell(&self, i: usize) -> Bell<'_> {
        Bell::over(self.word(i))
    }
}
