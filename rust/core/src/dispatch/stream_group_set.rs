//! Which groups a stream has, and which consumers.
//!
//! Like in the real servers a watched key is not touched by it; only those who wait in a
//! group learn that it is gone.

use super::engine::Engine;
use super::error::Failure;
use super::notify::class;
use super::streams::stream_at;
use crate::keyspace::Kind;
use crate::types::Object;
use crate::types::home::Home;
use crate::types::stream::{Group, Stream, StreamId};

impl Engine {
    /// Adds a group, and a stream without entries if there is none. False: there is one
    /// of this name.
    pub fn create_group(
        &mut self,
        key: &[u8],
        name: &[u8],
        last_id: StreamId,
        entries_read: i64,
    ) -> Result<bool, Failure> {
        let mut is_first = false;
        let is_new = self.edit_collection(key, Kind::Stream, |place, _| {
            if place.is_new() {
                is_first = true;
                place.become_object(Object::Stream(Stream::new()));
            }
            let group = Group::new(last_id, entries_read);
            let is_new = stream_at(place).is_some_and(|stream| stream.add_group(name, group));
            (is_new, 0)
        })?;
        self.run.edits += u64::from(is_new);
        if is_first {
            self.touch(key);
        }
        if is_new {
            self.notify(class::STREAM, "xgroup-create", key);
        }
        Ok(is_new)
    }

    /// Sets how far a group has read.
    pub fn set_group_id(
        &mut self,
        key: &[u8],
        name: &[u8],
        last_id: StreamId,
        entries_read: i64,
    ) -> Result<(), Failure> {
        self.edit_group(key, name, |_, group| {
            (group.last_id, group.entries_read) = (last_id, entries_read);
            ((), 1)
        })?;
        self.notify(class::STREAM, "xgroup-setid", key);
        Ok(())
    }

    /// Removes a group. False: there is none.
    pub fn destroy_group(&mut self, key: &[u8], name: &[u8]) -> Result<bool, Failure> {
        let removed = self.edit_collection(key, Kind::Stream, |place, _| {
            let removed = stream_at(place).and_then(|stream| stream.remove_group(name));
            (removed, 0)
        })?;
        let Some(garbage) = removed else {
            return Ok(false);
        };
        self.run.edits += 1;
        self.discard_garbage(garbage);
        self.waiters.touched(&(self.run.database, key.into()));
        self.notify(class::STREAM, "xgroup-destroy", key);
        Ok(true)
    }

    /// Adds a consumer. False: there is one of this name.
    pub fn create_consumer(
        &mut self,
        key: &[u8],
        group: &[u8],
        name: &[u8],
    ) -> Result<bool, Failure> {
        let now_ms = self.now_ms;
        let is_new = self.edit_group(key, group, |_, group| {
            let is_new = group.add_consumer(name, now_ms).is_some();
            (is_new, u64::from(is_new))
        })?;
        if is_new == Some(true) {
            self.notify(class::STREAM, "xgroup-createconsumer", key);
        }
        Ok(is_new == Some(true))
    }

    /// Removes a consumer; how many entries it had pending. None: there is none.
    pub fn remove_consumer(
        &mut self,
        key: &[u8],
        group: &[u8],
        name: &[u8],
    ) -> Result<Option<usize>, Failure> {
        let removed = self.edit_group(key, group, |_, group| {
            let removed = group.remove_consumer(name);
            let edits = u64::from(removed.is_some());
            (removed, edits)
        })?;
        let Some((count, garbage)) = removed.flatten() else {
            return Ok(None);
        };
        self.discard_garbage(garbage);
        self.notify(class::STREAM, "xgroup-delconsumer", key);
        Ok(Some(count))
    }
}
