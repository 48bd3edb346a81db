//! Glob patterns as KEYS, SCAN, PSUBSCRIBE and CONFIG GET understand them.
//!
//! `*` any run, `?` one byte, `[a-z]` and `[^a-z]` one byte of a class, `\` takes the
//! next byte as it is. Every element but `*` takes exactly one byte of text, so only the
//! last `*` ever needs to be tried again: the cost is at most pattern × text, never
//! exponential.
//!
//! The corners, as the servers have them: a class that is not closed ends with the
//! pattern; `]` closes a class even in first place (so `[]` matches nothing); a range may
//! be written backwards; `[a-]` is the range from `a` to `]`, not closed; a lone `\` at
//! the end is itself; within a class an escaped byte keeps its case. A `*` matches the
//! empty run, but only after some other byte matched: `*` does not match empty text.

/// Says whether the whole of `text` matches `pattern`; `nocase` ignores ASCII case.
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut pattern_at = 0;
    let mut text_at = 0;
    // Where to go on after the last `*`: the pattern behind it, the text it ends before.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(pattern_at) == Some(&b'*') {
            while pattern.get(pattern_at) == Some(&b'*') {
                pattern_at += 1;
            }
            if pattern_at == pattern.len() {
                return true;
            }
            retry = Some((pattern_at, text_at));
        } else if text_at == text.len() {
            // A longer run for `*` would leave even less text, so nothing is left to try.
            return pattern_at == pattern.len();
        } else if let Some(next) = element(&pattern[pattern_at..], text[text_at], nocase) {
            pattern_at += next;
            text_at += 1;
            continue;
        } else {
            let Some((behind_star, run_end)) = retry.as_mut() else {
                return false;
            };
            *run_end += 1;
            pattern_at = *behind_star;
            text_at = *run_end;
        }
        if let Some((behind_star, run_end)) = retry.as_mut() {
            // Jump to where the byte behind the `*` occurs at all.
            if !nocase && !matches!(pattern[*behind_star], b'?' | b'[' | b'\\') {
                match memchr::memchr(pattern[*behind_star], &text[*run_end..]) {
                    Some(skip) => *run_end += skip,
                    None => return false,
                }
                text_at = *run_end;
            }
        }
    }
}

/// The pattern's own bytes if nothing in it is special.
///
/// Exact lookups (KEYS, CONFIG GET) can then skip the scan.
pub fn literal(pattern: &[u8]) -> Option<&[u8]> {
    let is_special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    (!pattern.iter().any(is_special)).then_some(pattern)
}

/// Matches the first element of `pattern` (never `*`) against one byte.
///
/// Returns the length of the element, or None when there is none or it does not match.
#[inline]
fn element(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    let (length, is_match) = match *pattern {
        [] => return None,
        [b'?', ..] => (1, true),
        [b'[', ..] => class(pattern, byte, nocase),
        [b'\\', escaped, ..] => (2, equal(escaped, byte, nocase)),
        [plain, ..] => (1, equal(plain, byte, nocase)),
    };
    is_match.then_some(length)
}

#[inline]
fn equal(left: u8, right: u8, nocase: bool) -> bool {
    left == right || (nocase && left.eq_ignore_ascii_case(&right))
}

/// Length of the class that opens `pattern`, and whether `byte` is in it.
fn class(pattern: &[u8], byte: u8, nocase: bool) -> (usize, bool) {
    let mut at = 1;
    let is_negated = pattern.get(at) == Some(&b'^');
    at += usize::from(is_negated);
    let mut is_member = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                is_member |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [start, b'-', end, ..] => {
                is_member |= in_range(start, end, byte, nocase);
                at += 3;
            }
            [plain, ..] => {
                is_member |= equal(plain, byte, nocase);
                at += 1;
            }
        }
    }
    (at, is_member != is_negated)
}

