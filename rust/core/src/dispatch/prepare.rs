//! Asking the processor for the memory of several requests before the first is executed.
//!
//! Waiting for memory is most of the cost of a GET in a large keyspace, and much of that of
//! an HGET in a large hash. Of what a request is about only its shape is known here:
//! nearly all commands have their (first) key right behind the name, and those of hashes
//! and sets a (first) member behind that. Elsewhere the hint is wrong and harmless.

use smallvec::SmallVec;

use crate::keyspace::Database;
use crate::service::Request;
use crate::types::paged_table::PagedTable;
use crate::types::{Content, Object};

/// A smaller database or collection is in the processor's cache anyway.
const PREPARED_MIN: usize = 2000;
const KEY_INDEX: usize = 1;
const MEMBER_INDEX: usize = 2;

/// Prepares for `count` requests of one client.
#[inline]
pub(super) fn prepare<'r>(
    database: &Database,
    count: usize,
    request: &dyn Fn(usize) -> Request<'r>,
) {
    if database.len() >= PREPARED_MIN {
        keys(database, count, request);
    } else if !database.is_empty() {
        members(database, count, request);
    }
}

/// First the slots of all keys, then the entries that they lead to.
fn keys<'r>(database: &Database, count: usize, request: &dyn Fn(usize) -> Request<'r>) {
    let mut hashes: SmallVec<[u64; 16]> = SmallVec::new();
    for index in 0..count {
        let request = request(index);
        if request.len() > KEY_INDEX {
            let hash = database.hash(request.get(KEY_INDEX));
            database.prefetch(hash);
            hashes.push(hash);
        }
    }
    for hash in hashes {
        database.prefetch_entry(hash);
    }
}

/// The same within large hashes and sets, most likely one for all requests.
fn members<'r>(database: &Database, count: usize, request: &dyn Fn(usize) -> Request<'r>) {
    let mut hashes: SmallVec<[(&PagedTable, u64); 16]> = SmallVec::new();
    let mut last: (&[u8], Option<&PagedTable>) = (&[], None);
    for index in 0..count {
        let request = request(index);
        if request.len() <= MEMBER_INDEX {
            continue;
        }
        let key = request.get(KEY_INDEX);
        if key != last.0 {
            last = (key, large_table(database, key));
        }
        if let Some(table) = last.1 {
            let hash = table.hash(request.get(MEMBER_INDEX));
            table.prefetch(hash);
            hashes.push((table, hash));
        }
    }
    for (table, hash) in hashes {
        table.prefetch_record(hash);
    }
}

fn large_table<'d>(database: &'d Database, key: &[u8]) -> Option<&'d PagedTable> {
    match database.find(key)?.content()? {
        Content::Object(Object::Hash(table) | Object::Set(table))
            if table.len() >= PREPARED_MIN =>
        {
            Some(table)
        }
        _ => None,
    }
}
