//! Values being made of the elements that a file holds.
//!
//! A small collection is gathered in its packed form; what is too much for that goes
//! into the large one. Elements that stand twice, scores that are no numbers and
//! collections without elements are faults of the file.
//! Cost: O(log elements) each; a packed hash is judged once, at the end.

use std::collections::HashSet;

use super::blobs::Fault;
use super::input::Input;
use crate::keyspace::Kind;
use crate::seed::HashSeed;
use crate::types::home::{Detached, Form, Home, Limits};
use crate::types::int_set::IntSet;
use crate::types::list::limit::{LISTPACK_BYTES_MIN, Limit, ListLimits, listpack_bytes};
use crate::types::list::packed as packed_list;
use crate::types::packed::{self, Element, Encoded, IntText, Scratch};
use crate::types::record::Deadline;
use crate::types::sorted_set::face::SortedSetMut;
use crate::types::sorted_set::{Inserted, packed as packed_sorted_set};
use crate::types::{HashMut, List, Object, SetMut, SortedSet};

type Outcome = std::result::Result<(), Fault>;

const TWICE: Fault = "an element of a collection stands twice";
const EMPTY: Fault = "a collection without elements";
/// So few keys are compared each with each.
const PAIRWISE_MAX: usize = 8;

/// Up to where collections are packed, and the time.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub hashes: Limits<'a>,
    pub sets: Limits<'a>,
    pub sorted_sets: Limits<'a>,
    pub lists: ListLimits,
    /// Fields whose deadline has come are left out.
    pub now_ms: i64,
}

impl<'a> Context<'a> {
    /// The usual limits.
    pub fn new(seed: &'a HashSeed, now_ms: i64) -> Context<'a> {
        Context {
            hashes: Limits::of_hashes(seed),
            sets: Limits::of_sets(seed),
            sorted_sets: Limits::of_sets(seed),
            lists: Limit::Bytes(8192).into(),
            now_ms,
        }
    }
}

/// A hash in the making.
pub struct HashBuilder<'a> {
    context: Context<'a>,
    /// Records while they are few, short and without deadlines.
    run: Scratch,
    count: usize,
    /// All of them once they are not.
    grown: Option<Detached>,
    key: Vec<u8>,
}

impl<'a> HashBuilder<'a> {
    /// A hash that is said to have so many fields.
    pub fn new(context: Context<'a>, fields: u64) -> Self {
        let mut builder = HashBuilder {
            context,
            run: Scratch::new(),
            count: 0,
            grown: None,
            key: Vec::new(),
        };
        if fields > context.hashes.entries_max as u64 {
            let mut detached = Detached::new();
            HashMut::new(&mut detached, context.hashes, 0).prepare(usize::MAX);
            builder.grown = Some(detached);
        }
        builder
    }

    pub fn push(
        &mut self,
        field: Element<'_>,
        value: Element<'_>,
        deadline: Option<i64>,
    ) -> Outcome {
        let limits = self.context.hashes;
        let is_short = field.text_len() <= limits.bytes_max && value.text_len() <= limits.bytes_max;
        if self.grown.is_none() && is_short && deadline.is_none() && self.count < limits.entries_max
        {
            Encoded::of(field).write::<false>(&mut self.run);
            Encoded::of(value).write::<false>(&mut self.run);
            self.count += 1;
            return Ok(());
        }
        if self.grown.is_none() {
            self.judge()?;
            self.grown = Some(Detached::of_packed(Form::Packed, self.run.to_vec()));
        }
        let Some(grown) = &mut self.grown else {
            return Ok(());
        };
        let (mut one, mut other) = (IntText::new(), IntText::new());
        let deadline = deadline.map_or(Deadline::Clear, Deadline::At);
        // Nothing is due at time 0: whether a field stands twice shows before it goes.
        let mut hash = HashMut::new(grown, limits, 0);
        if hash.set(field.bytes(&mut one), value.bytes(&mut other), deadline) {
            Ok(())
        } else {
            Err(TWICE)
        }
    }

