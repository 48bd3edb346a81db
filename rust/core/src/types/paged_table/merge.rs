//! What two large tables have in common, found by passing them side by side.
//!
//! Tables of one process hash alike, and all stand in hash order: the bits of a page and
//! the tag of a record in it are where the hash of its key begins. So two tables are
//! merged as two sorted lists are. No key is hashed or looked up, and keys are compared
//! only where as much of their hashes agrees as both tables know.
//!
//! Cost: O(records of both), a few nanoseconds for one that the other table lacks.

use super::page::Page;
use super::{PagedTable, record};
use crate::types::record::Record;

/// A record, and where its hash begins.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    table: &'a PagedTable,
    page: &'a Page,
    /// The slot of the page.
    at: usize,
    index: usize,
    /// The first bits of the hash: those of the page and the tag; the others are 0.
    hash: u64,
    /// How many the others are.
    unknown_bits: u32,
}

impl<'a> Cursor<'a> {
    /// The first record of a table; None in an empty one.
    fn first(table: &'a PagedTable) -> Option<Cursor<'a>> {
        let mut cursor = Cursor {
            table,
            page: table.slot(0).as_ref()?,
            at: 0,
            index: 0,
            hash: 0,
            unknown_bits: 0,
        };
        cursor.enter().then_some(cursor)
    }

    /// Stays, or goes to the first record behind its place where the page has no more.
    /// False: there is none.
    fn enter(&mut self) -> bool {
        let slots = 1_usize << self.table.depth;
        while self.index >= self.page.len() {
            // Most of a page's slots are empty, see `PagedTable`.
            let mut behind = self.at + 1..slots;
            let Some((at, page)) = behind.find_map(|at| Some((at, self.table.slot(at).as_ref()?)))
            else {
                return false;
            };
            (self.at, self.page, self.index) = (at, page, 0);
        }
        self.unknown_bits = 48_u32.saturating_sub(self.page.depth.into());
        self.read_hash();
        true
    }

    #[inline]
    fn read_hash(&mut self) {
        // In two steps, because a shift by 64 is none.
        let page_bits = (self.at as u64) << (63 - self.table.depth) << 1;
        let tag = u64::from(self.page.tag(self.index));
        self.hash = page_bits | tag << 48 >> self.page.depth;
    }

    /// Goes to the next record. False: there is none.
    #[inline]
    fn advance(&mut self) -> bool {
        self.index += 1;
        if self.index < self.page.len() {
            self.read_hash();
            return true;
        }
        self.enter()
    }
}

impl PagedTable {
    /// Visits the records of this table whose keys are in another one as well, each with
    /// its deadline there, in the order of this table and until `visit` answers false.
    pub fn in_common<'a>(
        &'a self,
        other: &PagedTable,
        visit: &mut dyn FnMut(Record<'a>, Option<i64>) -> bool,
    ) {
        let (Some(mut own), Some(mut their)) = (Cursor::first(self), Cursor::first(other)) else {
            return;
        };
        loop {
            let unknown_bits = own.unknown_bits.max(their.unknown_bits);
            let (wanted, reached) = (own.hash >> unknown_bits, their.hash >> unknown_bits);
            let goes_on = if reached < wanted {
                their.advance()
            } else {
                (reached > wanted || visit_equal(own, their, visit)) && own.advance()
            };
            if !goes_on {
                return;
            }
        }
    }
}

/// Looks for the key of a record among those of another table from `place` on whose
/// hashes may be the same. False: `visit` said so.
#[inline]
fn visit_equal<'a>(
    own: Cursor<'a>,
    mut place: Cursor<'_>,
    visit: &mut dyn FnMut(Record<'a>, Option<i64>) -> bool,
) -> bool {
    let wanted = own.page.stored(own.index, own.table.format());
    loop {
        let unknown_bits = own.unknown_bits.max(place.unknown_bits);
        if (own.hash ^ place.hash) >> unknown_bits != 0 {
            return true;
        }
        let found = place.page.stored(place.index, place.table.format());
        if found.key == wanted.key {
            return visit(record(wanted), found.deadline);
        }
        if !place.advance() {
            return true;
        }
    }
}
