//! Buffers that the kernel picks from when a message arrives (a provided-buffer ring of io_uring).
//!
//! Invariant: a buffer belongs to the kernel from [`Buffers::give_back`] until a completion names it, to us from then on until it is
//! given back; only in that time is there a reference to its bytes.
//!
//! ```text
//! ring (one page or more, shared)          slab
//! entry 0: address, length, id, tail ────▶ buffer id: |recvmsg_out 16|name|control|payload ...........|
//! entry 1: address, length, id             lengths are those of the shape; buffers begin at multiples of 64 bytes that are not
//! ...                                      all multiples of a page: their first lines lie in different sets of the cache
//! ```

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Anonymous memory, page aligned, that stays where it is.
struct Mapping {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is memory without an owner thread; `Buffers` is used by one thread at a time (`&mut self`).
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(length: usize) -> io::Result<Mapping> {
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        let base = unsafe {
            mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)?
        };
        let base = NonNull::new(base.cast()).expect("a mapping is not at address 0");
        Ok(Mapping { base, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping made above, and no reference into it outlives `&mut self` of its owner. That the kernel no
        // longer writes into it is kept by the owner of the ring (`MessageRing::drop`).
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
    }
}

/// The buffers of one ring.
pub(super) struct Buffers {
    entries: Mapping,
    slab: Mapping,
    count: u16,
    size: usize,
    /// From one buffer to the next, in bytes.
    stride: usize,
    /// Entries written; the kernel sees them once they are published.
    tail: u16,
}

impl Buffers {
    /// `count` buffers (a power of two) of `size` bytes, all to be handed to the kernel.
    pub(super) fn new(count: u16, size: usize) -> io::Result<Buffers> {
        let stride = size.next_multiple_of(64);
        let stride = if stride.is_multiple_of(4096) { stride + 64 } else { stride };
        let entries = Mapping::new(usize::from(count) * size_of::<BufRingEntry>())?;
        let slab = Mapping::new(usize::from(count) * stride)?;
        let mut buffers = Buffers { entries, slab, count, size, stride, tail: 0 };
        for id in 0..count {
            buffers.give_back(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// Where the ring is, for its registration.
    pub(super) fn ring(&self) -> (u64, u16) {
        (self.entries.base.as_ptr() as u64, self.count)
    }

    /// Hands a buffer to the kernel, visible to it after [`Buffers::publish`].
    pub(super) fn give_back(&mut self, id: u16) {
        assert!(id < self.count);
        let at = usize::from(self.tail & (self.count - 1));
        // SAFETY: `at` is below the number of entries, so this entry lies in the mapping, which is aligned to a page. The kernel
        // reads only entries between its head and the published tail, and there are as many entries as buffers: this one is not
        // among them. The tail, which lies in the spare field of entry 0, is not written by the setters. Test:
        // `more_messages_than_buffers_arrive_in_order`.
        let entry = unsafe { &mut *self.entries.base.as_ptr().cast::<BufRingEntry>().add(at) };
        entry.set_addr(self.slab.base.as_ptr() as u64 + (usize::from(id) * self.stride) as u64);
        entry.set_len(self.size as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Shows the kernel what was given back.
    pub(super) fn publish(&mut self) {
        // SAFETY: the tail is a u16 in the first entry of the mapping, aligned to two bytes; only we write it, and the kernel
        // reads it with acquire ordering. Test: as above.
        let tail =
            unsafe { &*BufRingEntry::tail(self.entries.base.as_ptr().cast::<BufRingEntry>()).cast::<AtomicU16>() };
        // Release; pairs with the kernel's acquire load when it picks a buffer: it sees the entries below the tail.
        tail.store(self.tail, Ordering::Release);
    }

    /// The first `length` bytes of a buffer that a completion has named and that was not given back since.
    pub(super) fn bytes(&mut self, id: u16, length: usize) -> &mut [u8] {
        assert!(id < self.count && length <= self.size);
        // SAFETY: within the slab by the assertion. The kernel has let go of the buffer: its completion was seen, by the caller's
        // word; the reference borrows `self`, and giving the buffer back needs `&mut self`. Test: as above.
        unsafe { std::slice::from_raw_parts_mut(self.slab.base.as_ptr().add(usize::from(id) * self.stride), length) }
    }

    /// Bytes of one buffer.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}