    /// Fields and values in turn.
    pub fn push_alternating(&mut self, element: Element<'_>, is_field: bool) -> Outcome {
        if is_field {
            self.key.clear();
            self.key
                .extend_from_slice(element.bytes(&mut IntText::new()));
            return Ok(());
        }
        let key = std::mem::take(&mut self.key);
        let outcome = self.push(Element::new(&key), element, None);
        self.key = key;
        outcome
    }

    fn judge(&self) -> Outcome {
        judge_keys(&self.run, 2)
    }

    /// The hash; None if the deadlines of all its fields have come.
    pub fn finish(self) -> std::result::Result<Option<Detached>, Fault> {
        let Some(mut grown) = self.grown else {
            if self.count == 0 {
                return Err(EMPTY);
            }
            self.judge()?;
            return Ok(Some(Detached::of_packed(Form::Packed, self.run.to_vec())));
        };
        if HashMut::new(&mut grown, self.context.hashes, 0)
            .read()
            .is_empty()
        {
            return Err(EMPTY);
        }
        Ok(remove_due_fields(&mut grown, self.context).then_some(grown))
    }
}

/// Takes fields out whose deadline has come; false if none are left.
pub fn remove_due_fields(hash: &mut Detached, context: Context<'_>) -> bool {
    let mut hash = HashMut::new(hash, context.hashes, context.now_ms);
    while hash.remove_due(usize::MAX, &mut |_| {}) {}
    !hash.read().is_empty()
}

/// As `remove_due_fields`, for members.
pub fn remove_due_members(set: &mut Detached, context: Context<'_>) -> bool {
    let mut set = SetMut::new(set, context.sets, context.now_ms);
    while set.remove_due(usize::MAX, &mut |_| {}) {}
    !set.read().is_empty()
}

/// As `remove_due_fields`, for members of sorted sets.
pub fn remove_due_scored(set: &mut Detached, context: Context<'_>) -> bool {
    let mut set = SortedSetMut::new(set, context.sorted_sets);
    set.remove_due(context.now_ms, usize::MAX, &mut |_| {});
    !set.read().is_empty()
}

/// Gives members deadlines and takes those out whose deadline has come; false if none
/// are left.
pub fn expire_members(
    set: &mut Detached,
    context: Context<'_>,
    deadlines: Vec<(Vec<u8>, i64)>,
) -> bool {
    let mut edit = SetMut::new(set, context.sets, 0);
    for (member, at) in deadlines {
        edit.set_deadline(&member, Deadline::At(at));
    }
    remove_due_members(set, context)
}

/// Gives fields or members the deadlines that an AUX field lists (`DEADLINES_AUX`).
pub fn set_deadlines(
    kind: Kind,
    collection: &mut Detached,
    context: Context<'_>,
    list: &[u8],
) -> Outcome {
    const DAMAGED: Fault = "the deadlines of fields are damaged";
    let mut fields = Input::with_buffer(list, false, list.len());
    let mut field = Vec::new();
    while fields.peek().map_err(|_| DAMAGED)?.is_some() {
        fields.string(&mut field).map_err(|_| DAMAGED)?;
        let deadline = Deadline::At(fields.milliseconds().map_err(|_| DAMAGED)?);
        let is_there = match kind {
            Kind::Hash => {
                HashMut::new(collection, context.hashes, 0).set_deadline(&field, deadline)
            }
            Kind::SortedSet => {
                SortedSetMut::new(collection, context.sorted_sets).set_deadline(&field, deadline)
            }
            _ => SetMut::new(collection, context.sets, 0).set_deadline(&field, deadline),
        };
        if !is_there {
            return Err("a deadline of a field that is not there");
        }
    }
    Ok(())
}

