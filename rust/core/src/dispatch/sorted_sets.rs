//! Sorted sets as commands see them: given entries, popped from, replied with.

use smallvec::SmallVec;

use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use super::pipeline::Shape;
use super::writer::Writer;
use crate::keyspace::Kind;
use crate::text::double;
use crate::types::packed::Element;
use crate::types::sorted_set::Inserted;
use crate::types::sorted_set::face::{Conditions, SortedSetMut};

/// Writes members, or pairs of members and scores: flat in RESP2, nested in RESP3.
pub fn write_entries<'a>(
    writer: &mut Writer<'_>,
    entries: impl Iterator<Item = (Element<'a>, f64)>,
    count: usize,
    with_scores: bool,
) {
    if !with_scores {
        writer.begin(Shape::Array, count);
        entries.for_each(|(member, _)| writer.element(member));
        return writer.end(Shape::Array, count);
    }
    writer.begin_pairs(count);
    entries.for_each(|(member, score)| {
        writer.begin_pair();
        writer.element(member);
        writer.double(score);
        writer.end_pair();
    });
    writer.end(Shape::Array, count);
}

/// What a reply with popped entries looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PopLayout {
    /// `member score`: ZPOPMIN without count.
    Flat,
    /// `member score` again and again: ZPOPMIN with count.
    Pairs,
    /// `key ((member score) …)`: ZMPOP.
    Nested,
    /// `key member score`: BZPOPMIN.
    Keyed,
}

impl PopLayout {
    fn begin(self, writer: &mut Writer<'_>, key: &[u8], count: usize) {
        match self {
            PopLayout::Flat => writer.begin(Shape::Array, 2 * count),
            PopLayout::Pairs => writer.begin_pairs(count),
            PopLayout::Keyed => {
                writer.begin(Shape::Array, 1 + 2 * count);
                writer.bulk(key);
            }
            PopLayout::Nested => {
                writer.begin(Shape::Array, 2);
                writer.bulk(key);
                writer.begin(Shape::Array, count);
            }
        }
    }

    fn entry(self, writer: &mut Writer<'_>, member: Element<'_>, score: f64) {
        match self {
            PopLayout::Pairs => writer.begin_pair(),
            PopLayout::Nested => writer.begin(Shape::Array, 2),
            PopLayout::Flat | PopLayout::Keyed => {}
        }
        writer.element(member);
        writer.double(score);
        match self {
            PopLayout::Pairs => writer.end_pair(),
            PopLayout::Nested => writer.end(Shape::Array, 2),
            PopLayout::Flat | PopLayout::Keyed => {}
        }
    }

    fn end(self, writer: &mut Writer<'_>, count: usize) {
        match self {
            PopLayout::Flat => writer.end(Shape::Array, 2 * count),
            PopLayout::Pairs => writer.end(Shape::Array, count),
            PopLayout::Keyed => writer.end(Shape::Array, 1 + 2 * count),
            PopLayout::Nested => {
                writer.end(Shape::Array, count);
                writer.end(Shape::Array, 2);
            }
        }
    }
}

impl Engine {
    /// Gives members scores, from pairs of both: how many members are new, and how many
    /// have another score than before.
    ///
    /// Fails with NotFloat before it looks at the key, then with WrongType.
    pub fn add_scored<'a>(
        &mut self,
        key: &[u8],
        parts: impl Iterator<Item = &'a [u8]>,
        conditions: Conditions,
    ) -> Result<(usize, usize), Failure> {
        let mut pairs: SmallVec<[(f64, &[u8]); 4]> = SmallVec::new();
        let mut parts = parts;
        while let (Some(score), Some(member)) = (parts.next(), parts.next()) {
            let score = double::parse(score).ok_or(ErrorCode::NotFloat)?;
            pairs.push((score, member));
        }
        let longest = pairs.iter().map(|(_, member)| member.len()).max();
        self.edit_collection(key, Kind::SortedSet, |place, environment| {
            let (mut added, mut changed) = (0, 0);
            if place.is_new() && conditions.only_known {
                return ((0, 0), 0);
            }
            let mut set = SortedSetMut::new(place, environment.sorted_set_limits());
            set.prepare(pairs.len(), longest.unwrap_or(0));
            for (score, member) in &pairs {
                match set.insert_if(member, *score, conditions) {
                    Some(Inserted::Added) => added += 1,
                    Some(Inserted::Updated(_)) => changed += 1,
                    Some(Inserted::Unchanged) | None => {}
                }
            }
            ((added, changed), (added + changed) as u64)
        })
    }

    /// Takes up to `count` entries with the least scores out (with `high` the greatest)
    /// and replies with them; returns how many.
    pub fn pop_scored(
        &mut self,
        key: &[u8],
        count: usize,
        high: bool,
        layout: PopLayout,
        writer: &mut Writer<'_>,
    ) -> Result<usize, Failure> {
        self.edit_collection(key, Kind::SortedSet, |place, environment| {
            let mut set = SortedSetMut::new(place, environment.sorted_set_limits());
            let count = set.read().len().min(count);
            layout.begin(writer, key, count);
            set.pop(count, high, |member, score| {
                layout.entry(writer, member, score);
            });
            layout.end(writer, count);
            (count, count as u64)
        })
    }
}
