//! Packed tables against a list of pairs: the obvious definition.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Set(u8, Vec<u8>, Deadline),
    Remove(u8),
    RemoveNth(usize),
    SetDeadline(u8, Deadline),
    AddDeadlines,
    RemoveDue(i64, usize),
}

type Model = Vec<(Vec<u8>, Vec<u8>, Option<i64>)>;

fn key(number: u8) -> Vec<u8> {
    match number % 3 {
        0 => number.to_string().into_bytes(),
        1 => format!("field:{number}").into_bytes(),
        _ => vec![number; usize::from(number)],
    }
}

fn deadlines() -> impl Strategy<Value = Deadline> {
    prop_oneof![
        3 => Just(Deadline::Keep),
        1 => Just(Deadline::Clear),
        2 => (-5..300_i64).prop_map(Deadline::At),
        1 => any::<i64>().prop_map(Deadline::At),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let value = prop_oneof![
        any::<i32>().prop_map(|value| value.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..70),
    ];
    prop_oneof![
        6 => (0..40_u8, value, deadlines()).prop_map(|(key, value, at)| Step::Set(key, value, at)),
        2 => (0..40_u8).prop_map(Step::Remove),
        1 => (0..40_usize).prop_map(Step::RemoveNth),
        2 => (0..40_u8, deadlines()).prop_map(|(key, at)| Step::SetDeadline(key, at)),
        1 => Just(Step::AddDeadlines),
        1 => (0..300_i64, 1..9_usize).prop_map(|(now, limit)| Step::RemoveDue(now, limit)),
    ]
}

fn content(table: PackedTable<'_>) -> Model {
    table
        .iter()
        .map(|record| (record.key.to_vec(), record.value.to_vec(), record.deadline))
        .collect()
}

proptest! {
    #[test]
    fn behaves_as_a_list_of_records(
        values in any::<bool>(),
        steps in prop::collection::vec(steps(), 0..120),
    ) {
        let mut shape = Shape { values, deadlines: false };
        let mut bytes = shape.empty().to_vec();
        let mut model = Model::new();
        for step in steps {
            let mut table = PackedTableMut::new(&mut bytes, shape);
            match step {
                Step::Set(number, value, deadline) => {
                    let deadline = if shape.deadlines { deadline } else { Deadline::Keep };
                    let value = if values { value } else { Vec::new() };
                    let key = key(number);
                    let done = table.set(&key, &value, deadline, 20);
                    let len = model.len();
                    match model.iter_mut().find(|record| record.0 == key) {
                        Some(record) => {
                            prop_assert_eq!(done, Ok(false));
                            record.1 = value;
                            record.2 = deadline.after(record.2);
                        }
                        None if len >= 20 => prop_assert_eq!(done, Err(Full)),
                        None => {
                            prop_assert_eq!(done, Ok(true));
                            model.push((key, value, deadline.after(None)));
                        }
                    }
                }
                Step::Remove(number) => {
                    let len = model.len();
                    model.retain(|record| record.0 != key(number));
                    prop_assert_eq!(table.remove(&key(number)), model.len() < len);
                }
                Step::RemoveNth(index) => {
                    let removed = (index < model.len()).then(|| model.remove(index).0);
                    let mut seen = None;
                    table.remove_nth(index, &mut |record| seen = Some(record.key.to_vec()));
                    prop_assert_eq!(seen, removed);
                }
                Step::SetDeadline(number, deadline) => {
                    if shape.deadlines {
                        let record = model.iter_mut().find(|record| record.0 == key(number));
                        prop_assert_eq!(table.set_deadline(&key(number), deadline), record.is_some());
                        if let Some(record) = record {
                            record.2 = deadline.after(record.2);
                        }
                    }
                }
                Step::AddDeadlines => {
                    table.add_deadlines();
                    shape = shape.timed();
                }
                Step::RemoveDue(now, limit) => {
                    let mut left = limit;
                    let mut expected = Vec::new();
                    model.retain(|record| {
                        let stays = record.2.is_none_or(|at| at > now) || left == 0;
                        if !stays {
                            left -= 1;
                            expected.push(record.0.clone());
                        }
                        stays
                    });
                    let mut seen = Vec::new();
                    table.remove_due(now, limit, &mut |record| seen.push(record.key.to_vec()));
                    prop_assert_eq!(seen, expected);
                }
            }
            let table = PackedTable::new(&bytes, shape);
            prop_assert_eq!(content(table), model.clone());
            prop_assert_eq!(PackedTable::validate(&bytes, shape), Ok(()));
            prop_assert_eq!((table.len(), table.is_empty()), (model.len(), model.is_empty()));
        }
        let table = PackedTable::new(&bytes, shape);
        for (index, record) in model.iter().enumerate() {
            prop_assert_eq!(table.get(&record.0), table.nth(index));
            prop_assert!(table.contains(&record.0));
        }
        prop_assert_eq!(table.nth(model.len()), None);
        prop_assert!(!table.contains(b"missing"));
    }

    #[test]
    fn what_passes_validation_reads(
        shape in (any::<bool>(), any::<bool>()).prop_map(|(values, deadlines)| Shape { values, deadlines }),
        bytes in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        if PackedTable::validate(&bytes, shape).is_ok() {
            let table = PackedTable::new(&bytes, shape);
            prop_assert_eq!(table.iter().count(), table.len());
        }
    }
}

#[test]
fn keys_that_stand_twice_are_refused() {
    let set = Shape {
        values: false,
        deadlines: false,
    };
    assert!(PackedTable::validate(&[1, 2, 3], set).is_ok());
    assert!(PackedTable::validate(&[1, 2, 1], set).is_err());
    let hash = Shape {
        values: true,
        deadlines: false,
    };
    assert!(PackedTable::validate(&[1, 2, 2, 2], hash).is_ok());
    assert!(PackedTable::validate(&[1, 2, 1, 2], hash).is_err());
    assert!(PackedTable::validate(&[1, 2, 3], hash).is_err());
}

#[test]
fn a_deadline_before_the_earliest_is_refused() {
    let timed = Shape {
        values: false,
        deadlines: true,
    };
    assert!(PackedTable::validate(&[5, 0, 0, 0, 0, 0, 1, 5, 2, 0], timed).is_ok());
    assert!(PackedTable::validate(&[5, 0, 0, 0, 0, 0, 1, 4], timed).is_err());
    assert!(PackedTable::validate(&[5, 0, 0], timed).is_err());
}

#[test]
fn the_latest_deadline_is_one() {
    let shape = Shape {
        values: false,
        deadlines: true,
    };
    let mut bytes = shape.empty().to_vec();
    let mut table = PackedTableMut::new(&mut bytes, shape);
    assert!(
        table
            .set(b"member", b"", Deadline::At(DEADLINE_MAX), 9)
            .is_ok()
    );
    assert_eq!(table.read().next_deadline(), Some(DEADLINE_MAX));
    assert!(table.set(b"member", b"", Deadline::Clear, 9).is_ok());
    assert_eq!(table.read().next_deadline(), None);
}
