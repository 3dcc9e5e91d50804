//! The determinant: one 64-bit word that records one non-deterministic event (protocol section 3).
//!
//! ```text
//! 63  61 60                          32 31                                0
//! | kind | variable id (29 bits)       | count (32 bits)                  |
//! ```
//!
//! Counts are compared for equality modulo 2^32. A variable that is read exactly 2^32 - 1 times between two writes would give the
//! readers before and after the second write the same `base`; replay could then take one for the other. It needs both within one
//! checkpoint interval, and the exact number: one chance in 2^32 per write of a variable that is read that often.
//!
//! Invariant: zero is no word, so that a pending word of zero means "none"; widening a word changes its kind only.

/// Largest variable id.
pub const MAX_VARIABLE: u32 = (1 << 29) - 1;

/// What a word records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Exclusive section that nothing else of the core falls into; the count is `acq` before it.
    WriteNarrow = 1,
    /// Exclusive section that is closed by an [`Exit`](Kind::Exit).
    WriteWide = 2,
    /// Shared section that nothing else falls into; the count is `base`.
    ReadNarrow = 3,
    /// Shared section that is closed by an [`Exit`](Kind::Exit).
    ReadWide = 4,
    /// End of a wide section; the count is what `base` becomes.
    Exit = 5,
    /// A draw: the id is its tag, the count the number of value words that follow.
    Draw = 6,
}

/// One determinant.
///
/// ```
/// use ftmb_runtime::determinant::{Kind, Word};
/// let word = Word::write(17, 5);
/// assert_eq!((word.kind(), word.id(), word.count()), (Some(Kind::WriteNarrow), 17, 5));
/// assert_eq!(word.widen().kind(), Some(Kind::WriteWide));
/// assert_eq!(word.to_string(), "W(v17, 5)");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word(pub u64);

impl Word {
    #[inline]
    const fn new(kind: Kind, id: u32, count: u32) -> Word {
        Word(((kind as u64) << 61) | ((id as u64) << 32) | count as u64)
    }

    /// Exclusive section of a variable, narrow so far.
    #[inline]
    pub const fn write(id: u32, acquired: u32) -> Word {
        Word::new(Kind::WriteNarrow, id, acquired)
    }

    /// Shared section of a variable, narrow so far.
    #[inline]
    pub const fn read(id: u32, base: u32) -> Word {
        Word::new(Kind::ReadNarrow, id, base)
    }

    /// End of a wide section.
    #[inline]
    pub const fn exit(id: u32, base: u32) -> Word {
        Word::new(Kind::Exit, id, base)
    }

    /// A draw of `len` value words.
    #[inline]
    pub const fn draw(tag: u32, len: u32) -> Word {
        Word::new(Kind::Draw, tag, len)
    }

    /// The wide form of a narrow word.
    #[inline]
    pub const fn widen(self) -> Word {
        Word(self.0 + (1 << 61))
    }

    /// What it records; `None` if this is no determinant.
    #[inline]
    pub const fn kind(self) -> Option<Kind> {
        match self.0 >> 61 {
            1 => Some(Kind::WriteNarrow),
            2 => Some(Kind::WriteWide),
            3 => Some(Kind::ReadNarrow),
            4 => Some(Kind::ReadWide),
            5 => Some(Kind::Exit),
            6 => Some(Kind::Draw),
            _ => None,
        }
    }

    /// The variable, or the tag of a draw.
    #[inline]
    pub const fn id(self) -> u32 {
        (self.0 >> 32) as u32 & MAX_VARIABLE
    }

    /// The count, or the length of a draw.
    #[inline]
    pub const fn count(self) -> u32 {
        self.0 as u32
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (id, count) = (self.id(), self.count());
        match self.kind() {
            Some(Kind::WriteNarrow) => write!(f, "W(v{id}, {count})"),
            Some(Kind::WriteWide) => write!(f, "W(v{id}, {count}) wide"),
            Some(Kind::ReadNarrow) => write!(f, "R(v{id}, {count})"),
            Some(Kind::ReadWide) => write!(f, "R(v{id}, {count}) wide"),
            Some(Kind::Exit) => write!(f, "X(v{id}, {count})"),
            Some(Kind::Draw) => write!(f, "D({id}, {count})"),
            None => write!(f, "no determinant ({:#x})", self.0),
        }
    }
}

/// What a draw was about; the tag of its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum DrawTag {
    /// A `try_lock` that failed; one value word: the variable.
    FailedTry = 1,
    /// The real clock; one value word: ns.
    RealTime = 2,
    /// Entropy of the operating system.
    Entropy = 3,
}
