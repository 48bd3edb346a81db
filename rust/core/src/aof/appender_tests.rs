//! Facts about the appender: what is flushed, and what becomes of bytes that are not.

use super::*;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("aof-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn what_is_flushed_is_in_the_file_and_pending_is_empty() {
    let folder = folder("flush");
    let path = folder.join("a");
    for policy in [Policy::Always, Policy::EverySecond, Policy::Never] {
        let _ = std::fs::remove_file(&path);
        let mut appender = Appender::open(&path, policy).unwrap();
        let mut pending = b"one".to_vec();
        assert!(appender.flush(&mut pending, 5000));
        pending.extend_from_slice(b"two");
        assert!(appender.flush(&mut pending, 5001));
        assert!(pending.is_empty());
        assert_eq!(std::fs::read(&path).unwrap(), b"onetwo");
        assert_eq!(appender.status(0).length, 6);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_failed_write_keeps_its_bytes_and_is_tried_again_after_a_second() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let mut appender = Appender::open(full, Policy::EverySecond).unwrap();
    let mut pending = b"bytes".to_vec();
    assert!(!appender.flush(&mut pending, 5000));
    assert_eq!(pending, b"bytes");
    assert!(appender.failure().is_some());
    let folder = folder("retry");
    // As if the disk had room again.
    let (file, length) = open(&folder.join("a")).unwrap();
    (appender.file, appender.length) = (file, length);
    assert!(!appender.flush(&mut pending, 5500), "not before a second");
    assert!(appender.flush(&mut pending, 6000));
    assert!(appender.failure().is_none());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn an_fsync_that_takes_too_long_is_counted_once() {
    let folder = folder("delayed");
    let mut appender = Appender::open(&folder.join("a"), Policy::EverySecond).unwrap();
    // As if the disk kept the thread busy.
    appender.jobs_begun += 1;
    let mut count_at = |now_ms| {
        assert!(appender.flush(&mut b"bytes".to_vec(), now_ms));
        if now_ms == 5_002 {
            appender.background.synced.lock().jobs += 1;
        }
        appender.take_delayed_syncs()
    };
    assert_eq!([5_000, 5_001, 5_002].map(&mut count_at), [1, 0, 0]);
    assert_eq!([7_000, 7_001].map(count_at), [0, 0]);
    drop(appender);
    std::fs::remove_dir_all(&folder).unwrap();
}
