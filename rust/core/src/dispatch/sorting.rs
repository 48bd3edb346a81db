//! SORT: the elements of a collection in the order of themselves or of other keys' values.
//!
//! Elements and weights are copied into one buffer, because looking up a weight may
//! expire keys; what GET asks for is looked up when the reply or the list is written.

use std::cmp::Ordering;
use std::ops::Range;

use super::data::Access;
use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::pipeline::Shape;
use super::writer::Writer;
use crate::keyspace::Kind;
use crate::keyspace::strings::{self, IntText};
use crate::text::double;
use crate::types::home::{Content, Detached, Form, Home};
use crate::types::list::face::{End, ListMut, ListRef};
use crate::types::list::packed;
use crate::types::packed::Element;
use crate::types::sorted_set::face::{SortedSetMut, SortedSetRef};
use crate::types::{Hash, Set};

/// What SORT is told.
#[derive(Debug, Clone, Default)]
pub struct Sorting<'a> {
    /// Where the weights are; a pattern without `*` means: do not sort. None: the elements
    /// are their own weights.
    pub by: Option<&'a [u8]>,
    /// What is returned of each element; nothing: itself.
    pub get: Vec<&'a [u8]>,
    /// How many to pass over; negative: none.
    pub offset: i64,
    /// How many are wanted then; negative: all.
    pub count: i64,
    pub is_descending: bool,
    /// Weights are texts, not numbers.
    pub is_alpha: bool,
    /// The result is stored, so its order must not be left to chance.
    pub is_stored: bool,
}

/// A BY or GET pattern, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pattern<'a> {
    /// `#`
    Element,
    /// Without a `*`, it leads nowhere.
    Nowhere,
    /// The key `before*after`, or of the hash there a field.
    Key {
        before: &'a [u8],
        after: &'a [u8],
        field: Option<&'a [u8]>,
    },
}

impl<'a> Pattern<'a> {
    fn read(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = memchr::memchr(b'*', text) else {
            return Pattern::Nowhere;
        };
        let (before, rest) = (&text[..star], &text[star + 1..]);
        let arrow = memchr::memmem::find(rest, b"->");
        // An arrow with nothing behind it belongs to the key.
        match arrow.filter(|at| at + 2 < rest.len()) {
            Some(at) => Pattern::Key {
                before,
                after: &rest[..at],
                field: Some(&rest[at + 2..]),
            },
            None => Pattern::Key {
                before,
                after: rest,
                field: None,
            },
        }
    }
}

/// Where in the buffer a text stands. Of two elements the one that was gathered first
/// has the lesser one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span(usize, usize);

#[derive(Debug, Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn add(&mut self, text: &[u8]) -> Span {
        let start = self.0.len();
        self.0.extend_from_slice(text);
        Span(start, self.0.len())
    }

    fn get(&self, span: Span) -> &[u8] {
        &self.0[span.0..span.1]
    }
}

/// An element and what it is sorted by.
#[derive(Debug, Clone, Copy)]
struct Item {
    element: Span,
    score: f64,
    /// A text to sort by, where that is not the element; None is less than all.
    weight: Option<Span>,
}

/// What is left of a collection after sorting and LIMIT, in order.
#[derive(Debug, Default)]
pub struct Sorted {
    texts: Texts,
    elements: Vec<Span>,
}

/// What LIMIT leaves of `len` elements.
fn limited(sorting: &Sorting<'_>, len: usize) -> Range<usize> {
    let start = usize::try_from(sorting.offset).unwrap_or(0).min(len);
    let count = usize::try_from(sorting.count).unwrap_or(len);
    start..start + count.min(len - start)
}

