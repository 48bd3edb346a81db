//! How long commands that wait may wait, as clients write it.

use super::error::{ErrorCode, Failure};
use crate::text::double;

/// When a wait of so many seconds is over, in milliseconds since 1970; None: never.
///
/// The servers read the number as C does, and round up to milliseconds.
pub fn deadline_after(seconds: &[u8], now_ms: i64) -> Result<Option<i64>, Failure> {
    let seconds = double::parse_like_c(seconds).ok_or(ErrorCode::TimeoutNotFloat)?;
    let wait_ms = (seconds * 1000.0).ceil();
    // 2^63 itself is a float, the largest i64 is not.
    if wait_ms >= i64::MAX as f64 {
        return Err(ErrorCode::TimeoutOutOfRange.into());
    }
    if wait_ms < 0.0 {
        return Err(ErrorCode::TimeoutNegative.into());
    }
    if wait_ms == 0.0 {
        return Ok(None);
    }
    let deadline_ms = now_ms.checked_add(wait_ms as i64);
    deadline_ms
        .map(Some)
        .ok_or(ErrorCode::TimeoutOutOfRange.into())
}

#[cfg(test)]
mod tests {
    use super::deadline_after;

    #[test]
    fn waits_are_fractions_of_seconds_rounded_up() {
        let after = |text: &str| deadline_after(text.as_bytes(), 1000).ok();
        assert_eq!(after("0"), Some(None));
        assert_eq!(after("-0.0001"), Some(None));
        assert_eq!(after("0.0001"), Some(Some(1001)));
        assert_eq!(after("1e-400"), Some(Some(1001)));
        assert_eq!(after("1.5"), Some(Some(2500)));
        assert_eq!(after("0x10"), Some(Some(17_000)));
        for refused in ["x", "", "-1", "inf", "-inf", "nan", "9223372036854775.8"] {
            assert_eq!(after(refused), None, "{refused:?}");
        }
    }
}
