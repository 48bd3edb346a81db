//! What a bug leaves behind.

use super::*;

#[test]
fn a_command_that_panics_after_an_edit_propagates_what_its_key_is_now() {
    let mut stage = Stage::new();
    assert_eq!(stage.say("half a"), "-ERR INTERNAL_ERROR\r\n");
    let at = crate::keyspace::DEADLINE_MAX;
    assert_eq!(stage.journal(), format!("SELECT 0 SET a half PXAT {at}"));
    assert_eq!(stage.say("set b 1"), "+OK\r\n");
}

#[test]
fn one_that_panics_before_its_first_edit_propagates_its_key_all_the_same() {
    let mut stage = Stage::new();
    stage.say("set a 1");
    stage.say("bang a");
    stage.say("bang b");
    assert_eq!(stage.journal(), "SELECT 0 set a 1 SET a 1 DEL b");
}

#[test]
fn watchers_of_its_key_learn_of_it() {
    let mut stage = Stage::new();
    for line in ["watch a", "bang a", "multi"] {
        stage.say(line);
    }
    assert_eq!(stage.say("exec"), "*-1\r\n");
}

#[test]
fn a_damaged_key_stops_all_writes() {
    let mut stage = Stage::new();
    stage.say("set b 1");
    for line in ["multi", "spoil a", "set b 2"] {
        stage.say(line);
    }
    let replies = "*2\r\n-ERR INTERNAL_ERROR\r\n-ERR WRITES_STOPPED\r\n";
    assert_eq!(stage.say("exec"), replies);
    assert_eq!(stage.say("set b 2"), "-ERR WRITES_STOPPED\r\n");
    assert_eq!(stage.say("get b"), "$1\r\n1\r\n");
    assert_eq!(stage.journal(), "SELECT 0 set b 1");
    let warnings = &stage.core.runtime.warnings;
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("Damaged { key: [97]"),
        "{warnings:?}"
    );
}
