//! Lists as commands see them, small or large.
//!
//!     ListRef   a look at one, Copy
//!     ListMut   one being changed in its home, which it may outgrow or shrink into
//!
//! A list grows out of its entry before an element is added that would not fit, counted
//! as it came: even where LSET replaces one that was as long, and where LINSERT does not
//! find its pivot. It goes back when something was taken out (`shrink`).
//!
//! Cost: packed, a walk from the nearer end; large, as `List`.

use std::ops::Range;

use super::limit::ListLimits;
use super::packed::{self, PackedList};
use super::{List, Search};
use crate::types::home::{Content, Form, Home};
use crate::types::packed::Element;
use crate::types::{Garbage, Object};

/// An end of a list: Redis's LEFT and RIGHT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Front,
    Back,
}

/// The index that `index` means, negative ones counted from the end. None: outside.
pub fn resolve(index: i64, len: usize) -> Option<usize> {
    let len = len as i64;
    let at = if index < 0 { index + len } else { index };
    (0..len).contains(&at).then_some(at as usize)
}

/// What lies from `first` to `last`, both included, negative ones counted from the end.
pub fn resolve_range(first: i64, last: i64, len: usize) -> Range<usize> {
    let count = len as i64;
    let from_front = |index: i64| if index < 0 { index + count } else { index };
    let start = from_front(first).max(0);
    let end = from_front(last).min(count - 1) + 1;
    if start >= end {
        return 0..0;
    }
    start as usize..end as usize
}

