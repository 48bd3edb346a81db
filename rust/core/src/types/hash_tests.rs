//! Hashes against a map, from the first field to the large form.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::seed::HashSeed;
use crate::types::check::check_hash;
use crate::types::home::{Detached, Form};

type Model = BTreeMap<Vec<u8>, (Vec<u8>, Option<i64>)>;

#[derive(Debug, Clone)]
enum Step {
    Set(u8, Vec<u8>, Deadline),
    SetAll(Vec<(u8, Vec<u8>)>),
    Remove(u8),
    Increment(u8, i64),
    SetDeadline(u8, Deadline),
    Wait(i64),
    RemoveDue(usize),
}

fn field(number: u8) -> Vec<u8> {
    match number % 3 {
        0 => number.to_string().into_bytes(),
        1 => format!("field:{number}").into_bytes(),
        _ => vec![b'f'; usize::from(number)],
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let field = || 0..60_u8;
    let deadlines = || {
        prop_oneof![
            4 => Just(Deadline::Keep),
            2 => Just(Deadline::Clear),
            2 => (1..200_i64).prop_map(Deadline::At),
        ]
    };
    let values = || {
        prop_oneof![
            any::<i64>().prop_map(|value| value.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..70),
        ]
    };
    prop_oneof![
        8 => (field(), values(), deadlines()).prop_map(|(field, value, at)| Step::Set(field, value, at)),
        2 => prop::collection::vec((field(), values()), 0..12).prop_map(Step::SetAll),
        3 => field().prop_map(Step::Remove),
        3 => (field(), any::<i32>()).prop_map(|(field, by)| Step::Increment(field, by.into())),
        3 => (field(), deadlines()).prop_map(|(field, at)| Step::SetDeadline(field, at)),
        2 => (0..40_i64).prop_map(Step::Wait),
        1 => (1..9_usize).prop_map(Step::RemoveDue),
    ]
}

proptest! {
    #[test]
    fn behaves_as_a_map(
        entries_max in prop::sample::select(vec![0_usize, 5, 20, 512]),
        steps in prop::collection::vec(steps(), 0..120),
    ) {
        let seed = HashSeed::fixed(8);
        let limits = Limits { entries_max, ..Limits::of_hashes(&seed) };
        let mut home = Detached::new();
        let mut model = Model::new();
        let mut now_ms = 0;
        for step in steps {
            let mut hash = HashMut::new(&mut home, limits, now_ms);
            match step {
                Step::Set(number, value, deadline) => {
                    let old = model.get(&field(number)).and_then(|old| old.1);
                    let record = (value.clone(), deadline.after(old));
                    let is_new = model.insert(field(number), record).is_none();
                    prop_assert_eq!(hash.set(&field(number), &value, deadline), is_new);
                }
                Step::SetAll(pairs) => {
                    let pairs: Vec<_> = pairs.into_iter().map(|(number, value)| (field(number), value)).collect();
                    let borrowed = pairs.iter().map(|(field, value)| (&field[..], &value[..]));
                    let new = hash.set_all(borrowed);
                    let len = model.len();
                    model.extend(pairs.into_iter().map(|(field, value)| (field, (value, None))));
                    prop_assert_eq!(new, model.len() - len);
                }
                Step::Remove(number) => {
                    prop_assert_eq!(hash.remove(&field(number)), model.remove(&field(number)).is_some());
                }
                Step::Increment(number, by) => {
                    let old = model.get(&field(number)).cloned().unwrap_or((b"0".to_vec(), None));
                    let text = String::from_utf8(old.0).ok();
                    let value = text.and_then(|text| text.parse().ok().filter(|value: &i64| value.to_string() == text));
                    let expected = match value {
                        None => Err(IncrementError::NotInteger),
                        Some(value) => value.checked_add(by).ok_or(IncrementError::Overflow),
                    };
                    prop_assert_eq!(hash.increment(&field(number), by), expected);
                    if let Ok(sum) = expected {
                        model.insert(field(number), (sum.to_string().into_bytes(), old.1));
                    }
                }
                Step::SetDeadline(number, deadline) => {
                    let record = model.get_mut(&field(number));
                    prop_assert_eq!(hash.set_deadline(&field(number), deadline), record.is_some());
                    if let Some(record) = record {
                        record.1 = deadline.after(record.1);
                    }
                }
                Step::Wait(time) => now_ms += time,
                Step::RemoveDue(limit) => {
                    let mut count = 0;
                    hash.remove_due(limit, &mut |record| {
                        count += 1;
                        assert!(!record.is_alive(now_ms));
                    });
                    prop_assert!(count <= limit);
                }
            }
            model.retain(|_, (_, deadline)| deadline.is_none_or(|at| at > now_ms));
            let hash = Hash::new(home.content(), now_ms);
            let content: Model = hash
                .items()
                .map(|record| (record.key.to_vec(), (record.value.to_vec(), record.deadline)))
                .collect();
            prop_assert_eq!(&content, &model);
            prop_assert_eq!(check_hash(home.content()), Ok(()));
        }
        let hash = Hash::new(home.content(), now_ms);
        for (field, (value, deadline)) in &model {
            prop_assert_eq!(hash.get(field).map(Element::to_vec), Some(value.clone()));
            prop_assert_eq!(hash.string_length(field), value.len());
            prop_assert_eq!(hash.deadline(field), Some(*deadline));
        }
        let mut random = fastrand::Rng::with_seed(1);
        let drawn = hash.random(&mut || random.u64(..));
        prop_assert_eq!(drawn.is_some(), !model.is_empty());
        let mut seen = 0;
        prop_assert_eq!(hash.scan(0, 1000, &mut |_| seen += 1), 0);
        prop_assert_eq!(seen, model.len());
    }
}

#[test]
fn limits_are_those_of_the_servers() {
    let seed = HashSeed::fixed(8);
    let limits = Limits::of_hashes(&seed);
    let form = |texts: &[(&str, &str)]| {
        let mut home = Detached::new();
        let pairs = texts
            .iter()
            .map(|(field, value)| (field.as_bytes(), value.as_bytes()));
        HashMut::new(&mut home, limits, 0).set_all(pairs);
        home.content().form()
    };
    let long = "x".repeat(65);
    assert_eq!(
        form(&[("f", &long[..64]), (&long[..64], "v")]),
        Form::Packed
    );
    assert_eq!(form(&[("f", &long)]), Form::Object);
    assert_eq!(form(&[(&long, "v")]), Form::Object);
    let numbers: Vec<String> = (0..513).map(|number| number.to_string()).collect();
    let pairs: Vec<(&str, &str)> = numbers.iter().map(|text| (&text[..], "v")).collect();
    assert_eq!(form(&pairs[..512]), Form::Packed);
    assert_eq!(form(&pairs), Form::Object);
    // Too many at once count even if they are the same.
    assert_eq!(form(&[("f", "v"); 513]), Form::Object);
    assert_eq!(form(&[("f", "v"); 512]), Form::Packed);
}
