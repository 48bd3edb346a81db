//! CRC-64 of RDB files, CRC-16 of cluster slots.
//!
//! Both are read off tables made at compile time. CRC-64 (Jones's polynomial, reflected,
//! starting from 0) takes eight bytes a step, and where the processor can, 64 (see
//! `checksum_fold`), because saving and loading files would be bound by it.

use super::checksum_fold::fold;

/// Jones's polynomial 0xad93d23594c935a9, its bits reversed.
const CRC64_POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
/// XMODEM's polynomial.
const CRC16_POLYNOMIAL: u16 = 0x1021;

/// How many slots a cluster has.
pub const SLOTS: u16 = 16384;

/// `CRC64[n][byte]`: what `byte` becomes after n more zero bytes.
static CRC64: [[u64; 256]; 8] = crc64_tables();
static CRC16: [u16; 256] = crc16_table();

const fn crc64_tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ CRC64_POLYNOMIAL
            } else {
                value >> 1
            };
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = tables[0][(before & 0xff) as usize] ^ before >> 8;
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut value = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            value = if value >> 15 == 1 {
                value << 1 ^ CRC16_POLYNOMIAL
            } else {
                value << 1
            };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

/// The checksum of everything before, carried on over `bytes`; starts from 0.
pub fn crc64(checksum: u64, bytes: &[u8]) -> u64 {
    match fold(checksum, bytes) {
        Some(folded) => {
            let rest = &bytes[bytes.len() / 64 * 64..];
            crc64_by_tables(crc64_by_tables(0, &folded), rest)
        }
        None => crc64_by_tables(checksum, bytes),
    }
}

fn crc64_by_tables(checksum: u64, bytes: &[u8]) -> u64 {
    let mut checksum = checksum;
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        let mut mixed = checksum.to_le_bytes();
        for (mixed, byte) in mixed.iter_mut().zip(word) {
            *mixed ^= byte;
        }
        checksum = (0..8).fold(0, |sum, at| sum ^ CRC64[7 - at][usize::from(mixed[at])]);
    }
    for &byte in words.remainder() {
        checksum = CRC64[0][usize::from(checksum as u8 ^ byte)] ^ checksum >> 8;
    }
    checksum
}

/// CRC-16 as XMODEM has it.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |checksum, &byte| {
        checksum << 8 ^ CRC16[usize::from((checksum >> 8) as u8 ^ byte)]
    })
}

/// The cluster slot of a key, 0 to 16383.
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS
}

/// The part of a key that decides its slot: what stands between the first `{` and the
/// first `}` behind it, or the whole key when there is nothing between them.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else {
        return key;
    };
    let behind = &key[open + 1..];
    match memchr::memchr(b'}', behind) {
        None | Some(0) => key,
        Some(close) => &behind[..close],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_checksums_hold() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc64(0, b""), 0);
    }

    /// DUMP of the string "rubellite" on Valkey 9.1; the last 8 bytes are the checksum.
    #[test]
    fn a_dump_ends_in_its_checksum() {
        let (bytes, checksum) = DUMP.split_at(DUMP.len() - 8);
        assert_eq!(crc64(0, bytes).to_le_bytes(), checksum);
    }

    const DUMP: &[u8] = b"\x00\x09rubelliteP\x00~\xa8!\xc7\xec\xf8l\x9c";

    /// CLUSTER KEYSLOT on Valkey 9.1.
    #[test]
    fn keys_are_in_the_slots_of_the_servers() {
        for (key, slot) in [
            ("", 0),
            ("a", 15495),
            ("foo", 12182),
            ("user:1000", 1649),
            ("{user1000}.following", 3443),
            ("{user1000}.followers", 3443),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
            ("foo{bar}{zap}", 5061),
            ("{}", 15257),
            ("{", 4092),
            ("}", 12090),
            ("}{a}", 15495),
            ("{a", 10276),
            ("{a}{b}", 15495),
            ("a{b", 13340),
        ] {
            assert_eq!(key_slot(key.as_bytes()), slot, "{key:?}");
        }
    }

    proptest! {
        #[test]
        fn a_checksum_is_carried_over_any_cut(
            bytes in proptest::collection::vec(any::<u8>(), 0..700), cut: usize,
        ) {
            let (left, right) = bytes.split_at(cut % (bytes.len() + 1));
            let bitwise = bytes.iter().fold(0u64, |checksum, &byte| {
                (0..8).fold(checksum ^ u64::from(byte), |value, _| {
                    value >> 1 ^ if value & 1 == 1 { CRC64_POLYNOMIAL } else { 0 }
                })
            });
            prop_assert_eq!(crc64(crc64(0, left), right), bitwise);
        }

        #[test]
        fn every_key_has_a_slot(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(key_slot(&key) < SLOTS);
            let tagged = [b"{".as_slice(), hash_tag(&key), b"}x"].concat();
            if !hash_tag(&key).is_empty() && !hash_tag(&key).contains(&b'}') {
                prop_assert_eq!(key_slot(&tagged), key_slot(&key));
            }
        }
    }
}
