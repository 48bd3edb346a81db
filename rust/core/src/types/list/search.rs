//! Looking for elements by value: LPOS, LINSERT's pivot, LREM.

use std::ops::Range;

use super::super::run::Run;
use super::super::tree::{At, Leaf};
use super::{List, Piece};
use crate::types::unshared::unshared;

/// What LPOS asks for.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Begin at the back.
    pub from_back: bool,
    /// Matches to pass over first.
    pub skip: usize,
    /// Matches wanted at most.
    pub count: usize,
    /// Elements to compare at most.
    pub compare_max: usize,
}

impl Search {
    /// What is to be compared of so many elements.
    pub(super) fn part(&self, len: usize) -> Range<usize> {
        let compared = self.compare_max.min(len);
        if self.from_back {
            len - compared..len
        } else {
            0..compared
        }
    }

    /// The indexes wanted, when `equal` says which elements in `part` match.
    pub(super) fn collect(
        &self,
        part: Range<usize>,
        equal: impl DoubleEndedIterator<Item = bool>,
    ) -> Vec<usize> {
        let found = |(number, equal): (usize, bool)| equal.then_some(number);
        let pick = |number: usize| {
            if self.from_back {
                part.end - 1 - number
            } else {
                number
            }
        };
        let numbers: Box<dyn Iterator<Item = usize>> = if self.from_back {
            Box::new(equal.rev().enumerate().filter_map(found))
        } else {
            Box::new(equal.enumerate().filter_map(found))
        };
        numbers.skip(self.skip).take(self.count).map(pick).collect()
    }
}

impl List {
    /// Indexes of the elements equal to `wanted`, in the order found. O(n).
    pub fn positions(&self, wanted: &[u8], search: Search) -> Vec<usize> {
        let part = search.part(self.len());
        let (mut skip, mut found) = (search.skip, Vec::new());
        if search.count == 0 {
            return found;
        }
        // True: that is all.
        let mut meet = |position: usize| {
            if skip > 0 {
                skip -= 1;
                return false;
            }
            found.push(position);
            found.len() == search.count
        };
        if search.from_back {
            let mut at = part.end;
            for Piece { run, part } in self.pieces(part).rev() {
                let run = &*run;
                for index in part.rev() {
                    at -= 1;
                    if run.get(index) == wanted && meet(at) {
                        return found;
                    }
                }
            }
        } else {
            let mut at = part.start;
            for Piece { run, part } in self.pieces(part) {
                let run = &*run;
                for index in part {
                    if run.get(index) == wanted && meet(at) {
                        return found;
                    }
                    at += 1;
                }
            }
        }
        found
    }

    /// The index of the first element equal to `wanted`. O(n).
    pub fn position(&self, wanted: &[u8]) -> Option<usize> {
        let search = Search {
            from_back: false,
            skip: 0,
            count: 1,
            compare_max: usize::MAX,
        };
        self.positions(wanted, search).pop()
    }

    /// Removes up to `count` elements equal to `unwanted`, the first ones or, with
    /// `from_back`, the last ones; gives how many. O(n).
    pub fn remove_equal(&mut self, unwanted: &[u8], count: usize, from_back: bool) -> usize {
        let mut left = count;
        let parts = if from_back {
            [Part::Back, Part::Middle, Part::Front]
        } else {
            [Part::Front, Part::Middle, Part::Back]
        };
        for part in parts {
            if left == 0 {
                break;
            }
            let run = match part {
                Part::Front => &mut self.front,
                Part::Back => &mut self.back,
                Part::Middle => {
                    left -= self.remove_equal_in_middle(unwanted, left, from_back);
                    continue;
                }
            };
            let matches = matches_in(run, 0, run.len(), unwanted, left, from_back);
            left -= matches.len();
            if !matches.is_empty() {
                unshared(run).remove_many(&matches);
            }
        }
        self.count_out_equal(unwanted, count - left);
        count - left
    }

    fn remove_equal_in_middle(&mut self, unwanted: &[u8], count: usize, from_back: bool) -> usize {
        let mut left = count;
        // Elements not looked at yet: from `done` on, or before `rest`.
        let (mut done, mut rest) = (0, self.middle.len());
        while left > 0 && done < rest {
            let at = if from_back { rest - 1 } else { done };
            let Some(found) = self.middle.find(At(at)) else {
                break;
            };
            let (from, to) = if from_back {
                (0, found.offset + 1)
            } else {
                (found.offset, found.leaf.len())
            };
            let run = found.leaf.look(from..to);
            let matches = matches_in(&run, from, to, unwanted, left, from_back);
            if from_back {
                rest = found.start;
            } else {
                done = found.start + to - matches.len();
                rest -= matches.len();
            }
            left -= matches.len();
            if !matches.is_empty() {
                self.edit_middle(At(at), at, |run, _| run.remove_many(&matches));
            }
        }
        count - left
    }
}

#[derive(Clone, Copy)]
enum Part {
    Front,
    Middle,
    Back,
}

/// Up to `count` increasing indexes in `from..to` of what is unwanted.
fn matches_in(
    run: &Run,
    from: usize,
    to: usize,
    unwanted: &[u8],
    count: usize,
    from_back: bool,
) -> Vec<usize> {
    let equal = |&index: &usize| run.get(index) == unwanted;
    if from_back {
        let mut found: Vec<usize> = (from..to).rev().filter(equal).take(count).collect();
        found.reverse();
        found
    } else {
        (from..to).filter(equal).take(count).collect()
    }
}