/// Fails if a key, the first of so many elements each, stands twice.
fn judge_keys(run: &[u8], elements: usize) -> Outcome {
    let mut starts: smallvec::SmallVec<[&[u8]; PAIRWISE_MAX]> = smallvec::SmallVec::new();
    let mut at = 0;
    while at < run.len() {
        let end = packed::skip::<false>(run, at);
        starts.push(&run[at..end]);
        at = end;
        for _ in 1..elements {
            at = packed::skip::<false>(run, at);
        }
    }
    let are_different = if starts.len() <= PAIRWISE_MAX {
        (1..starts.len()).all(|index| !starts[..index].contains(&starts[index]))
    } else {
        let mut known = HashSet::with_capacity_and_hasher(starts.len(), ahash::RandomState::new());
        starts.iter().all(|key| known.insert(key))
    };
    if are_different { Ok(()) } else { Err(TWICE) }
}

/// A set in the making.
pub struct SetBuilder<'a> {
    context: Context<'a>,
    set: Detached,
    /// The file has it packed, and so it stays, even if all are integers.
    is_packed: bool,
}

impl<'a> SetBuilder<'a> {
    /// A set that is said to have so many members.
    pub fn new(context: Context<'a>, members: u64) -> Self {
        let mut set = Detached::new();
        let limits = context.sets;
        if members > limits.entries_max.max(limits.integers_max) as u64 {
            SetMut::new(&mut set, limits, 0).prepare(b"", usize::MAX);
        }
        SetBuilder {
            context,
            set,
            is_packed: false,
        }
    }

    /// A set that a file has as a listpack.
    pub fn new_packed(context: Context<'a>) -> Self {
        SetBuilder {
            is_packed: true,
            ..SetBuilder::new(context, 0)
        }
    }

    pub fn push(&mut self, member: Element<'_>) -> Outcome {
        let mut set = SetMut::new(&mut self.set, self.context.sets, 0);
        if self.is_packed && set.read().is_empty() {
            // Else a set whose first member is an integer would be one of integers.
            set.prepare(b"", 1);
        }
        if set.add(member.bytes(&mut IntText::new())) {
            Ok(())
        } else {
            Err(TWICE)
        }
    }

    pub fn finish(self) -> std::result::Result<Detached, Fault> {
        if crate::types::Set::new(self.set.content(), 0).is_empty() {
            return Err(EMPTY);
        }
        Ok(self.set)
    }
}

/// A set of sorted integers of a width.
pub fn integers(
    context: Context<'_>,
    width: usize,
    members: &[u8],
) -> std::result::Result<Detached, Fault> {
    if members.is_empty() {
        return Err(EMPTY);
    }
    let mut bytes = Vec::with_capacity(1 + members.len());
    bytes.push(width as u8);
    bytes.extend_from_slice(members);
    IntSet::validate(&bytes).map_err(|corrupt| corrupt.0)?;
    let count = members.len() / width;
    let mut set = Detached::of_packed(Form::PackedIntegers, bytes);
    if count > context.sets.integers_max {
        SetMut::new(&mut set, context.sets, 0).prepare(b"0", count);
    }
    Ok(set)
}

/// A list in the making.
pub struct ListBuilder {
    limits: ListLimits,
    packed: Vec<u8>,
    listpack_bytes: usize,
    list: Option<List>,
}

impl ListBuilder {
    pub fn new(context: Context<'_>) -> Self {
        ListBuilder {
            limits: context.lists,
            packed: packed_list::EMPTY.to_vec(),
            listpack_bytes: LISTPACK_BYTES_MIN,
            list: None,
        }
    }

    pub fn push(&mut self, element: Element<'_>) {
        let mut text = IntText::new();
        let bytes = element.bytes(&mut text);
        if let Some(list) = &mut self.list {
            return list.push_back(bytes);
        }
        let view = packed_list::PackedList::new(&self.packed);
        let grown = self.listpack_bytes + listpack_bytes(bytes);
        if view.len() < packed_list::COUNT_MAX && self.limits.small.allows(view.len() + 1, grown) {
            self.listpack_bytes = grown;
            return packed_list::push_back(&mut self.packed, std::iter::once(bytes));
        }
        let mut list = view.to_list(self.limits.depth);
        list.push_back(bytes);
        self.list = Some(list);
    }

