//! Facts about MULTI, EXEC and WATCH.

use super::*;

#[test]
fn queued_commands_run_at_exec_and_enter_the_journal_as_one_unit() {
    let mut stage = Stage::new();
    assert_eq!(stage.say("multi"), "+OK\r\n");
    assert_eq!(stage.say("set a 1"), "+QUEUED\r\n");
    assert_eq!(stage.say("get a"), "+QUEUED\r\n");
    assert_eq!(stage.say("del a b"), "+QUEUED\r\n");
    assert_eq!(stage.journal(), "");
    assert_eq!(stage.say("exec"), "*3\r\n+OK\r\n$1\r\n1\r\n:1\r\n");
    assert_eq!(stage.journal(), "SELECT 0 MULTI set a 1 del a b EXEC");
    assert_eq!(stage.say("get a"), "$-1\r\n");
}

#[test]
fn a_command_that_fails_inside_stops_no_other() {
    let mut stage = Stage::new();
    for line in ["multi", "set a 1", "fail", "set b 2"] {
        stage.say(line);
    }
    let replies = "*3\r\n+OK\r\n-ERR NO_SUCH_KEY\r\n+OK\r\n";
    assert_eq!(stage.say("exec"), replies);
    assert_eq!(stage.journal(), "SELECT 0 MULTI set a 1 set b 2 EXEC");
}

#[test]
fn a_command_that_panics_inside_stops_no_other() {
    let mut stage = Stage::new();
    for line in ["multi", "set a 1", "boom", "set b 2"] {
        stage.say(line);
    }
    let replies = "*3\r\n+OK\r\n-ERR INTERNAL_ERROR\r\n+OK\r\n";
    assert_eq!(stage.say("exec"), replies);
    assert_eq!(stage.say("get b"), "$1\r\n2\r\n");
    assert_eq!(stage.core.runtime.panics, ["boom: as asked"]);
}

#[test]
fn an_error_while_queueing_dooms_the_transaction() {
    for wrong in ["set a", "what", "box what", "single"] {
        let mut stage = Stage::new();
        stage.say("multi");
        stage.say("set a 1");
        assert!(stage.say(wrong).starts_with("-ERR"), "{wrong}");
        assert_eq!(stage.say("exec"), "-ERR EXEC_ABORTED\r\n", "{wrong}");
        assert_eq!(stage.say("get a"), "$-1\r\n");
        assert_eq!(stage.say("exec"), "-ERR EXEC_WITHOUT_MULTI\r\n");
    }
}

#[test]
fn an_exec_that_is_refused_ends_the_transaction() {
    let mut stage = Stage::new();
    stage.say("multi");
    stage.say("set a 1");
    let reply = stage.say("exec now");
    assert_eq!(
        reply,
        "-EXECABORT Transaction discarded because of: WRONG_ARITY\r\n"
    );
    assert_eq!(stage.say("get a"), "$-1\r\n", "runs at once");
}

#[test]
fn discard_forgets_the_queue_and_what_is_watched() {
    let mut stage = Stage::new();
    assert_eq!(stage.say("discard"), "-ERR DISCARD_WITHOUT_MULTI\r\n");
    stage.say("watch a b");
    stage.say("multi");
    stage.say("set a 1");
    assert_eq!(stage.core.engine.watched_keys(), 2);
    assert_eq!(stage.say("discard"), "+OK\r\n");
    assert_eq!(stage.core.engine.watched_keys(), 0);
    assert_eq!(stage.say("get a"), "$-1\r\n");
}

#[test]
fn multi_and_watch_are_refused_inside() {
    let mut stage = Stage::new();
    stage.say("multi");
    assert_eq!(stage.say("multi"), "-ERR NESTED_MULTI\r\n");
    assert_eq!(stage.say("watch a"), "-ERR WATCH_INSIDE_MULTI\r\n");
    // Both come from the command itself, so they doom nothing.
    assert_eq!(stage.say("exec"), "*0\r\n");
}

#[test]
fn a_watched_key_that_another_changed_makes_exec_null() {
    let mut stage = Stage::new();
    let other = stage.join();
    for (change, reply) in [
        ("set a 1", "*-1\r\n"),
        ("del a", "*-1\r\n"),
        // Nothing changes.
        ("del a", "*1\r\n+OK\r\n"),
        ("set c 1", "*1\r\n+OK\r\n"),
    ] {
        stage.say("watch a");
        stage.say_as(other, change);
        stage.say("multi");
        stage.say("set b 1");
        assert_eq!(stage.say("exec"), reply, "{change}");
        assert_eq!(stage.core.engine.watched_keys(), 0);
    }
}

#[test]
fn a_client_can_break_its_own_watch() {
    let mut stage = Stage::new();
    stage.say("watch a");
    stage.say("set a 1");
    stage.say("multi");
    assert_eq!(stage.say("exec"), "*-1\r\n");
}

#[test]
fn another_database_is_not_watched() {
    let mut stage = Stage::new();
    let other = stage.join();
    stage.core.engine.session(other).database = 1;
    stage.say("watch a");
    stage.say_as(other, "set a 1");
    stage.say("multi");
    assert_eq!(stage.say("exec"), "*0\r\n");
}

#[test]
fn a_watched_key_that_expires_makes_exec_null() {
    let mut stage = Stage::new();
    let soon = Expiry::At(START_MS + 10);
    set(&mut stage.core.engine, b"a", b"1", soon);
    stage.say("watch a");
    stage.advance(11);
    stage.say("multi");
    assert_eq!(stage.say("exec"), "*-1\r\n");
    // Watched when it was due already, it is a missing key that stays missing.
    set(&mut stage.core.engine, b"a", b"1", soon);
    stage.say("watch a");
    stage.say("multi");
    assert_eq!(stage.say("exec"), "*0\r\n");
}

#[test]
fn who_leaves_watches_nothing() {
    let mut stage = Stage::new();
    let other = stage.join();
    stage.say_as(other, "watch a b a");
    stage.say("watch a");
    assert_eq!(stage.core.engine.watched_keys(), 2);
    stage.core.disconnected(other);
    assert_eq!(stage.core.engine.watched_keys(), 1);
}