fn in_range(start: u8, end: u8, byte: u8, nocase: bool) -> bool {
    // The ends are put in order before their case is dropped, as the servers do; `[_-A]`
    // without case is therefore the empty range from `a` to `_`.
    let (low, high) = (start.min(end), start.max(end));
    if nocase {
        (low.to_ascii_lowercase()..=high.to_ascii_lowercase()).contains(&byte.to_ascii_lowercase())
    } else {
        (low..=high).contains(&byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Instant;

    /// The obvious definition: try every run for every `*`.
    fn matches_naively(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                (0..=text.len()).any(|run| matches_naively(rest, &text[run..], nocase))
            }
            (_, [byte, following @ ..]) => element(pattern, *byte, nocase)
                .is_some_and(|length| matches_naively(&pattern[length..], following, nocase)),
            _ => false,
        }
    }

    fn matched<'a>(pattern: &str, texts: &[&'a str]) -> Vec<&'a str> {
        let is_match = |text: &&str| matches(pattern.as_bytes(), text.as_bytes(), false);
        texts.iter().copied().filter(is_match).collect()
    }

    /// KEYS on all three servers.
    #[test]
    fn corners_are_those_of_the_servers() {
        let texts = [
            "", "a", "]", "^", "[", "\\", "-", "b", "ab", "abc", "_", "A", "Z", "`",
        ];
        let single = ["a", "]", "^", "[", "\\", "-", "b", "_", "A", "Z", "`"];
        let cases: [(&str, &[&str]); 30] = [
            ("", &[""]),
            ("**", &texts[1..]),
            ("?*", &texts[1..]),
            ("*?", &texts[1..]),
            ("***a", &["a"]),
            ("[]", &[]),
            ("[^]", &single),
            ("[", &[]),
            ("[^", &single),
            ("[a", &["a"]),
            ("[^a", &single[1..]),
            ("[]a]", &[]),
            ("[^]a]", &[]),
            ("[\\", &["\\"]),
            ("[\\]", &["]"]),
            ("[\\]]", &["]"]),
            ("\\", &["\\"]),
            ("a\\", &[]),
            ("[a-]", &["a", "]", "^", "_", "`"]),
            ("[-a]", &["a", "-"]),
            ("[a-", &["a", "-"]),
            ("[b-a]", &["a", "b"]),
            ("[z-a", &["a", "b"]),
            ("*[", &[]),
            ("[a]*", &["a", "ab", "abc"]),
            ("\\*", &[]),
            ("a**", &["a", "ab", "abc"]),
            ("[\\a-c]", &["a", "-"]),
            ("[a-\\]]", &[]),
            ("[a-b-c]", &["a", "-", "b"]),
        ];
        for (pattern, wanted) in cases {
            assert_eq!(matched(pattern, &texts), wanted, "{pattern:?}");
        }
        // KEYS * and SCAN MATCH * list the empty key as well, because they do not match
        // at all; PUBLISH to the empty channel shows what `*` itself says.
        assert!(!matches(b"*", b"", false));
    }

    /// COMMAND LIST FILTERBY PATTERN, which ignores case.
    #[test]
    fn case_is_ignored_except_for_escapes_in_classes() {
        for (pattern, wanted) in [
            ("GET", true),
            ("\\GET", true),
            ("[G]et", true),
            ("[\\G]et", false),
            ("[\\g]et", true),
            ("[H-F]et", true),
            ("[h-F]et", true),
            ("[`-G]et", false),
            ("[G-`]et", false),
            ("[^G]et", false),
            ("[^\\G]et", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), b"get", true),
                wanted,
                "{pattern}"
            );
        }
        assert!(!matches(b"GET", b"get", false));
    }

    #[test]
    fn many_stars_stay_cheap() {
        let text = vec![b'a'; 50_000];
        let mut pattern = b"a*".repeat(40);
        pattern.push(b'b');
        let start = Instant::now();
        assert!(!matches(&pattern, &text, false));
        assert!(!matches(&pattern, &text, true));
        assert!(start.elapsed().as_secs() < 5);
    }

    #[test]
    fn a_pattern_without_special_bytes_is_literal() {
        assert_eq!(literal(b"user:1]-^"), Some(&b"user:1]-^"[..]));
        for pattern in ["*", "a?", "[a]", "a\\b"] {
            assert_eq!(literal(pattern.as_bytes()), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn agrees_with_the_obvious_definition(
            pattern in "[ab*?\\[\\]\\\\^A-]{0,8}", text in "[abA\\]^-]{1,7}", nocase: bool,
        ) {
            let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(matches(pattern, text, nocase), matches_naively(pattern, text, nocase));
        }

        #[test]
        fn any_bytes_are_survived(
            pattern in proptest::collection::vec(any::<u8>(), 0..30),
            text in proptest::collection::vec(any::<u8>(), 0..30),
            nocase: bool,
        ) {
            let is_match = matches(&pattern, &text, nocase);
            if let Some(same) = literal(&pattern) {
                prop_assert!(nocase || is_match == (same == text));
            }
        }
    }
}
