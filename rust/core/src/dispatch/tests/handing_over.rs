//! Facts about what a thread of its own writes for callers that do not wait.

use super::super::append_only::Gathered;
use super::*;
use crate::aof::Policy;

#[test]
fn bytes_go_at_the_second_look_unless_somebody_wrote_in_between() {
    let folder = std::env::temp_dir().join(format!("handing-over-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("increment");
    let mut stage = Stage::new();
    let mut seen = 0;
    assert_eq!(stage.core.engine.hand_over(&mut seen), Gathered::Nothing);
    let engine = &mut stage.core.engine;
    let policy = Policy::EverySecond;
    engine.prepare_appending(&path, policy, false).unwrap();
    engine.go_on_appending();
    assert_eq!(engine.hand_over(&mut seen), Gathered::Nothing);

    let length = |stage: &Stage| stage.core.engine.aof.as_ref().unwrap().length();
    stage.say("set key one");
    assert_eq!(stage.core.engine.hand_over(&mut seen), Gathered::Some);
    let first = length(&stage);
    assert!(first > 0, "nobody had written before");

    stage.say("set key two");
    assert!(stage.core.engine.flush_aof());
    let second = length(&stage);
    stage.say("set key three");
    assert_eq!(stage.core.engine.hand_over(&mut seen), Gathered::Some);
    assert_eq!(length(&stage), second, "it is younger than the last write");
    assert_eq!(stage.core.engine.hand_over(&mut seen), Gathered::Some);
    assert!(length(&stage) > second);
    assert_ne!(stage.core.engine.hand_over(&mut seen), Gathered::Some);

    stage.core.engine.stop_appending().unwrap();
    assert_eq!(stage.core.engine.hand_over(&mut seen), Gathered::Nothing);
    std::fs::remove_dir_all(&folder).unwrap();
}
