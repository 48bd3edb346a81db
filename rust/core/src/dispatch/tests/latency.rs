//! Facts about the latency monitor: what of the engine's own work it hears of.

use std::path::PathBuf;
use std::time::Duration;

use super::super::eviction::{Policy, Room};
use super::*;
use crate::aof;
use crate::rdb::Format;
use crate::rdb::snapshot::Task;

/// A stage on which whatever looks at the clock twice took a millisecond, and is told.
fn slow() -> Stage {
    let mut stage = Stage::new();
    stage.core.engine.clock.crawl(1_000_000);
    stage.core.engine.statistics.latency.threshold_milliseconds = 1;
    stage
}

impl Stage {
    /// Names of the events so far, sorted.
    fn events(&self) -> Vec<&str> {
        let series = &self.core.engine.statistics.latency.series;
        let mut names: Vec<&str> = series.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }
}

/// Lets a key's time come.
fn expire(stage: &mut Stage) {
    let deadline = Expiry::At(START_MS + 1);
    set(&mut stage.core.engine, b"key", b"value", deadline);
    stage.advance(10);
    stage.core.engine.tick();
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("latency-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn slow_expiry_is_an_event_of_the_cycle_and_of_the_key() {
    let mut stage = slow();
    expire(&mut stage);
    assert_eq!(stage.events(), ["expire-cycle", "expire-del"]);
}

#[test]
fn slow_eviction_is_an_event_of_the_cycle_and_of_the_key() {
    let mut stage = slow();
    let engine = &mut stage.core.engine;
    set(engine, b"key", b"value", Expiry::None);
    engine.settings.eviction_policy = Policy::named("allkeys-random");
    engine.settings.memory_max = 1;
    assert_eq!(engine.make_room(), Room::Exhausted);
    assert_eq!(stage.events(), ["eviction-cycle", "eviction-del"]);
}

#[test]
fn slow_defragmentation_is_an_event() {
    let mut stage = slow();
    let settings = &mut stage.core.engine.settings.defragment;
    settings.is_on = true;
    (settings.ignore_bytes, settings.lower_percent) = (0, 0);
    stage.core.engine.defragment_slice(100_000_000);
    assert_eq!(stage.events(), ["active-defrag-cycle"]);
}

#[test]
fn writing_and_forcing_to_disk_are_events_of_their_own() {
    let folder = folder("aof");
    for (policy, expected) in [
        (aof::Policy::Never, &["aof-write", "aof-write-alone"][..]),
        (
            aof::Policy::Always,
            &["aof-fsync-always", "aof-write", "aof-write-alone"],
        ),
    ] {
        let mut stage = slow();
        let engine = &mut stage.core.engine;
        let path = folder.join("increment");
        engine.prepare_appending(&path, policy, false).unwrap();
        engine.go_on_appending();
        assert!(engine.flush_aof());
        assert_eq!(stage.events(), [""; 0], "nothing was written");
        stage.say("set key value");
        assert!(stage.core.engine.flush_aof());
        let mut events = stage.events();
        events.retain(|name| name.starts_with("aof"));
        assert_eq!(events, expected);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn waiting_for_an_unfinished_file_to_go_is_an_event() {
    let folder = folder("rdb");
    let mut stage = slow();
    let engine = &mut stage.core.engine;
    let options = engine.save_options(Format::Redis10, false, true);
    let path = folder.join("dump");
    engine.start_snapshot(Task {
        path,
        options,
        survives_flush: false,
        key_delay: Duration::ZERO,
    });
    assert!(engine.abort_snapshot());
    assert_eq!(stage.events(), ["rdb-unlink-temp-file"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn nothing_is_noted_while_the_monitor_is_off() {
    let mut stage = slow();
    stage.core.engine.statistics.latency.threshold_milliseconds = 0;
    expire(&mut stage);
    assert_eq!(stage.say("get key"), "$-1\r\n");
    assert_eq!(stage.events(), [""; 0]);
}
