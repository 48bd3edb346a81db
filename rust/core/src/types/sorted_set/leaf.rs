//! A leaf of a sorted set: up to 128 members with their scores, at most 4 KB.
//!
//!     scores  | 1.0 | 1.0 | 2.5 |     f64 each, in order
//!     members | "a" | "b" | "a…" |    a `Run`; equal scores order by member
//!     tags    |  9  | 200 |  9  |     8 bits of the members' hashes, to find one by name
//!
//! A member's deadline, when members get one, has its place here: an optional fourth
//! array of u48 beside the scores, absent where no member has one.
//!
//! Invariants (`check`): three arrays of one length; entries strictly increase; tags
//! are those of the members; no score is NaN (-0 and 0 are equal and both kept).

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::types::run::{Run, reserve_class, shrink_class};
use crate::types::tree::{FULL, Leaf};

const SLOTS_MAX: usize = if cfg!(test) { 6 } else { 128 };
const BYTES_MAX: usize = if cfg!(test) { 48 } else { 2560 };

#[derive(Debug, Clone, Default)]
pub struct ScoreLeaf {
    scores: Vec<f64>,
    members: Run,
    tags: Vec<u8>,
}

/// The hash of a member, of which the index keeps the upper half.
#[inline]
pub fn hash(member: &[u8]) -> u64 {
    static SEED: OnceLock<ahash::RandomState> = OnceLock::new();
    let seed = SEED.get_or_init(|| {
        if cfg!(test) {
            ahash::RandomState::with_seeds(1, 2, 3, 4)
        } else {
            ahash::RandomState::new()
        }
    });
    let mut hasher = std::hash::BuildHasher::build_hasher(seed);
    std::hash::Hasher::write(&mut hasher, member);
    std::hash::Hasher::finish(&hasher)
}

/// The part of a hash that a leaf keeps; known to those who know the upper half.
#[inline]
fn tag(hash: u64) -> u8 {
    (hash >> 32) as u8
}

/// A bound between leaves: a score and as much of a member as tells them apart.
#[derive(Debug, Clone)]
pub struct Least {
    pub score: f64,
    prefix: Prefix,
}

#[derive(Debug, Clone)]
enum Prefix {
    Short(u8, [u8; 22]),
    Long(Arc<[u8]>),
}

impl Least {
    fn new(score: f64, prefix: &[u8]) -> Least {
        let mut short = [0; 22];
        let prefix = match short.get_mut(..prefix.len()) {
            Some(place) => {
                place.copy_from_slice(prefix);
                Prefix::Short(prefix.len() as u8, short)
            }
            None => Prefix::Long(Arc::from(prefix)),
        };
        Least { score, prefix }
    }

    #[inline]
    pub fn member(&self) -> &[u8] {
        match &self.prefix {
            Prefix::Short(len, bytes) => &bytes[..usize::from(*len)],
            Prefix::Long(bytes) => bytes,
        }
    }

    /// True unless this is after the entry.
    #[inline]
    pub fn reaches(&self, score: f64, member: &[u8]) -> bool {
        self.score < score || (self.score == score && self.member() <= member)
    }
}

/// The order of entries.
#[inline]
pub fn compare(left: (f64, &[u8]), right: (f64, &[u8])) -> Ordering {
    let scores = left.0.partial_cmp(&right.0).unwrap_or(Ordering::Equal);
    scores.then_with(|| left.1.cmp(right.1))
}

impl ScoreLeaf {
    #[inline]
    pub fn score(&self, at: usize) -> f64 {
        self.scores[at]
    }

    #[inline]
    pub fn member(&self, at: usize) -> &[u8] {
        self.members.get(at)
    }

    #[inline]
    pub fn entry(&self, at: usize) -> (&[u8], f64) {
        (self.members.get(at), self.scores[at])
    }

    /// Where the member stands, if it is here. O(entries), 16 at a time.
    #[inline]
    pub fn find(&self, hash: u64, member: &[u8]) -> Option<usize> {
        memchr::memchr_iter(tag(hash), &self.tags).find(|&at| self.members.get(at) == member)
    }

    /// The entries whose members have this upper half of the hash.
    pub fn with_hash(&self, upper: u32) -> impl Iterator<Item = (&[u8], f64)> {
        let alike = memchr::memchr_iter(upper as u8, &self.tags);
        alike
            .map(|at| self.entry(at))
            .filter(move |(member, _)| (hash(member) >> 32) as u32 == upper)
    }

    /// The first entry that is not before this one.
    #[inline]
    pub fn lower(&self, score: f64, member: &[u8]) -> usize {
        let from = self.scores_while(|other| other < score);
        let to = self.scores_while(|other| other <= score);
        from + partition(to - from, |at| self.members.get(from + at) < member)
    }