    pub fn finish(self) -> std::result::Result<Detached, Fault> {
        if let Some(list) = self.list {
            let mut detached = Detached::new();
            detached.become_object(Object::List(list));
            return Ok(detached);
        }
        if packed_list::PackedList::new(&self.packed).is_empty() {
            return Err(EMPTY);
        }
        Ok(Detached::of_packed(Form::Packed, self.packed))
    }
}

/// A sorted set in the making.
pub struct SortedSetBuilder<'a> {
    limits: Limits<'a>,
    /// Members, one behind the other, with their ends and scores, while they are few.
    members: Vec<u8>,
    entries: Vec<(usize, f64)>,
    set: Option<SortedSet>,
    member: Vec<u8>,
}

impl<'a> SortedSetBuilder<'a> {
    /// A sorted set that is said to have so many entries.
    pub fn new(context: Context<'a>, entries: u64) -> Self {
        let limits = context.sorted_sets;
        SortedSetBuilder {
            limits,
            members: Vec::new(),
            entries: Vec::new(),
            set: (entries > limits.entries_max as u64).then(SortedSet::new),
            member: Vec::new(),
        }
    }

    pub fn push(&mut self, member: &[u8], score: f64) -> Outcome {
        if score.is_nan() {
            return Err("a score is not a number");
        }
        if self.set.is_none()
            && (member.len() > self.limits.bytes_max
                || self.entries.len() >= self.limits.entries_max)
        {
            let mut set = SortedSet::new();
            for (member, score) in self.gathered() {
                insert(&mut set, member, score)?;
            }
            self.set = Some(set);
        }
        if let Some(set) = &mut self.set {
            return insert(set, member, score);
        }
        self.members.extend_from_slice(member);
        self.entries.push((self.members.len(), score));
        Ok(())
    }

    /// Members and scores in turn.
    pub fn push_alternating(&mut self, element: Element<'_>, is_member: bool) -> Outcome {
        let mut text = IntText::new();
        if is_member {
            self.member.clear();
            self.member.extend_from_slice(element.bytes(&mut text));
            return Ok(());
        }
        let score = match element {
            Element::Integer(value) => value as f64,
            Element::Bytes(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or("a score is not a number")?,
        };
        let member = std::mem::take(&mut self.member);
        let outcome = self.push(&member, score);
        self.member = member;
        outcome
    }

    fn gathered(&self) -> impl Iterator<Item = (&[u8], f64)> {
        let mut start = 0;
        self.entries.iter().map(move |&(end, score)| {
            let member = &self.members[start..end];
            start = end;
            (member, score)
        })
    }

    pub fn finish(self) -> std::result::Result<Detached, Fault> {
        if let Some(set) = self.set {
            let mut detached = Detached::new();
            detached.become_object(Object::SortedSet(set));
            return Ok(detached);
        }
        if self.entries.is_empty() {
            return Err(EMPTY);
        }
        let mut sorted: Vec<(&[u8], f64)> = self.gathered().collect();
        sorted.sort_by(|one, other| {
            let by_score = one.1.partial_cmp(&other.1);
            by_score.map_or(std::cmp::Ordering::Equal, |order| {
                order.then_with(|| one.0.cmp(other.0))
            })
        });
        let bytes = packed_sorted_set::from_sorted(sorted);
        packed_sorted_set::validate(&bytes).map_err(|corrupt| corrupt.0)?;
        Ok(Detached::of_packed(Form::Packed, bytes))
    }
}

fn insert(set: &mut SortedSet, member: &[u8], score: f64) -> Outcome {
    match set.insert(member, score) {
        Inserted::Added => Ok(()),
        _ => Err(TWICE),
    }
}
