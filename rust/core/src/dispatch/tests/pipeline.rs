//! Facts about the one way through: what is refused, counted, logged and propagated.

use super::super::engine::PauseKind;
use super::super::session::ReplyMode;
use super::*;

#[test]
fn a_command_runs_native_or_in_the_runtime() {
    let mut stage = Stage::new();
    assert_eq!(stage.say("set a 1"), "+OK\r\n");
    assert_eq!(stage.say("GeT a"), "$1\r\n1\r\n");
    assert_eq!(stage.say("box OPEN a"), "+OK\r\n");
}

#[test]
fn what_nobody_knows_is_quoted_in_part() {
    let mut stage = Stage::new();
    assert_eq!(
        stage.say("what a ''"),
        "-ERR unknown command 'what', with args beginning with: 'a' '' \r\n"
    );
    assert_eq!(
        stage.say("box what"),
        "-ERR unknown subcommand 'what'. Try BOX HELP.\r\n"
    );
    let long = "x".repeat(1000);
    let reply = stage.say(&format!("{long} {long} {long}"));
    let shown = "x".repeat(128);
    assert_eq!(
        reply,
        format!("-ERR unknown command '{shown}', with args beginning with: '{shown}' \r\n")
    );
}

#[test]
fn arity_is_checked_before_the_password() {
    let mut stage = Stage::new();
    stage.core.engine.settings.password_required = true;
    let stranger = stage.join();
    assert_eq!(stage.say_as(stranger, "get"), "-ERR WRONG_ARITY\r\n");
    assert_eq!(stage.say_as(stranger, "get a"), "-ERR AUTH_REQUIRED\r\n");
    assert_eq!(stage.say_as(stranger, "loaded"), "+OK\r\n");
    // Who was there before is known.
    assert_eq!(stage.say("get a"), "$-1\r\n");
}

#[test]
fn while_loading_few_commands_run() {
    let mut stage = Stage::new();
    stage.core.engine.loading = true;
    assert_eq!(stage.say("get a"), "-ERR LOADING\r\n");
    assert_eq!(stage.say("loaded"), "+OK\r\n");
}

#[test]
fn calls_failures_and_refusals_are_counted_apart() {
    let mut stage = Stage::new();
    for line in ["fail", "fail", "fail x", "set a 1", "boom", "what"] {
        stage.say(line);
    }
    let engine = &stage.core.engine;
    let row = |name: &str| {
        let id = engine.commands.find(name.as_bytes()).unwrap();
        let row = &engine.statistics.commands[id];
        (row.calls, row.failed, row.rejected)
    };
    assert_eq!(row("fail"), (2, 2, 1));
    assert_eq!(row("set"), (1, 0, 0));
    assert_eq!(row("boom"), (1, 1, 0));
    assert_eq!(engine.statistics.counters.error_replies, 5);
    assert_eq!(engine.statistics.counters.commands, 4);
}

#[test]
fn a_panic_costs_one_reply() {
    let mut stage = Stage::new();
    assert_eq!(stage.say("boom"), "-ERR INTERNAL_ERROR\r\n");
    assert_eq!(stage.core.runtime.panics, ["boom: as asked"]);
    assert_eq!(stage.core.engine.run.depth, 0);
    assert_eq!(stage.say("set a 1"), "+OK\r\n");
    assert_eq!(stage.journal(), "SELECT 0 set a 1");
}

#[test]
fn nothing_changed_nothing_propagates() {
    let mut stage = Stage::new();
    for line in ["get a", "del a", "fail", "box open a"] {
        stage.say(line);
    }
    assert_eq!(stage.journal(), "");
    assert_eq!(stage.core.engine.dirty_since_save, 0);
    stage.say("set a 1");
    assert_eq!(stage.journal(), "SELECT 0 set a 1");
    assert_eq!(stage.core.engine.dirty_since_save, 1);
}

#[test]
fn a_command_can_propagate_others_as_one_unit() {
    let mut stage = Stage::new();
    stage.say("become a");
    let unit = "SELECT 0 MULTI first x second y EXEC";
    assert_eq!(stage.journal(), unit);
    // Inside a transaction there is one unit, not two.
    for line in ["multi", "become a", "set b 1", "exec"] {
        stage.say(line);
    }
    assert_eq!(stage.journal(), "MULTI first x second y set b 1 EXEC");
}

#[test]
fn a_key_that_expires_is_deleted_in_the_journal() {
    let mut stage = Stage::new();
    let soon = Expiry::At(START_MS + 10);
    set(&mut stage.core.engine, b"a", b"1", soon);
    stage.advance(11);
    assert_eq!(stage.say("get a"), "$-1\r\n");
    assert_eq!(stage.journal(), "SELECT 0 DEL a");
}

#[test]
fn replies_can_be_silenced() {
    let mut stage = Stage::new();
    let mode = |stage: &mut Stage, mode| {
        let client = stage.client;
        stage.core.engine.session(client).reply_mode = mode;
    };
    mode(&mut stage, ReplyMode::Off);
    assert_eq!(stage.say("set a 1"), "");
    assert_eq!(stage.say("get a"), "");
    // As CLIENT REPLY SKIP leaves it: that reply is dropped, and the next.
    mode(&mut stage, ReplyMode::SkipNext);
    assert_eq!(stage.say("get a"), "");
    assert_eq!(stage.say("get a"), "");
    assert_eq!(stage.say("get a"), "$1\r\n1\r\n");
}

