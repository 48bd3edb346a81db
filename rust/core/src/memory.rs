//! The allocator and what it says of itself.
//!
//! `Counting` is jemalloc (the system's allocator where jemalloc does not build) that
//! keeps the sum of what is allocated, rounded up to the allocator's size classes:
//! `used_memory`. Whoever links a program or an extension installs it:
//!
//!     #[global_allocator]
//!     static ALLOCATOR: Counting = Counting;
//!
//! jemalloc is built with a quantum of 8 bytes (`.cargo/config.toml`): up to 64 bytes
//! the classes are 8 apart instead of 16, so an entry of 38 bytes costs 40, not 48.
//! Then memory of such a class is aligned to 8 bytes only, whereas `tikv-jemallocator`
//! takes 16 for granted; so this talks to jemalloc itself and asks for larger
//! alignments by name.
//!
//! Cost: one relaxed atomic addition for each call.

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

static USED_BYTES: AtomicUsize = AtomicUsize::new(0);
static IS_GLOBAL: AtomicBool = AtomicBool::new(cfg!(test));
static PEAK_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The counting allocator; see the head of this file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

/// Whoever made `Counting` the global allocator says so: only then may `relocation` ask
/// jemalloc about blocks.
pub fn tell_that_it_is_global() {
    IS_GLOBAL.store(true, Relaxed);
}

#[inline]
pub(crate) fn is_global() -> bool {
    IS_GLOBAL.load(Relaxed)
}

/// Bytes allocated now, size classes included; 0 if `Counting` is not installed. O(1).
#[inline]
pub fn used_bytes() -> usize {
    // A block may be freed by another thread before its allocation was counted.
    let used = USED_BYTES.load(Relaxed);
    if used > usize::MAX / 2 { 0 } else { used }
}

/// The most that `used_bytes` was when somebody looked, which is now, too. O(1).
pub fn peak_bytes() -> usize {
    let used = used_bytes();
    PEAK_BYTES.fetch_max(used, Relaxed).max(used)
}

/// Forgets the peak (CONFIG RESETSTAT does not, tests do).
pub fn reset_peak() {
    PEAK_BYTES.store(used_bytes(), Relaxed);
}

/// What the allocator says of its own memory, for INFO and MEMORY STATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllocatorStats {
    /// Bytes handed out.
    pub allocated: usize,
    /// Bytes of pages that hold at least one block.
    pub active: usize,
    /// Bytes of physical memory.
    pub resident: usize,
}

// SAFETY: every call goes to the allocator as it came; counting changes no result.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the backend's.
        let block = unsafe { backend::alloc(layout) };
        if !block.is_null() {
            USED_BYTES.fetch_add(backend::class_bytes(layout), Relaxed);
        }
        block
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the backend's.
        let block = unsafe { backend::alloc_zeroed(layout) };
        if !block.is_null() {
            USED_BYTES.fetch_add(backend::class_bytes(layout), Relaxed);
        }
        block
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the backend's.
        unsafe { backend::dealloc(block, layout) };
        USED_BYTES.fetch_sub(backend::class_bytes(layout), Relaxed);
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size is a valid one for the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        let (was, is) = (backend::class_bytes(layout), backend::class_bytes(new));
        // SAFETY: the caller's promise is the backend's.
        let block = unsafe { backend::realloc(block, layout, new) };
        if !block.is_null() && was != is {
            // Wraps around where it shrinks.
            USED_BYTES.fetch_add(is.wrapping_sub(was), Relaxed);
        }
        block
    }
}

/// Bytes that an allocation really takes.
pub fn class_bytes(layout: Layout) -> usize {
    backend::class_bytes(layout)
}

/// Bytes that a buffer of `size` really takes; an empty one takes none. O(1).
pub fn taken_bytes(size: usize) -> usize {
    match Layout::from_size_align(size, 8) {
        Ok(layout) if size > 0 => class_bytes(layout),
        _ => size,
    }
}

/// Bytes that an `Arc` takes, without what is behind the value. O(1).
pub fn shared_bytes<T>() -> usize {
    taken_bytes(2 * size_of::<usize>() + size_of::<T>())
}

/// Bytes that a map in an `Arc` takes, about, without what is behind keys and values. O(1).
pub fn shared_map_bytes<K, V>(map: &BTreeMap<K, V>) -> usize {
    // Nodes have room for 11 pairs; of many, a third is free.
    const NODE_LEN: usize = 11;
    let node = NODE_LEN * (size_of::<K>() + size_of::<V>()) + 2 * size_of::<usize>();
    let nodes = match map.len() {
        len if len <= NODE_LEN => len.min(1),
        len => (len * 3).div_ceil(NODE_LEN * 2),
    };
    shared_bytes::<BTreeMap<K, V>>() + nodes * taken_bytes(node)
}

