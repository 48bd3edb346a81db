//! How the vectors of a run grow and shrink: by the sizes that the allocator has.

use std::alloc::Layout;

use crate::memory::class_bytes;

/// Makes room for `more` elements, no more than the allocator rounds up to anyway.
pub(in crate::types) fn reserve_class<T>(vec: &mut Vec<T>, more: usize) {
    let needed = vec.len() + more;
    if needed > vec.capacity()
        && let Ok(layout) = Layout::array::<T>(needed)
    {
        vec.reserve_exact(class_bytes(layout) / size_of::<T>() - vec.len());
    }
}

/// As `reserve_class`, but doubles up to `most` elements: a run that is filled element by
/// element touches few of the allocator's classes, each of which keeps some pages.
pub(super) fn reserve_doubled<T>(vec: &mut Vec<T>, more: usize, most: usize) {
    if vec.len() + more > vec.capacity() {
        let spare = vec.len().min(most.saturating_sub(vec.len()));
        reserve_class(vec, more.max(spare));
    }
}

/// Gives memory back when less than half is used.
pub(in crate::types) fn shrink_class<T>(vec: &mut Vec<T>) {
    if vec.len() * 2 < vec.capacity()
        && let Ok(layout) = Layout::array::<T>(vec.len())
    {
        let class = if vec.is_empty() {
            0
        } else {
            class_bytes(layout)
        };
        vec.shrink_to(class / size_of::<T>());
    }
}
