//! What clones share, for changing it: `Arc::make_mut` without its locked instructions.
//!
//! A structure's edit passes half a dozen shared nodes. `Arc::make_mut` locks the bus at
//! each, against `Weak` pointers that appear meanwhile; our nodes have none.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// True if no other `Arc` shares it. Nobody can come to share it while it is borrowed.
#[inline]
fn is_alone<T: ?Sized>(shared: &mut Arc<T>) -> bool {
    let is_alone = Arc::strong_count(shared) == 1;
    // What the last other owner did before it let go is seen from here on.
    fence(Ordering::Acquire);
    is_alone
}

/// The contents of what is not shared (any more).
#[inline]
fn own<T: ?Sized>(shared: &mut Arc<T>) -> &mut T {
    debug_assert!(Arc::get_mut(shared).is_some(), "a shared node is changed");
    // SAFETY: the callers made sure that this is the only `Arc`; it is borrowed for
    // changing, so none is made from it meanwhile, and there are no `Weak`s of nodes.
    unsafe { &mut *Arc::as_ptr(shared).cast_mut() }
}

/// The contents, copied first if a clone shares them.
#[inline]
pub fn unshared<T: Clone>(shared: &mut Arc<T>) -> &mut T {
    if !is_alone(shared) {
        *shared = Arc::new(T::clone(shared));
    }
    own(shared)
}

/// As `unshared`, for slices.
#[inline]
pub fn unshared_slice<T: Clone>(shared: &mut Arc<[T]>) -> &mut [T] {
    if !is_alone(shared) {
        *shared = Arc::from(&shared[..]);
    }
    own(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_copied_before_it_changes() {
        let mut one = Arc::new(vec![1]);
        unshared(&mut one).push(2);
        let other = Arc::clone(&one);
        unshared(&mut one).push(3);
        assert_eq!((&one[..], &other[..]), (&[1, 2, 3][..], &[1, 2][..]));
        let mut slice: Arc<[i32]> = Arc::from([1, 2]);
        let kept = Arc::clone(&slice);
        unshared_slice(&mut slice)[0] = 7;
        assert_eq!((&slice[..], &kept[..]), (&[7, 2][..], &[1, 2][..]));
    }
}