/// A list for reading.
#[derive(Debug, Clone, Copy)]
pub enum ListRef<'a> {
    Packed(PackedList<'a>),
    Large(&'a List),
}

impl<'a> ListRef<'a> {
    /// The list in a home, which must hold one.
    #[inline]
    pub fn new(content: Content<'a>) -> ListRef<'a> {
        match content {
            Content::Packed(_, bytes) => ListRef::Packed(PackedList::new(bytes)),
            Content::Object(Object::List(list)) => ListRef::Large(list),
            Content::Object(other) => unreachable!("a list that is {other:?}"),
        }
    }

    #[inline]
    pub fn len(self) -> usize {
        match self {
            ListRef::Packed(list) => list.len(),
            ListRef::Large(list) => list.len(),
        }
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Shows the element at `index`, if there is one.
    pub fn get<R>(self, index: usize, show: impl FnOnce(Element<'_>) -> R) -> Option<R> {
        match self {
            ListRef::Packed(list) => list.get(index).map(show),
            ListRef::Large(list) => list.get(index, |element| show(Element::Bytes(element))),
        }
    }

    /// Visits the elements in `range`, in their order.
    #[inline]
    pub fn visit(self, range: Range<usize>, mut visit: impl FnMut(Element<'_>)) {
        match self {
            ListRef::Packed(list) => list.range(range).for_each(visit),
            ListRef::Large(list) => list.visit(range, |element| visit(Element::Bytes(element))),
        }
    }

    /// Indexes of the elements equal to `wanted`, in the order found.
    pub fn positions(self, wanted: &[u8], search: Search) -> Vec<usize> {
        match self {
            ListRef::Packed(list) => list.positions(wanted, search),
            ListRef::Large(list) => list.positions(wanted, search),
        }
    }

    fn position(self, wanted: &[u8]) -> Option<usize> {
        match self {
            ListRef::Packed(list) => list.position(wanted),
            ListRef::Large(list) => list.position(wanted),
        }
    }
}

/// A list for changing it.
pub struct ListMut<'h, H: Home> {
    home: &'h mut H,
    limits: ListLimits,
}

impl<'h, H: Home> ListMut<'h, H> {
    /// The list in a home, which must hold one, if an empty one.
    #[inline]
    pub fn new(home: &'h mut H, limits: impl Into<ListLimits>) -> Self {
        let limits = limits.into();
        ListMut { home, limits }
    }

    #[inline]
    pub fn read(&self) -> ListRef<'_> {
        ListRef::new(self.home.content())
    }

    #[inline]
    fn large(&mut self) -> Option<&mut List> {
        match self.home.object_mut() {
            Some(Object::List(list)) => {
                list.set_depth(self.limits.depth);
                Some(list)
            }
            _ => None,
        }
    }

    /// Becomes large if elements of so many bytes would not fit.
    #[inline]
    fn make_room(&mut self, count: usize, bytes: usize) {
        if let ListRef::Packed(list) = self.read()
            && !list.has_room(self.limits.small, count, bytes)
        {
            let list = list.to_list(self.limits.depth);
            self.home.become_object(Object::List(list));
        }
    }

    /// Goes back to the small form if that may be; for after removals.
    #[inline]
    pub fn shrink(&mut self) {
        let limit = self.limits.small;
        if let Some(list) = self.large()
            && list.fits(limit)
        {
            let bytes = packed::from_list(list);
            self.home.become_packed(Form::Packed, &bytes);
        }
    }

    /// Adds elements at an end, one after the other; returns the new length.
    #[inline]
    pub fn push<'e>(
        &mut self,
        end: End,
        elements: impl DoubleEndedIterator<Item = &'e [u8]> + Clone,
    ) -> usize {
        if let Some(list) = self.large() {
            match end {
                End::Front => elements.for_each(|element| list.push_front(element)),
                End::Back => elements.for_each(|element| list.push_back(element)),
            }
            return list.len();
        }
        let sizes = elements.clone().map(<[u8]>::len);
        let (count, bytes) = sizes.fold((0, 0), |(count, sum), len| (count + 1, sum + len));
        self.make_room(count, bytes);
        match (self.large(), end) {
            (Some(list), End::Front) => elements.for_each(|element| list.push_front(element)),
            (Some(list), End::Back) => elements.for_each(|element| list.push_back(element)),
            (None, End::Front) => packed::push_front(self.home, elements),
            (None, End::Back) => packed::push_back(self.home, elements),
        }
        self.read().len()
    }

    /// Takes up to `count` elements from an end and shows each to `visit`; returns how
    /// many. `shrink` is the caller's.
    #[inline]
    pub fn pop(&mut self, end: End, count: usize, mut visit: impl FnMut(Element<'_>)) -> usize {
        if let Some(list) = self.large() {
            let visit = |element: &[u8]| visit(Element::Bytes(element));
            return match end {
                End::Front => list.pop_front(count, visit),
                End::Back => list.pop_back(count, visit),
            };
        }
        let ListRef::Packed(list) = self.read() else {
            return 0;
        };
        let len = list.len();
        let count = count.min(len);
        let range = match end {
            End::Front => 0..count,
            End::Back => len - count..len,
        };
        match end {
            End::Front => list.range(range.clone()).for_each(visit),
            End::Back => list.range(range.clone()).rev().for_each(visit),
        }
        packed::remove(self.home, range)
    }

    /// Gives the element at `index` another value. False: there is none.
    pub fn set(&mut self, index: i64, element: &[u8]) -> bool {
        self.make_room(1, element.len());
        // The servers read an index into a small list as an i32, wherever it points.
        let index = match self.read() {
            ListRef::Packed(_) => i64::from(index as i32),
            ListRef::Large(_) => index,
        };
        let Some(at) = resolve(index, self.read().len()) else {
            return false;
        };
        let is_set = match self.large() {
            Some(list) => list.set(at, element),
            None => packed::set(self.home, at, element),
        };
        self.shrink();
        is_set
    }

    /// Puts `element` beside the first one that equals `pivot`. False: there is none.
    pub fn insert(&mut self, pivot: &[u8], after: bool, element: &[u8]) -> bool {
        self.make_room(1, element.len());
        let Some(found) = self.read().position(pivot) else {
            return false;
        };
        let at = found + usize::from(after);
        match self.large() {
            Some(list) => list.insert(at, element),
            None => packed::insert(self.home, at, element),
        }
        true
    }

    /// Removes up to `count` elements equal to `unwanted`, looking from an end; returns
    /// how many.
    pub fn remove_equal(&mut self, unwanted: &[u8], count: usize, end: End) -> usize {
        let from_back = end == End::Back;
        let removed = match self.large() {
            Some(list) => list.remove_equal(unwanted, count, from_back),
            None => packed::remove_equal(self.home, unwanted, count, from_back),
        };
        if removed > 0 {
            self.shrink();
        }
        removed
    }

    /// Keeps only the elements in `range`; returns how many went, and what is to be freed.
    pub fn trim(&mut self, range: Range<usize>) -> (usize, Garbage) {
        let len = self.read().len();
        let garbage = match self.large() {
            Some(list) => list.trim(range.clone()),
            None => {
                packed::remove(self.home, range.end..len);
                packed::remove(self.home, 0..range.start.min(range.end));
                Garbage::default()
            }
        };
        self.shrink();
        (len - range.len(), garbage)
    }
}

#[cfg(test)]
mod tests {
    use super::super::limit::Limit;
    use super::*;
    use crate::types::Detached;
    use proptest::prelude::*;

    #[test]
    fn indexes_count_from_both_ends() {
        assert_eq!(resolve(-1, 3), Some(2));
        assert_eq!(resolve(3, 3), None);
        assert_eq!(resolve(i64::MIN, 3), None);
        assert_eq!(resolve_range(0, -1, 3), 0..3);
        assert_eq!(resolve_range(-2, 9, 3), 1..3);
        assert_eq!(resolve_range(2, 1, 3), 0..0);
        assert_eq!(resolve_range(i64::MIN, i64::MAX, 3), 0..3);
        assert_eq!(resolve_range(0, -1, 0), 0..0);
    }

    fn empty() -> Detached {
        Detached::of_packed(Form::Packed, packed::EMPTY.to_vec())
    }

    #[test]
    fn a_list_outgrows_its_home_and_comes_back() {
        let (mut home, limit) = (empty(), Limit::from_setting(4));
        let mut list = ListMut::new(&mut home, limit);
        for number in 1..=5_usize {
            assert_eq!(list.push(End::Back, [&b"x"[..]].into_iter()), number);
            assert_eq!(list.large().is_some(), number > 4);
        }
        for left in (0..5_usize).rev() {
            list.pop(End::Front, 1, |element| assert!(element.is(b"x")));
            list.shrink();
            assert_eq!(list.large().is_none(), left <= 2, "{left} left");
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(bool, Vec<String>),
        Pop(bool, usize),
        Set(i64, String),
        Insert(String, bool, String),
        Remove(String, usize, bool),
        Trim(i64, i64),
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]{0,2}", "[0-9]{1,3}", "[0-9]{10,16}", "x{11,14}"]
    }

    fn step() -> impl Strategy<Value = Step> {
        let end = any::<bool>;
        prop_oneof![
            (end(), prop::collection::vec(text(), 1..5)).prop_map(|(e, v)| Step::Push(e, v)),
            (end(), 0..4_usize).prop_map(|(e, n)| Step::Pop(e, n)),
            (-9..9_i64, text()).prop_map(|(i, t)| Step::Set(i, t)),
            (text(), end(), text()).prop_map(|(p, a, t)| Step::Insert(p, a, t)),
            (text(), 0..4_usize, end()).prop_map(|(t, n, b)| Step::Remove(t, n, b)),
            (-9..9_i64, -9..9_i64).prop_map(|(a, b)| Step::Trim(a, b)),
        ]
    }

    fn end_of(back: bool) -> End {
        if back { End::Back } else { End::Front }
    }

    proptest! {
        #[test]
        fn both_forms_are_the_same_list(
            setting in prop_oneof![Just(-2_i64), 0..9_i64],
            depth in 0..2_u32,
            steps in prop::collection::vec(step(), 1..60),
        ) {
            let small = Limit::from_setting(setting);
            let mut home = empty();
            let mut model: Vec<String> = Vec::new();
            for step in steps {
                let mut list = ListMut::new(&mut home, ListLimits { small, depth });
                match step {
                    Step::Push(back, texts) => {
                        list.push(end_of(back), texts.iter().map(String::as_bytes));
                        for text in texts {
                            let at = if back { model.len() } else { 0 };
                            model.insert(at, text);
                        }
                    }
                    Step::Pop(back, count) => {
                        let mut seen = Vec::new();
                        list.pop(end_of(back), count, |element| seen.push(element.to_vec()));
                        list.shrink();
                        for popped in seen {
                            let at = if back { model.len() - 1 } else { 0 };
                            prop_assert_eq!(popped, model.remove(at).into_bytes());
                        }
                    }
                    Step::Set(index, text) => {
                        let at = resolve(index, model.len());
                        prop_assert_eq!(list.set(index, text.as_bytes()), at.is_some());
                        if let Some(at) = at {
                            model[at] = text;
                        }
                    }
                    Step::Insert(pivot, after, text) => {
                        let at = model.iter().position(|element| *element == pivot);
                        let is_in = list.insert(pivot.as_bytes(), after, text.as_bytes());
                        prop_assert_eq!(is_in, at.is_some());
                        if let Some(at) = at {
                            model.insert(at + usize::from(after), text);
                        }
                    }
                    Step::Remove(text, count, back) => {
                        let removed = list.remove_equal(text.as_bytes(), count, end_of(back));
                        let same = |element: &String| *element == text;
                        let mut left = removed;
                        prop_assert_eq!(removed, model.iter().filter(|e| same(e)).count().min(count));
                        while left > 0 {
                            let at = if back { model.iter().rposition(same) } else { model.iter().position(same) };
                            model.remove(at.unwrap());
                            left -= 1;
                        }
                    }
                    Step::Trim(first, last) => {
                        let range = resolve_range(first, last, model.len());
                        let (removed, _) = list.trim(range.clone());
                        prop_assert_eq!(removed, model.len() - range.len());
                        model = model[range].to_vec();
                    }
                }
                let mut now = Vec::new();
                let list = ListRef::new(home.content());
                if let ListRef::Large(list) = list {
                    list.check();
                }
                list.visit(0..list.len(), |element| now.push(element.to_vec()));
                let expected: Vec<_> = model.iter().map(|text| text.clone().into_bytes()).collect();
                prop_assert_eq!(now, expected);
            }
        }
    }
}
