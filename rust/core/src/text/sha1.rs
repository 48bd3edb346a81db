//! SHA-1 as text: names of scripts, ACL's and DEBUG's digests.

use ::sha1::{Digest, Sha1};

/// The SHA-1 of `bytes`.
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    Sha1::digest(bytes).into()
}

/// The SHA-1 of `bytes` as 40 lowercase hexadecimal digits.
pub fn sha1_hex(bytes: &[u8]) -> [u8; 40] {
    hex(&sha1(bytes))
}

/// Twenty bytes as 40 lowercase hexadecimal digits.
pub fn hex(digest: &[u8; 20]) -> [u8; 40] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 40];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SCRIPT LOAD "return 1" and the empty script.
    #[test]
    fn names_scripts_as_the_servers_do() {
        assert_eq!(
            &sha1_hex(b"return 1"),
            b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
        );
        assert_eq!(&sha1_hex(b""), b"da39a3ee5e6b4b0d3255bfef95601890afd80709");
    }
}
