//! Facts about the stream of effects.

use super::super::journal::Journal;
use super::*;

fn effect(database: usize, line: &str) -> Effect {
    Effect {
        database,
        arguments: line.split(' ').map(|word| word.as_bytes().into()).collect(),
    }
}

fn recording() -> Journal {
    let mut journal = Journal::default();
    journal.record();
    journal
}

#[test]
fn a_unit_of_two_commands_is_wrapped_and_its_bytes_are_counted() {
    let mut journal = recording();
    journal.append(&[effect(3, "SET a 1"), effect(3, "DEL b")], 0);
    let stream = journal.take_recording();
    assert_eq!(stream.len() as u64, journal.offset());
    assert_eq!(words(&stream), "SELECT 3 MULTI SET a 1 DEL b EXEC");
}

#[test]
fn a_single_command_stands_alone_in_resp() {
    let mut journal = recording();
    journal.append(&[effect(0, "SET key 0123456789")], 0);
    assert_eq!(
        journal.take_recording(),
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$10\r\n0123456789\r\n"
    );
}

#[test]
fn a_database_is_selected_when_it_changes() {
    let mut journal = recording();
    for database in [0, 0, 1] {
        journal.append(&[effect(database, "INCR a")], 0);
    }
    // Also inside a unit.
    journal.append(&[effect(1, "DEL b"), effect(2, "DEL c")], 0);
    assert_eq!(
        words(&journal.take_recording()),
        "SELECT 0 INCR a INCR a SELECT 1 INCR a MULTI DEL b SELECT 2 DEL c EXEC"
    );
}

#[test]
fn who_begins_to_read_learns_the_database() {
    let mut journal = Journal::default();
    journal.append(&[effect(5, "INCR a")], 0);
    assert_eq!(journal.take_recording(), b"");
    journal.record();
    journal.append(&[effect(5, "INCR a")], 0);
    assert_eq!(words(&journal.take_recording()), "SELECT 5 INCR a");
}

#[test]
fn what_nobody_reads_is_counted_all_the_same() {
    let mut written = recording();
    let effect = effect(0, &format!("SET key {}", "x".repeat(100)));
    written.append(std::slice::from_ref(&effect), 0);
    let select = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n".len() as u64;
    let mut counted = Journal::default();
    assert!(!counted.is_read() && written.is_read());
    counted.count(effect.arguments.iter().map(|word| word.len()));
    assert_eq!(counted.offset() + select, written.offset());
}
