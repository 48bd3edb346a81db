//! Keyspace notifications: which events are wanted, and their messages.

use super::engine::Engine;

/// Classes of events; the letters of `notify-keyspace-events`.
pub mod class {
    pub const KEYSPACE: u32 = 1 << 0; // K
    pub const KEYEVENT: u32 = 1 << 1; // E
    pub const GENERIC: u32 = 1 << 2; // g
    pub const STRING: u32 = 1 << 3; // $
    pub const LIST: u32 = 1 << 4; // l
    pub const SET: u32 = 1 << 5; // s
    pub const HASH: u32 = 1 << 6; // h
    pub const SORTED_SET: u32 = 1 << 7; // z
    pub const EXPIRED: u32 = 1 << 8; // x
    pub const EVICTED: u32 = 1 << 9; // e
    pub const STREAM: u32 = 1 << 10; // t
    pub const KEY_MISS: u32 = 1 << 11; // m
    pub const MODULE: u32 = 1 << 13; // d
    pub const NEW: u32 = 1 << 14; // n
}

impl Engine {
    /// Tells subscribers that `event` happened to `key` of the running command's database.
    #[inline]
    pub fn notify(&mut self, class: u32, event: &str, key: &[u8]) {
        if self.wanted_events() & class != 0 {
            self.publish_event(self.run.database, class, event, key);
        }
    }

    /// Notes that the deadline of `key` changed; nobody waits for that.
    pub(super) fn deadline_changed(&mut self, event: &str, key: &[u8]) {
        self.run.edits += 1;
        self.touch_quietly(key);
        self.notify(class::GENERIC, event, key);
    }

    pub(super) fn notify_in(&mut self, database: usize, class: u32, event: &str, key: &[u8]) {
        if self.wanted_events() & class != 0 {
            self.publish_event(database, class, event, key);
        }
    }

    #[cold]
    fn publish_event(&mut self, database: usize, class: u32, event: &str, key: &[u8]) {
        if self.triggers.classes & class != 0 && !self.loading && !self.is_replaying {
            self.triggers.note(database, event, key);
        }
        if self.settings.notify_flags & class == 0 {
            return;
        }
        if self.settings.notify_flags & self::class::KEYSPACE != 0 {
            let mut channel = format!("__keyspace@{database}__:").into_bytes();
            channel.extend_from_slice(key);
            self.publish(&channel, event.as_bytes());
        }
        if self.settings.notify_flags & self::class::KEYEVENT != 0 {
            let channel = format!("__keyevent@{database}__:{event}").into_bytes();
            self.publish(&channel, key);
        }
    }
}
