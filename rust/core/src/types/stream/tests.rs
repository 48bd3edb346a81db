//! The stream against a `BTreeMap`; blocks are small here, so all boundaries are crossed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Parts = Vec<Vec<u8>>;

const LIMITS: BlockLimits = BlockLimits {
    entries_max: 5,
    bytes_max: 120,
};

#[derive(Debug, Clone)]
enum Step {
    Add(u64, u64, Parts),
    Remove(prop::sample::Index),
    RemoveAny(u64, u64),
    TrimLength(prop::sample::Index, bool, u64),
    TrimId(prop::sample::Index, bool),
    Clone,
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[ab]{0,2}".prop_map(String::into_bytes),
        4 => "-?[0-9]{1,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 60..200),
    ]
}

fn parts() -> impl Strategy<Value = Parts> {
    let same =
        (text(), text()).prop_map(|(one, other)| vec![b"f".to_vec(), one, b"7".to_vec(), other]);
    let other = prop::collection::vec((text(), text()), 1..4).prop_map(|pairs| {
        pairs
            .into_iter()
            .flat_map(|(name, value)| [name, value])
            .collect()
    });
    prop_oneof![3 => same, 1 => other]
}

fn step() -> impl Strategy<Value = Step> {
    use prop::sample::Index;
    prop_oneof![
        8 => (prop_oneof![Just(0), 1..300_u64], 0..300_u64, parts()).prop_map(|(m, s, p)| Step::Add(m, s, p)),
        4 => any::<Index>().prop_map(Step::Remove),
        1 => (0..900_u64, 0..300_u64).prop_map(|(ms, seq)| Step::RemoveAny(ms, seq)),
        1 => (any::<Index>(), any::<bool>(), 0..9_u64).prop_map(|(at, a, l)| Step::TrimLength(at, a, l)),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(at, a)| Step::TrimId(at, a)),
        1 => Just(Step::Clone),
    ]
}

fn parts_of(entry: Entry<'_>) -> Parts {
    let pairs = entry.pairs();
    pairs
        .flat_map(|(name, value)| [name.to_vec(), value.to_vec()])
        .collect()
}

fn id_of(model: &BTreeMap<StreamId, Parts>, at: &prop::sample::Index) -> Option<StreamId> {
    let len = model.len();
    (len > 0).then(|| *model.keys().nth(at.index(len)).unwrap())
}

fn compare(stream: &Stream, model: &BTreeMap<StreamId, Parts>) {
    stream.check();
    let mut all: Vec<_> = stream
        .range(StreamId::ZERO, StreamId::MAX)
        .map(|e| (e.id, parts_of(e)))
        .collect();
    let expected: Vec<_> = model
        .iter()
        .map(|(id, parts)| (*id, parts.clone()))
        .collect();
    assert_eq!(all, expected);
    all.reverse();
    let back: Vec<_> = stream
        .range(StreamId::ZERO, StreamId::MAX)
        .rev()
        .map(|e| (e.id, parts_of(e)))
        .collect();
    assert_eq!(all, back);
    assert_eq!(stream.len(), model.len());
    for (at, id) in model.keys().enumerate().step_by(3) {
        let from: Vec<_> = stream
            .range(*id, StreamId::MAX)
            .map(|entry| entry.id)
            .collect();
        assert_eq!(from.len(), model.len() - at);
        let behind = id.next().unwrap();
        assert_eq!(
            stream.range(behind, StreamId::MAX).count(),
            model.len() - at - 1
        );
        assert_eq!(stream.range(StreamId::ZERO, *id).rev().count(), at + 1);
        let before = id.previous().unwrap_or_default();
        assert_eq!(stream.range(StreamId::ZERO, before).rev().count(), at);
        assert!(stream.contains(*id));
        assert_eq!(stream.get(*id).map(parts_of).as_ref(), model.get(id));
    }
}

