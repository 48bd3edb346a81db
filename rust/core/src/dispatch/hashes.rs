//! Hashes as commands change them: as all collections, and fields that expire.

use super::engine::Engine;
use super::error::{ErrorCode, Failure};
use crate::keyspace::{Kind, Place};
use crate::types::HashMut;
use crate::types::hash::IncrementError;

impl Engine {
    /// Changes the hash at `key`, or makes it; see `edit_collection`.
    #[inline]
    pub fn edit_hash<R>(
        &mut self,
        key: &[u8],
        edit: impl FnOnce(&mut HashMut<'_, Place<'_>>) -> (R, u64),
    ) -> Result<R, Failure> {
        let mut due = Vec::new();
        let result = self.edit_collection(key, Kind::Hash, |place, environment| {
            let limits = environment.hash_limits();
            let mut hash = HashMut::new(place, limits, environment.now_ms);
            let done = edit(&mut hash);
            due = hash.take_met_due();
            done
        })?;
        if !due.is_empty() {
            let database = self.run.database;
            self.note_expired_members(database, key, Kind::Hash, due);
            // Only looked at when the command is over.
            self.run.emptied.push((database, key.into()));
        }
        Ok(result)
    }
}

impl From<IncrementError> for Failure {
    fn from(error: IncrementError) -> Failure {
        match error {
            IncrementError::NotInteger => ErrorCode::HashValueNotInteger,
            IncrementError::Overflow => ErrorCode::IncrementOverflow,
            IncrementError::NotFloat => ErrorCode::HashValueNotFloat,
            IncrementError::NotFinite => ErrorCode::IncrementNanOrInfinity,
        }
        .into()
    }
}
