//! The longest common subsequence of two strings, as LCS answers it.
//!
//! Row i of the table says how long the common subsequence of `a[..i]` and `b[..j]` is.
//! Along a row it grows by 0 or 1, so a row is kept as one bit a column, and 64 columns
//! are computed with one addition (Crochemore et al., "A fast and practical bit-vector
//! algorithm for the longest common subsequence problem", 2001):
//!
//! ```text
//!           b = M Z J A W X U
//!    a = X     1 1 1 1 1 0 1     a set bit: no longer than one column to the left
//!        M     0 1 1 1 1 0 1     lengths of this row: 1 1 1 1 1 2 2
//! ```
//!
//! Cost: a × b / 64 steps. `length` keeps one bit for each byte of `b`; `find` keeps the
//! table, a × b / 8 bytes, a thirty-second of what the servers take.
//!
//! Which of several subsequences is chosen is visible to clients: from the end of both
//! strings, equal bytes are taken; else one goes to the shorter `a` if that is longer
//! than going to the shorter `b`, and to the shorter `b` on a tie.

/// Bytes of the table that the servers would allocate, 4 for each pair of prefixes.
///
/// LCS refuses in all its modes when this exceeds `proto-max-bulk-len`. None: more than fits a `u64`.
pub fn table_bytes(a_len: usize, b_len: usize) -> Option<u64> {
    let rows = u64::try_from(a_len).ok()?.checked_add(1)?;
    let columns = u64::try_from(b_len).ok()?.checked_add(1)?;
    rows.checked_mul(columns)?.checked_mul(4)
}

/// Bytes that belong together: `length` equal ones from `a_start` and from `b_start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    pub a_start: usize,
    pub b_start: usize,
    pub length: usize,
}

/// How long the longest common subsequence is.
pub fn length(a: &[u8], b: &[u8]) -> usize {
    // Whether the addition of the block to the left carried, for each byte of `b`.
    let mut carries = vec![false; b.len()];
    let mut total = 0;
    for block in a.chunks(64) {
        let mut masks = [0u64; 256];
        for (column, &byte) in block.iter().enumerate() {
            masks[usize::from(byte)] |= 1 << column;
        }
        let mut bits = u64::MAX;
        for (&byte, carry) in b.iter().zip(&mut carries) {
            (bits, *carry) = advance(bits, masks[usize::from(byte)], *carry);
        }
        let unused = u64::MAX.checked_shl(block.len() as u32).unwrap_or(0);
        total += (!(bits | unused)).count_ones() as usize;
    }
    total
}

/// One row further in 64 columns; `mask` has the columns that equal the row's byte.
#[inline]
fn advance(bits: u64, mask: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = bits.overflowing_add(bits & mask);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    (sum | (bits & !mask), first || second)
}

/// The stretches of the longest common subsequence, the last one first, as LCS IDX lists
/// them (before MINMATCHLEN). None if there is no memory for the table.
pub fn find(a: &[u8], b: &[u8]) -> Option<Vec<Match>> {
    let table = Table::new(a, b)?;
    let mut matches: Vec<Match> = Vec::new();
    let (mut i, mut j) = (a.len(), b.len());
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            match matches.last_mut() {
                Some(last) if last.a_start == i && last.b_start == j => {
                    *last = Match {
                        a_start: i - 1,
                        b_start: j - 1,
                        length: last.length + 1,
                    };
                }
                _ => matches.push(Match {
                    a_start: i - 1,
                    b_start: j - 1,
                    length: 1,
                }),
            }
            i -= 1;
            j -= 1;
        } else if table.grows_at(i - 1, j - 1) {
            // Longer than with a shorter `b`, so it is the one with a shorter `a`.
            i -= 1;
        } else {
            j -= 1;
        }
    }
    Some(matches)
}

/// The subsequence itself, from what `find` returned for `a`.
pub fn subsequence(a: &[u8], matches: &[Match]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(matches.iter().map(|found| found.length).sum());
    for found in matches.iter().rev() {
        bytes.extend_from_slice(&a[found.a_start..found.a_start + found.length]);
    }
    bytes
}

struct Table {
    words_per_row: usize,
    bits: Vec<u64>,
}