proptest! {
    #[test]
    fn a_stream_is_an_ordered_map(steps in prop::collection::vec(step(), 1..120)) {
        let mut stream = Stream::new();
        let mut model = BTreeMap::new();
        let mut kept = None;
        for step in steps {
            match step {
                Step::Add(ms, seq, parts) => {
                    let ms = stream.last_id.ms + ms;
                    let least = if ms == stream.last_id.ms { stream.last_id.seq + 1 } else { 0 };
                    let id = StreamId::new(ms, least + seq);
                    stream.add(id, parts.iter().map(Vec::as_slice), LIMITS);
                    model.insert(id, parts);
                }
                Step::Remove(at) => {
                    if let Some(id) = id_of(&model, &at) {
                        prop_assert!(stream.remove(id));
                        model.remove(&id);
                    }
                }
                Step::RemoveAny(ms, seq) => {
                    let id = StreamId::new(ms, seq);
                    prop_assert_eq!(stream.remove(id), model.remove(&id).is_some());
                }
                Step::TrimLength(at, is_approximate, limit) => {
                    let len = if model.is_empty() { 0 } else { at.index(model.len()) };
                    let trim = Trim { to: TrimTo::Length(len as u64), is_approximate, limit, references: References::Keep };
                    let (count, _) = stream.trim(trim);
                    let wanted = model.len() - len;
                    if is_approximate {
                        prop_assert!(count <= wanted && (limit == 0 || count as u64 <= limit));
                    } else {
                        prop_assert_eq!(count, wanted);
                    }
                    for _ in 0..count {
                        model.pop_first();
                    }
                }
                Step::TrimId(at, is_approximate) => {
                    let Some(id) = id_of(&model, &at) else { continue };
                    let trim = Trim { to: TrimTo::Id(id), is_approximate, limit: 0, references: References::Keep };
                    let (count, _) = stream.trim(trim);
                    let wanted = model.keys().take_while(|key| **key < id).count();
                    let is_right = if is_approximate { count <= wanted } else { count == wanted };
                    prop_assert!(is_right);
                    for _ in 0..count {
                        model.pop_first();
                    }
                }
                Step::Clone => {
                    if let Some((stream, model)) = kept.take() {
                        compare(&stream, &model);
                    }
                    kept = Some((stream.clone(), model.clone()));
                }
            }
            compare(&stream, &model);
        }
    }

    #[test]
    fn pending_entries_are_kept_once(
        steps in prop::collection::vec((0..4_u8, 1..60_u64, 0..3_usize), 1..150),
    ) {
        let names = [&b"ann"[..], b"bob", b"cid"];
        let mut group = Group::new(StreamId::ZERO, 0);
        let mut model: BTreeMap<u64, usize> = BTreeMap::new();
        for (what, number, who) in steps {
            let id = StreamId::new(number, 0);
            match what {
                0 | 1 => {
                    group.add_consumer(names[who], 1);
                    let consumer = group.number(names[who]).unwrap();
                    group.deliver(Nack { id, delivered_ms: 5, deliveries: 1, consumer });
                    model.insert(number, who);
                }
                2 => prop_assert_eq!(group.acknowledge(id), model.remove(&number).is_some()),
                _ if number < 4 => {
                    let removed = group.remove_consumer(names[who]).map(|(count, _)| count);
                    let before = model.len();
                    model.retain(|_, owner| *owner != who);
                    prop_assert_eq!(removed.unwrap_or(0), before - model.len());
                }
                _ => {}
            }
            group.check();
            prop_assert_eq!(group.pending.len(), model.len());
            let ids = group.pending.from(StreamId::new(20, 1)).map(|nack| nack.id.ms);
            prop_assert_eq!(ids.collect::<Vec<_>>(), model.range(21..).map(|(id, _)| *id).collect::<Vec<_>>());
        }
    }
}

#[test]
fn radix_trees_have_branches_runs_and_ends() {
    let one = BlockLimits {
        entries_max: 1,
        bytes_max: 0,
    };
    let mut stream = Stream::new();
    assert_eq!(stream.radix_nodes(), 1);
    let mut counts = Vec::new();
    for (ms, seq) in [(1, 1), (1, 2), (1, 256), (2, 1)] {
        stream.add(StreamId::new(ms, seq), [&b"f"[..], b"v"].into_iter(), one);
        counts.push(stream.radix_nodes());
    }
    // A run and its end; a run, a branch, two ends; …
    assert_eq!(counts, [2, 4, 7, 11]);
}
