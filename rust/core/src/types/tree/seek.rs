//! Ways to walk down the tree.

/// Chooses a child at each node on the way down.
pub trait Seek<K> {
    /// The child to go to; called once for each level, never with no children.
    fn child(&mut self, counts: &[usize], keys: &[K]) -> usize;

    /// Where in the leaf, when all children were chosen.
    fn offset(&self) -> usize {
        0
    }
}

/// To the element at a position, which must be one.
#[derive(Debug, Clone, Copy)]
pub struct At(pub usize);

impl<K> Seek<K> for At {
    #[inline]
    fn child(&mut self, counts: &[usize], _: &[K]) -> usize {
        let last = counts.len() - 1;
        for (at, &count) in counts[..last].iter().enumerate() {
            if self.0 < count {
                return at;
            }
            self.0 -= count;
        }
        last
    }

    fn offset(&self) -> usize {
        self.0
    }
}

/// To the gap before a position, for inserting; of two leaves, to the end of the left.
#[derive(Debug, Clone, Copy)]
pub struct Gap(pub usize);

impl<K> Seek<K> for Gap {
    #[inline]
    fn child(&mut self, counts: &[usize], _: &[K]) -> usize {
        let last = counts.len() - 1;
        for (at, &count) in counts[..last].iter().enumerate() {
            if self.0 <= count {
                return at;
            }
            self.0 -= count;
        }
        last
    }

    fn offset(&self) -> usize {
        self.0
    }
}

/// To the last leaf whose least key is one that the question answers with yes. The
/// answers must be yes up to some key and no from there on.
#[derive(Debug, Clone, Copy)]
pub struct Start<F>(pub F);

impl<K, F: FnMut(&K) -> bool> Seek<K> for Start<F> {
    #[inline]
    fn child(&mut self, _: &[usize], keys: &[K]) -> usize {
        keys[1..].partition_point(|key| (self.0)(key))
    }
}
