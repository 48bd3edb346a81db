//! Moving blocks out of the allocator's sparsely used slabs, so that whole slabs become
//! free: the least that defragmenting needs to know of jemalloc.
//!
//!     slab of 40-byte blocks   |x|.|.|.|x|.|.|.|    sparser than the average: its two blocks move
//!     another                  |x|x|x|.|x|x|x|x|    … into one of these, and it is free
//!
//! jemalloc fills the oldest slabs with free blocks first, so a block that is allocated
//! anew, past the thread's own cache, lands in one that is in use for long.
//!
//! Cost: a question takes about 50 ns, a move one more copy of the block.

use std::alloc::Layout;
use std::ptr::NonNull;

/// A new place for a block whose slab is emptier than most of its size; None: it is where
/// it should be, or the allocator cannot tell. The old block is the caller's until `retire`.
///
/// # Safety
/// `block` was allocated by the global allocator with this layout.
#[inline]
pub unsafe fn better_place(block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
    if !crate::memory::is_global() {
        return None;
    }
    // SAFETY: the caller's promise, and the global allocator is jemalloc.
    unsafe { backend::better_place(block, layout) }
}

/// Frees a block that has been copied to a better place, past the thread's own cache: from
/// there it would be the first to be handed out again.
///
/// # Safety
/// As `GlobalAlloc::dealloc`; `better_place` gave another block for it.
pub unsafe fn retire(block: NonNull<u8>, layout: Layout) {
    // SAFETY: the caller's promise.
    unsafe { backend::retire(block, layout) }
}

#[cfg(not(target_env = "msvc"))]
mod backend {
    use std::alloc::Layout;
    use std::ffi::c_void;
    use std::ptr::{self, NonNull};
    use std::sync::OnceLock;

    use tikv_jemalloc_sys as jemalloc;

    /// Larger blocks have pages of their own.
    const SMALL_BYTES_MAX: usize = 14 * 1024;
    const QUERY: &[u8] = b"experimental.utilization.query\0";
    /// `MALLOCX_TCACHE_NONE`: past the cache of the thread.
    const UNCACHED: i32 = 1 << 8;

    /// What jemalloc answers about the slab of a block, field by field.
    #[repr(C)]
    #[derive(Default)]
    struct Utilization {
        current_slab: usize,
        free: usize,
        blocks: usize,
        slab_bytes: usize,
        all_free: usize,
        all_blocks: usize,
    }

    /// The query's name as numbers; empty if this jemalloc has no such query.
    fn query() -> &'static [usize] {
        static NUMBERS: OnceLock<Vec<usize>> = OnceLock::new();
        NUMBERS.get_or_init(|| {
            let mut numbers = vec![0; 3];
            let mut count = numbers.len();
            // SAFETY: the name ends in 0; there is room for `count` numbers.
            let failed = unsafe {
                jemalloc::mallctlnametomib(
                    QUERY.as_ptr().cast(),
                    numbers.as_mut_ptr(),
                    &raw mut count,
                )
            };
            numbers.truncate(if failed == 0 { count } else { 0 });
            numbers
        })
    }

    fn utilization(block: NonNull<u8>) -> Option<Utilization> {
        let numbers = query();
        if numbers.is_empty() {
            return None;
        }
        let mut answer = Utilization::default();
        let mut answer_bytes = size_of::<Utilization>();
        let mut address: *mut c_void = block.as_ptr().cast();
        // SAFETY: both buffers are of the sizes said; the query takes a pointer's bytes.
        let failed = unsafe {
            jemalloc::mallctlbymib(
                numbers.as_ptr(),
                numbers.len(),
                (&raw mut answer).cast(),
                &raw mut answer_bytes,
                (&raw mut address).cast(),
                size_of::<*mut c_void>(),
            )
        };
        (failed == 0 && answer_bytes == size_of::<Utilization>()).then_some(answer)
    }

    /// # Safety
    /// As `super::better_place`.
    pub unsafe fn better_place(block: NonNull<u8>, layout: Layout) -> Option<NonNull<u8>> {
        if layout.size() > SMALL_BYTES_MAX {
            return None;
        }
        let slab = utilization(block)?;
        let in_current = block
            .as_ptr()
            .addr()
            .checked_sub(slab.current_slab)
            .is_some_and(|offset| offset < slab.slab_bytes);
        // Full slabs have nothing to give; those at the average would change places for ever.
        let is_sparse = slab.free > 0
            && slab.free * slab.all_blocks > slab.all_free * slab.blocks
            && slab.all_free > slab.blocks;
        if in_current || !is_sparse {
            return None;
        }
        // SAFETY: the size is not 0, for a block of it exists.
        let place = unsafe { jemalloc::mallocx(layout.size(), flags(layout)) };
        NonNull::new(place.cast::<u8>())
    }

    /// # Safety
    /// As `super::retire`.
    pub unsafe fn retire(block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { jemalloc::sdallocx(block.as_ptr().cast(), layout.size(), flags(layout)) }
    }

    /// Every size class is aligned to 8 bytes at least; only more is asked for by name, as
    /// `memory` does.
    fn flags(layout: Layout) -> i32 {
        let named = layout.align() > 8 || layout.align() > layout.size();
        let alignment = if named {
            jemalloc::MALLOCX_ALIGN(layout.align())
        } else {
            0
        };
        UNCACHED | alignment
    }

    const _: () = assert!(size_of::<ptr::NonNull<u8>>() == size_of::<usize>());
}

#[cfg(target_env = "msvc")]
mod backend {
    use std::alloc::{Layout, dealloc};
    use std::ptr::NonNull;

    /// # Safety
    /// None is asked for.
    pub unsafe fn better_place(_: NonNull<u8>, _: Layout) -> Option<NonNull<u8>> {
        None
    }

    /// # Safety
    /// As `super::retire`.
    pub unsafe fn retire(block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(block.as_ptr(), layout) }
    }
}

#[cfg(all(test, not(target_env = "msvc")))]
mod tests {
    use std::alloc::{alloc, dealloc};

    use super::*;

    #[test]
    fn blocks_of_sparse_slabs_move_and_those_of_full_ones_stay() {
        // A size that nothing else here uses.
        let layout = Layout::from_size_align(6_000, 8).unwrap();
        // SAFETY: sizes are not 0; each block is freed once, with its layout.
        unsafe {
            let mut blocks: Vec<NonNull<u8>> = (0..400)
                .map(|_| NonNull::new(alloc(layout)).unwrap())
                .collect();
            let mut kept = Vec::new();
            for (at, block) in blocks.drain(..).enumerate() {
                if at < 200 || at % 10 == 0 {
                    kept.push(block);
                } else {
                    dealloc(block.as_ptr(), layout);
                }
            }
            crate::memory::purge();
            let (mut moved, mut stayed) = (0, 0);
            for block in &mut kept {
                match better_place(*block, layout) {
                    Some(place) => {
                        retire(*block, layout);
                        *block = place;
                        moved += 1;
                    }
                    None => stayed += 1,
                }
            }
            for block in kept {
                dealloc(block.as_ptr(), layout);
            }
            assert!(moved >= 10, "{moved} moved");
            assert!(stayed >= 180, "{stayed} stayed");
        }
    }
}