#[test]
fn a_pause_holds_up_writes_and_lets_them_go() {
    let mut stage = Stage::new();
    stage.core.engine.pause = Some((START_MS + 100, PauseKind::Write));
    assert_eq!(stage.say("get a"), "$-1\r\n");
    let (client, other) = (stage.client, stage.join());
    assert_eq!(stage.flow(client, "set a 1"), (String::new(), Flow::Pause));
    stage.core.tick();
    assert_eq!(stage.say_as(other, "get a"), "$-1\r\n");
    stage.advance(100);
    stage.core.tick();
    assert_eq!(stage.heard(client), "+OK\r\n");
    assert_eq!(stage.say_as(other, "get a"), "$1\r\n1\r\n");
    let mut resumed = Vec::new();
    stage.core.take_resumed(&mut resumed);
    assert_eq!(resumed, [client]);
}

#[test]
fn a_pause_of_all_holds_up_reads() {
    let mut stage = Stage::new();
    stage.core.engine.pause = Some((START_MS + 100, PauseKind::All));
    let client = stage.client;
    assert_eq!(stage.flow(client, "get a").1, Flow::Pause);
    // Who leaves while waiting is not resumed.
    stage.core.disconnected(client);
    stage.advance(100);
    stage.core.tick();
    let mut resumed = Vec::new();
    stage.core.take_resumed(&mut resumed);
    assert_eq!(resumed, []);
}

#[test]
fn logs_and_monitors_do_not_show_secrets() {
    let mut stage = Stage::new();
    let monitor = stage.join();
    stage.say_as(monitor, "monitor");
    stage.core.engine.statistics.slow_log.threshold = 0;
    stage.say("secret password");
    assert_eq!(
        stage.heard(monitor),
        "+1000000000.000000 [0 10.0.0.1:5] \"secret\" \"(redacted)\"\r\n"
    );
    let entry = &stage.core.engine.statistics.slow_log.entries[0];
    assert_eq!(entry.arguments, [b"secret".as_slice(), b"(redacted)"]);
    assert_eq!(entry.unix_seconds, START_MS / 1000);
    assert_eq!(entry.address, "10.0.0.1:5");
}

#[test]
fn large_requests_and_replies_are_logged() {
    let mut stage = Stage::new();
    let statistics = &mut stage.core.engine.statistics;
    statistics.large_requests.threshold = 1000;
    statistics.large_replies.threshold = 1000;
    let value = "x".repeat(1000);
    stage.say(&format!("set a {value}"));
    stage.say("get a");
    stage.say("get b");
    let statistics = &stage.core.engine.statistics;
    let amounts = |log: &super::super::statistics::CommandLog| {
        let entries = log.entries.iter();
        entries.map(|entry| entry.amount).collect::<Vec<_>>()
    };
    let request = format!("*3\r\n$3\r\nset\r\n$1\r\na\r\n$1000\r\n{value}\r\n");
    assert_eq!(amounts(&statistics.large_requests), [request.len() as u64]);
    let reply = format!("$1000\r\n{value}\r\n");
    assert_eq!(amounts(&statistics.large_replies), [reply.len() as u64]);
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    let mut stage = Stage::new();
    stage.core.engine.settings.output_limit_normal = (4096, 0, 0);
    let client = stage.client;
    stage.say(&format!("set a {}", "x".repeat(2000)));
    let get = request("get a");
    for _ in 0..3 {
        stage.core.execute(client, get.as_request());
    }
    let mut closing = Vec::new();
    stage.core.take_closing(&mut closing);
    assert_eq!(closing, [(client, false)]);
    assert_eq!(stage.heard(client), "");
}

#[test]
fn too_many_clients_and_strangers_are_turned_away() {
    let mut stage = Stage::new();
    let peer = |is_local| Peer {
        address: "10.0.0.9:1".into(),
        local_address: "10.0.0.2:6379".into(),
        descriptor: 4,
        is_unix_socket: false,
        is_local,
        is_other_process: false,
    };
    stage.core.engine.settings.protected_mode = true;
    let refused = stage.core.connected(peer(false));
    assert_eq!(refused, Err(b"-ERR PROTECTED_MODE\r\n".to_vec()));
    stage.core.engine.settings.clients_max = 2;
    assert!(stage.core.connected(peer(true)).is_ok());
    let refused = stage.core.connected(peer(true));
    assert_eq!(refused, Err(b"-ERR MAX_CLIENTS\r\n".to_vec()));
    let counters = &stage.core.engine.statistics.counters;
    assert_eq!(
        (counters.connections, counters.rejected_connections),
        (2, 2)
    );
}

#[test]
fn the_runtime_has_its_turn_ten_times_a_second() {
    let mut stage = Stage::new();
    for _ in 0..10 {
        stage.advance(50);
        stage.core.tick();
    }
    assert_eq!(stage.core.runtime.crons, 5);
}
