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