/// Asks the processor to fetch a line of memory; any address will do.
#[inline]
pub fn prefetch<T>(pointer: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults, and SSE is part of x86_64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(pointer.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = pointer;
}

/// Gives memory that is free but still held back to the system. Takes milliseconds.
pub fn purge() {
    backend::purge();
}

/// Gives back what has been free for about a second (`dirty_decay_ms` in
/// `.cargo/config.toml`): the allocator looks at its clock only when it is used, so an
/// idle server would keep what a burst left. Takes microseconds if there is nothing.
pub fn decay() {
    backend::decay();
}

/// Asks the allocator; None where it has no answer. Takes tens of microseconds.
pub fn allocator_stats() -> Option<AllocatorStats> {
    backend::stats()
}

/// The allocator's own report in its own words (MEMORY MALLOC-STATS).
pub fn allocator_report() -> Option<Vec<u8>> {
    backend::report()
}

/// The allocator's name, as INFO's `mem_allocator` gives it.
pub const ALLOCATOR_NAME: &str = backend::NAME;

#[cfg(not(target_env = "msvc"))]
mod backend {
    use std::alloc::Layout;
    use std::ffi::{CStr, c_char, c_int, c_void};
    use std::ptr;

    use tikv_jemalloc_ctl::{epoch, stats};
    use tikv_jemalloc_sys as jemalloc;

    use super::AllocatorStats;

    pub const NAME: &str = "jemalloc-5.3.1";
    /// The step of the smallest size classes, and what they are aligned to: 8 if the
    /// environment of this build said so, which `.cargo/config.toml` sees to.
    const QUANTUM: usize = match option_env!("JEMALLOC_SYS_WITH_LG_QUANTUM") {
        Some(text) if matches!(text.as_bytes(), b"3") => 8,
        _ => 16,
    };
    /// Larger sizes are rounded in a way that depends on the page size.
    const SMALL_BYTES_MAX: usize = 14 * 1024;
    /// `MALLCTL_ARENAS_ALL`.
    const PURGE_ALL: &[u8] = b"arena.4096.purge\0";
    const DECAY_ALL: &[u8] = b"arena.4096.decay\0";

    #[inline]
    fn flags(layout: Layout) -> c_int {
        if layout.align() <= QUANTUM && layout.align() <= layout.size() {
            0
        } else {
            jemalloc::MALLOCX_ALIGN(layout.align())
        }
    }

    /// # Safety
    /// As `GlobalAlloc::alloc`.
    #[inline]
    pub unsafe fn alloc(layout: Layout) -> *mut u8 {
        // SAFETY: the size is not 0.
        unsafe {
            match flags(layout) {
                0 => jemalloc::malloc(layout.size()).cast(),
                flags => jemalloc::mallocx(layout.size(), flags).cast(),
            }
        }
    }

    /// # Safety
    /// As `GlobalAlloc::alloc_zeroed`.
    #[inline]
    pub unsafe fn alloc_zeroed(layout: Layout) -> *mut u8 {
        // SAFETY: the size is not 0.
        unsafe {
            match flags(layout) {
                0 => jemalloc::calloc(1, layout.size()).cast(),
                flags => jemalloc::mallocx(layout.size(), flags | jemalloc::MALLOCX_ZERO).cast(),
            }
        }
    }

    /// # Safety
    /// As `GlobalAlloc::dealloc`.
    #[inline]
    pub unsafe fn dealloc(block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc` with this layout.
        unsafe { jemalloc::sdallocx(block.cast(), layout.size(), flags(layout)) }
    }

    /// # Safety
    /// As `GlobalAlloc::realloc`; `new` has the alignment of `old`.
    #[inline]
    pub unsafe fn realloc(block: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        // A block that shrinks below its alignment keeps it only if asked for by name.
        let flags = flags(new) | flags(old);
        // SAFETY: the block came from `alloc` with the old layout; the size is not 0.
        unsafe { jemalloc::rallocx(block.cast(), new.size(), flags).cast() }
    }

    #[inline]
    pub fn class_bytes(layout: Layout) -> usize {
        let size = layout.size();
        let flags = flags(layout);
        if flags != 0 || size > SMALL_BYTES_MAX {
            // SAFETY: the size is not 0; this computes and allocates nothing.
            return unsafe { jemalloc::nallocx(size, flags) };
        }
        if size <= 8 {
            return 8;
        }
        // Four classes from one power of two to the next, never finer than the quantum.
        let step = (1 << (usize::BITS - 1 - (size - 1).leading_zeros()) >> 2).max(QUANTUM);
        (size + step - 1) & !(step - 1)
    }

    pub fn purge() {
        control(b"thread.tcache.flush\0");
        control(PURGE_ALL);
    }

    pub fn decay() {
        control(DECAY_ALL);
    }

    /// Runs a control that takes and gives no value.
    fn control(name: &[u8]) {
        assert_eq!(name.last(), Some(&0));
        let null = ptr::null_mut();
        // SAFETY: the name ends in 0, and there are no values.
        unsafe { jemalloc::mallctl(name.as_ptr().cast(), null, ptr::null_mut(), null, 0) };
    }

    pub fn stats() -> Option<AllocatorStats> {
        epoch::advance().ok()?;
        Some(AllocatorStats {
            allocated: stats::allocated::read().ok()?,
            active: stats::active::read().ok()?,
            resident: stats::resident::read().ok()?,
        })
    }

    pub fn report() -> Option<Vec<u8>> {
        unsafe extern "C" fn append(report: *mut c_void, text: *const c_char) {
            // SAFETY: `report` is the vector below, which nobody else uses meanwhile;
            // jemalloc hands over text that ends in 0.
            unsafe {
                let report = &mut *report.cast::<Vec<u8>>();
                report.extend_from_slice(CStr::from_ptr(text).to_bytes());
            }
        }
        let mut report: Vec<u8> = Vec::new();
        // SAFETY: the callback gets the vector, and only during this call.
        unsafe {
            let target = (&raw mut report).cast();
            jemalloc::malloc_stats_print(Some(append), target, ptr::null());
        }
        Some(report)
    }
}

#[cfg(target_env = "msvc")]
mod backend {
    use std::alloc::{GlobalAlloc, Layout, System};

    use super::AllocatorStats;

    pub const NAME: &str = "system";

    /// # Safety
    /// As `GlobalAlloc::alloc`.
    pub unsafe fn alloc(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As `GlobalAlloc::alloc_zeroed`.
    pub unsafe fn alloc_zeroed(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    /// # Safety
    /// As `GlobalAlloc::dealloc`.
    pub unsafe fn dealloc(block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }

    /// # Safety
    /// As `GlobalAlloc::realloc`.
    pub unsafe fn realloc(block: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, old, new.size()) }
    }

    /// The heap of Windows has a header of 16 bytes and steps of 16.
    pub fn class_bytes(layout: Layout) -> usize {
        (layout.size() + 31) & !15
    }

    pub fn purge() {}

    pub fn decay() {}

    pub fn stats() -> Option<AllocatorStats> {
        None
    }

    pub fn report() -> Option<Vec<u8>> {
        None
    }
}

#[cfg(all(test, not(target_env = "msvc")))]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_of_40_bytes_takes_40() {
        // Fails if jemalloc was built without JEMALLOC_SYS_WITH_LG_QUANTUM=3.
        // SAFETY: computes and allocates nothing.
        assert_eq!(unsafe { tikv_jemalloc_sys::nallocx(40, 0) }, 40);
    }

    #[test]
    fn size_classes_are_those_of_the_allocator() {
        for size in (1..20_000).chain((20_000..9_000_000).step_by(4_099)) {
            let layout = Layout::from_size_align(size, 4).unwrap();
            // SAFETY: computes and allocates nothing.
            let real = unsafe { tikv_jemalloc_sys::nallocx(size, 0) };
            assert_eq!(class_bytes(layout), real, "for {size} bytes");
        }
    }

    #[test]
    fn memory_is_aligned_and_keeps_its_bytes() {
        for align in [1, 2, 4, 8, 16, 32, 64] {
            let mut blocks = Vec::new();
            for size in [1, 8, 20, 24, 40, 52, 56, 100, 5_000] {
                let layout = Layout::from_size_align(size, align).unwrap();
                let bigger = Layout::from_size_align(size + 20, align).unwrap();
                // SAFETY: sizes are not 0; writes stay inside; freed below with its layout.
                unsafe {
                    let block = Counting.alloc(layout);
                    block.write_bytes(7, size);
                    let block = Counting.realloc(block, layout, size + 20);
                    assert_eq!(block.addr() % align, 0, "{size} bytes aligned to {align}");
                    assert!(
                        std::slice::from_raw_parts(block, size)
                            .iter()
                            .all(|&b| b == 7)
                    );
                    blocks.push((block, bigger));
                }
            }
            for (block, layout) in blocks {
                // SAFETY: allocated above with this layout.
                unsafe { Counting.dealloc(block, layout) }
            }
        }
    }

    #[test]
    fn stats_and_purge_answer() {
        purge();
        let stats = allocator_stats().unwrap();
        assert!(stats.resident >= stats.active && stats.active >= stats.allocated);
    }
}