    /// How many scores the question answers with yes, if those are the first ones.
    #[inline]
    pub fn scores_while(&self, question: impl Fn(f64) -> bool) -> usize {
        self.scores.partition_point(|&score| question(score))
    }

    /// How many members the question answers with yes, if those are the first ones.
    pub fn members_while(&self, question: impl Fn(&[u8]) -> bool) -> usize {
        partition(self.scores.len(), |at| question(self.members.get(at)))
    }

    pub fn insert(&mut self, at: usize, score: f64, member: &[u8], hash: u64) {
        reserve_class(&mut self.scores, 1);
        self.scores.insert(at, score);
        reserve_class(&mut self.tags, 1);
        self.tags.insert(at, tag(hash));
        self.members.insert(at, member);
    }

    pub fn remove(&mut self, range: Range<usize>) {
        self.scores.drain(range.clone());
        shrink_class(&mut self.scores);
        self.tags.drain(range.clone());
        shrink_class(&mut self.tags);
        self.members.remove(range);
    }

    /// Changes a score if the entry keeps its place between others of this leaf.
    pub fn rescore(&mut self, at: usize, score: f64) -> bool {
        let fits = self.could_rescore(at, score);
        if fits {
            self.scores[at] = score;
        }
        fits
    }

    /// True if `rescore` would change the score.
    pub fn could_rescore(&self, at: usize, score: f64) -> bool {
        if at == 0 || at + 1 == self.scores.len() {
            return false;
        }
        let entry = (score, self.members.get(at));
        let beside = |at: usize| (self.scores[at], self.members.get(at));
        compare(beside(at - 1), entry).is_lt() && compare(entry, beside(at + 1)).is_lt()
    }

    /// Panics if an invariant does not hold.
    pub fn check(&self, least: Option<&Least>) {
        self.members.check();
        assert_eq!(self.scores.len(), self.members.len());
        assert_eq!(self.scores.len(), self.tags.len());
        for at in 0..self.scores.len() {
            assert!(!self.scores[at].is_nan());
            assert_eq!(self.tags[at], tag(hash(self.members.get(at))));
            let entry = (self.scores[at], self.members.get(at));
            if at > 0 {
                let before = (self.scores[at - 1], self.members.get(at - 1));
                assert!(compare(before, entry).is_lt(), "entries out of order");
            }
            if let Some(least) = least {
                assert!(least.reaches(entry.0, entry.1), "an entry before its leaf");
            }
        }
    }
}

#[inline]
fn partition(len: usize, question: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (0, len);
    while from < to {
        let middle = from + (to - from) / 2;
        if question(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}

impl Leaf for ScoreLeaf {
    type Key = Least;
    // Some room is left, or the first insertion into each leaf would split it.
    const FULL_AT_ENDS: usize = FULL * 7 / 8;

    fn len(&self) -> usize {
        self.scores.len()
    }

    fn weight(&self) -> usize {
        let bytes = self.members.inline_bytes();
        let over = usize::from(bytes > BYTES_MAX);
        (bytes * FULL / BYTES_MAX + over).max((self.scores.len() * FULL).div_ceil(SLOTS_MAX))
    }

    fn middle(&mut self) -> usize {
        self.members.middle()
    }

    fn split_off(&mut self, at: usize) -> ScoreLeaf {
        let right = ScoreLeaf {
            scores: self.scores[at..].to_vec(),
            members: self.members.split_off(at),
            tags: self.tags[at..].to_vec(),
        };
        self.scores.truncate(at);
        self.scores.shrink_to_fit();
        self.tags.truncate(at);
        self.tags.shrink_to_fit();
        right
    }

    fn append(&mut self, next: &ScoreLeaf) {
        reserve_class(&mut self.scores, next.scores.len());
        self.scores.extend_from_slice(&next.scores);
        reserve_class(&mut self.tags, next.tags.len());
        self.tags.extend_from_slice(&next.tags);
        self.members.append(&next.members);
    }

    fn key_between(left: &ScoreLeaf, right: &ScoreLeaf) -> Least {
        let (Some(&last), Some(&first)) = (left.scores.last(), right.scores.first()) else {
            return Least::new(f64::NEG_INFINITY, &[]);
        };
        if last < first {
            return Least::new(first, &[]);
        }
        let before = left.members.get(left.scores.len() - 1);
        let member = right.members.get(0);
        let common = before.iter().zip(member).take_while(|(a, b)| a == b);
        let needed = (common.count() + 1).min(member.len());
        Least::new(first, &member[..needed])
    }

    fn memory_bytes(&self) -> usize {
        self.scores.capacity() * size_of::<f64>()
            + self.tags.capacity()
            + self.members.memory_bytes()
    }
}