impl Table {
    fn new(a: &[u8], b: &[u8]) -> Option<Self> {
        let words_per_row = b.len().div_ceil(64);
        let mut bits = Vec::new();
        bits.try_reserve_exact(a.len().checked_mul(words_per_row)?)
            .ok()?;
        // Masks only for the bytes that occur in `b`; the others share an empty one.
        let mut mask_of = [0usize; 256];
        let mut masks = vec![0u64; words_per_row];
        for (column, &byte) in b.iter().enumerate() {
            let slot = &mut mask_of[usize::from(byte)];
            if *slot == 0 {
                *slot = masks.len();
                masks.resize(masks.len() + words_per_row, 0);
            }
            masks[*slot + column / 64] |= 1 << (column % 64);
        }
        let mut row = vec![u64::MAX; words_per_row];
        for &byte in a {
            let mask = &masks[mask_of[usize::from(byte)]..][..words_per_row];
            let mut carry = false;
            for (word, &mask) in row.iter_mut().zip(mask) {
                (*word, carry) = advance(*word, mask, carry);
            }
            bits.extend_from_slice(&row);
        }
        Some(Self {
            words_per_row,
            bits,
        })
    }

    /// Whether the row of `a[row]` is longer with `b[column]` than without it.
    fn grows_at(&self, row: usize, column: usize) -> bool {
        let word = self.bits[row * self.words_per_row + column / 64];
        word >> (column % 64) & 1 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Both strings, their subsequence, its stretches.
    type Case<'a> = (&'a str, &'a str, &'a str, &'a [(usize, usize, usize)]);

    /// LCS IDX WITHMATCHLEN on Valkey 9.1: start in each string and length.
    #[test]
    fn chooses_what_valkey_chooses() {
        let cases: [Case<'_>; 10] = [
            ("ohmytext", "mynewtext", "mytext", &[(4, 5, 4), (2, 0, 2)]),
            ("", "abc", "", &[]),
            ("abc", "", "", &[]),
            ("abc", "xyz", "", &[]),
            ("aabb", "abab", "abb", &[(3, 3, 1), (1, 0, 2)]),
            ("abab", "baba", "bab", &[(1, 0, 3)]),
            ("ab", "ba", "b", &[(1, 0, 1)]),
            (
                "abcabba",
                "cbabac",
                "cbba",
                &[(5, 3, 2), (4, 1, 1), (2, 0, 1)],
            ),
            ("aaaa", "aa", "aa", &[(2, 0, 2)]),
            (
                "xaxbxc",
                "abcabc",
                "abc",
                &[(5, 5, 1), (3, 1, 1), (1, 0, 1)],
            ),
        ];
        for (a, b, wanted, stretches) in cases {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let found = find(a, b).unwrap();
            let places: Vec<_> = found
                .iter()
                .map(|m| (m.a_start, m.b_start, m.length))
                .collect();
            assert_eq!(places, stretches);
            assert_eq!(subsequence(a, &found), wanted.as_bytes());
            assert_eq!(length(a, b), wanted.len());
        }
    }

    #[test]
    fn the_servers_table_is_counted_without_overflow() {
        assert_eq!(table_bytes(0, 0), Some(4));
        assert_eq!(table_bytes(3, 7), Some(128));
        assert_eq!(table_bytes(usize::MAX, 1), None);
        assert_eq!(table_bytes(1 << 40, 1 << 40), None);
    }

    /// The textbook's table and the walk back through it.
    fn find_naively(a: &[u8], b: &[u8]) -> Vec<u8> {
        let mut table = vec![vec![0u32; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] {
                    table[i - 1][j - 1] + 1
                } else {
                    table[i - 1][j].max(table[i][j - 1])
                };
            }
        }
        let (mut i, mut j) = (a.len(), b.len());
        let mut places = Vec::new();
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                places.push(a[i - 1]);
                (i, j) = (i - 1, j - 1);
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        places.reverse();
        places
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn agrees_with_the_textbook(a in "[a-c]{0,150}", b in "[a-c]{0,150}") {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let found = find(a, b).unwrap();
            let wanted = find_naively(a, b);
            prop_assert_eq!(length(a, b), wanted.len());
            prop_assert_eq!(subsequence(a, &found), wanted);
            for stretch in &found {
                let in_a = &a[stretch.a_start..][..stretch.length];
                prop_assert_eq!(in_a, &b[stretch.b_start..][..stretch.length]);
            }
            for pair in found.windows(2) {
                prop_assert!(pair[1].a_start + pair[1].length <= pair[0].a_start);
                prop_assert!(pair[1].b_start + pair[1].length <= pair[0].b_start);
            }
        }

        #[test]
        fn any_bytes_are_survived(
            a in proptest::collection::vec(any::<u8>(), 0..200),
            b in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let found = find(&a, &b).unwrap();
            prop_assert_eq!(subsequence(&a, &found).len(), length(&a, &b));
        }
    }
}