/// What the servers see of a text where they take it for a C string: a zero byte ends it.
/// They compare so what they only reply with.
fn c_string(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

fn score_of(text: &[u8]) -> Option<f64> {
    double::parse(c_string(text))
}

impl Sorted {
    /// The elements of a collection without sorting them: a set's as they come.
    fn unsorted(kind: Kind, content: Content<'_>, now_ms: i64, sorting: &Sorting<'_>) -> Sorted {
        let mut sorted = Sorted::default();
        let Sorted { texts, elements } = &mut sorted;
        let mut number = IntText::new();
        let mut add = |element: Element<'_>| elements.push(texts.add(element.bytes(&mut number)));
        // From the end, what was asked for is as far from it as from the beginning.
        let wanted = |len: usize| {
            let Range { start, end } = limited(sorting, len);
            if sorting.is_descending {
                len - end..len - start
            } else {
                start..end
            }
        };
        match kind {
            Kind::List => {
                let list = ListRef::new(content);
                list.visit(wanted(list.len()), add);
            }
            Kind::SortedSet => {
                let set = SortedSetRef::new(content);
                let wanted = wanted(set.len());
                let entries = set.range(wanted);
                entries.for_each(|(element, _)| add(element));
            }
            _ => {
                let set = Set::new(content, now_ms);
                let range = limited(sorting, set.alive_len());
                set.iter().skip(range.start).take(range.len()).for_each(add);
                return sorted;
            }
        }
        if sorting.is_descending {
            sorted.elements.reverse();
        }
        sorted
    }

    /// Puts items in order and keeps what LIMIT leaves of them.
    fn order(&mut self, items: &mut Vec<Item>, sorting: &Sorting<'_>, by_weight: bool) {
        let texts = &self.texts;
        let compare = |left: &Item, right: &Item| {
            let by_element = || texts.get(left.element).cmp(texts.get(right.element));
            let text = |span| match texts.get(span) {
                text if sorting.is_stored => text,
                text => c_string(text),
            };
            let order = if !sorting.is_alpha {
                // No score is NaN, and the two zeros are equal.
                let order = left.score.partial_cmp(&right.score);
                order.unwrap_or(Ordering::Equal).then_with(by_element)
            } else if by_weight {
                left.weight.map(text).cmp(&right.weight.map(text))
            } else {
                text(left.element).cmp(text(right.element))
            };
            let order = if sorting.is_descending {
                order.reverse()
            } else {
                order
            };
            // Equal ones stay in the order that they were in.
            order.then(left.element.cmp(&right.element))
        };
        let Range { start, end } = limited(sorting, items.len());
        if start == end {
            return;
        }
        if end < items.len() {
            items.select_nth_unstable_by(end - 1, compare);
            items.truncate(end);
        }
        items.sort_unstable_by(compare);
        self.elements = items[start..].iter().map(|item| item.element).collect();
    }
}

impl Engine {
    /// Sorts what is at `key`: a list, a set, a sorted set, or nothing.
    pub fn sort(&mut self, key: &[u8], sorting: &Sorting<'_>) -> Result<Sorted, Failure> {
        let now_ms = self.alive_ms();
        let Some(entry) = self.read(key, Access::Read) else {
            return Ok(Sorted::default());
        };
        let kind = entry.kind();
        if !matches!(kind, Kind::List | Kind::Set | Kind::SortedSet) {
            return Err(ErrorCode::WrongType.into());
        }
        if kind == Kind::SortedSet {
            // On the real servers a sorted set is large once it has been sorted.
            self.edit_again(key, kind, |place, environment| {
                let mut limits = environment.sorted_set_limits();
                limits.entries_max = 0;
                SortedSetMut::new(place, limits).prepare(1, 0);
                ((), 0)
            })?;
        }
        let Some(entry) = self.read(key, Access::Peek) else {
            return Ok(Sorted::default());
        };
        let Some(content) = entry.content() else {
            return Ok(Sorted::default());
        };
        let by = sorting.by.map(Pattern::read);
        let is_unsorted = matches!(by, Some(Pattern::Nowhere | Pattern::Element));
        if is_unsorted && !(kind == Kind::Set && sorting.is_stored) {
            return Ok(Sorted::unsorted(kind, content, now_ms, sorting));
        }
        let all = Sorting {
            count: -1,
            ..Sorting::default()
        };
        let mut sorted = Sorted::unsorted(kind, content, now_ms, &all);
        let elements = std::mem::take(&mut sorted.elements);
        let mut items = Vec::with_capacity(elements.len());
        if is_unsorted {
            // The set's own order is nothing to keep: it becomes that of the bytes.
            items.extend(elements.into_iter().map(unweighted));
            let sorting = Sorting {
                is_alpha: true,
                ..sorting.clone()
            };
            sorted.order(&mut items, &sorting, false);
            return Ok(sorted);
        }
        let mut is_refused = false;
        for element in elements {
            let mut item = unweighted(element);
            match by {
                Some(pattern) => {
                    self.weigh(pattern, &mut item, &mut sorted.texts, sorting.is_alpha)
                }
                None if sorting.is_alpha => Some(()),
                None => score_of(sorted.texts.get(element)).map(|score| item.score = score),
            }
            .unwrap_or_else(|| is_refused = true);
            items.push(item);
        }
        if is_refused {
            return Err(ErrorCode::ScoresNotFloat.into());
        }
        sorted.order(&mut items, sorting, by.is_some());
        Ok(sorted)
    }

    /// Looks an item's weight up; a missing one is 0. None: it should be a number.
    fn weigh(
        &mut self,
        pattern: Pattern<'_>,
        item: &mut Item,
        texts: &mut Texts,
        is_alpha: bool,
    ) -> Option<()> {
        let element = texts.get(item.element).to_vec();
        self.follow(pattern, &element, |found| {
            let Some(found) = found else {
                return Some(());
            };
            if is_alpha {
                item.weight = Some(texts.add(found));
            } else {
                item.score = score_of(found)?;
            }
            Some(())
        })
    }

    /// Shows to `work` what a pattern leads to from `element`: a string, or a field's value.
    fn follow<R>(
        &mut self,
        pattern: Pattern<'_>,
        element: &[u8],
        work: impl FnOnce(Option<&[u8]>) -> R,
    ) -> R {
        let (before, after, field) = match pattern {
            Pattern::Element => return work(Some(element)),
            Pattern::Nowhere => return work(None),
            Pattern::Key {
                before,
                after,
                field,
            } => (before, after, field),
        };
        let now_ms = self.alive_ms();
        let entry = self.read(&[before, element, after].concat(), Access::Read);
        let mut number = IntText::new();
        let found = match (entry, field) {
            (Some(entry), None) => strings::bytes(entry, &mut number).ok(),
            (Some(entry), Some(field)) if entry.kind() == Kind::Hash => entry
                .content()
                .and_then(|content| Hash::new(content, now_ms).get(field))
                .map(|value| value.bytes(&mut number)),
            _ => None,
        };
        work(found)
    }

    /// Replies with what GET asks for of each element, or with the elements.
    pub fn reply_sorted(
        &mut self,
        sorted: &Sorted,
        sorting: &Sorting<'_>,
        writer: &mut Writer<'_>,
    ) {
        let patterns: Vec<_> = patterns_of(sorting);
        let count = sorted.elements.len() * patterns.len();
        writer.begin(Shape::Array, count);
        for element in &sorted.elements {
            for pattern in &patterns {
                let element = sorted.texts.get(*element);
                self.follow(*pattern, element, |found| match found {
                    Some(found) => writer.bulk(found),
                    None => writer.null(),
                });
            }
        }
        writer.end(Shape::Array, count);
    }

    /// The same as a list, with empty strings for what is missing; and how long it is.
    pub fn list_sorted(&mut self, sorted: &Sorted, sorting: &Sorting<'_>) -> (Detached, usize) {
        let patterns: Vec<_> = patterns_of(sorting);
        let mut texts = Texts::default();
        let mut spans = Vec::with_capacity(sorted.elements.len());
        for element in &sorted.elements {
            for pattern in &patterns {
                let element = sorted.texts.get(*element);
                self.follow(*pattern, element, |found| {
                    spans.push(texts.add(found.unwrap_or_default()));
                });
            }
        }
        let mut made = Detached::new();
        made.become_packed(Form::Packed, packed::EMPTY);
        let limit = self.settings.collections.of_lists();
        let elements = spans.iter().map(|span| texts.get(*span));
        let len = ListMut::new(&mut made, limit).push(End::Back, elements);
        (made, len)
    }
}

fn unweighted(element: Span) -> Item {
    Item {
        element,
        score: 0.0,
        weight: None,
    }
}

fn patterns_of<'a>(sorting: &Sorting<'a>) -> Vec<Pattern<'a>> {
    if sorting.get.is_empty() {
        return vec![Pattern::Element];
    }
    sorting.get.iter().copied().map(Pattern::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(before: &'a str, after: &'a str, field: Option<&'a str>) -> Pattern<'a> {
        Pattern::Key {
            before: before.as_bytes(),
            after: after.as_bytes(),
            field: field.map(str::as_bytes),
        }
    }

    #[test]
    fn a_pattern_is_a_key_or_a_field_of_it() {
        assert_eq!(Pattern::read(b"#"), Pattern::Element);
        for nowhere in ["", "##", "nosort", "hash->field"] {
            assert_eq!(Pattern::read(nowhere.as_bytes()), Pattern::Nowhere);
        }
        assert_eq!(Pattern::read(b"*"), key("", "", None));
        assert_eq!(Pattern::read(b"a*b*"), key("a", "b*", None));
        assert_eq!(Pattern::read(b"a*b->c->d"), key("a", "b", Some("c->d")));
        assert_eq!(Pattern::read(b"a->*"), key("a->", "", None));
        assert_eq!(Pattern::read(b"a*->"), key("a", "->", None));
    }

    #[test]
    fn limits_stay_inside() {
        let limited = |offset, count, len| {
            let sorting = Sorting {
                offset,
                count,
                ..Sorting::default()
            };
            super::limited(&sorting, len)
        };
        assert_eq!(limited(0, -1, 3), 0..3);
        assert_eq!(limited(-5, 2, 3), 0..2);
        assert_eq!(limited(1, i64::MAX, 3), 1..3);
        assert_eq!(limited(i64::MAX, i64::MAX, 3), 3..3);
        assert_eq!(limited(i64::MIN, i64::MIN, 3), 0..3);
    }

    #[test]
    fn a_score_ends_at_a_zero_byte() {
        assert_eq!(score_of(b"1.5\0x"), Some(1.5));
        assert_eq!(score_of(b"\0"), None);
        assert_eq!(score_of(b""), None);
    }
}
