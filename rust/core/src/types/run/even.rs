//! A run of strings that are all of one length, which needs no ends: a sixth less memory for
//! numbers and names of ten characters. Read as it is; an edit writes the ends down again.

use super::{INLINE_MAX, Run};

impl Run {
    /// Leaves the ends out if all strings are of one length. O(strings). For runs that are
    /// read more than changed: the next edit costs O(strings) more.
    pub fn even_out(&mut self) {
        let is_plain = !self.reversed && self.dead == 0 && self.outside.is_none();
        let Some(&width) = self.ends.first() else {
            return;
        };
        let mut wanted = 0u16;
        let mut is_end = |&end: &u16| {
            wanted = wanted.wrapping_add(width);
            end == wanted
        };
        if is_plain && width != 0 && self.ends.iter().all(&mut is_end) {
            self.even_width = width;
            self.even_len = self.ends.len() as u16;
            self.ends = Vec::new();
        }
    }

    /// Writes the ends down if they are left out.
    #[inline]
    pub(super) fn spell_out(&mut self) {
        if self.even_width != 0 {
            self.spell_out_now();
        }
    }

    #[cold]
    fn spell_out_now(&mut self) {
        self.ends = (1..=self.even_len).map(|n| n * self.even_width).collect();
        (self.even_width, self.even_len) = (0, 0);
    }

    /// As `check`, for an even one.
    pub(super) fn check_even(&self) {
        let (width, len) = (usize::from(self.even_width), usize::from(self.even_len));
        assert!((1..=INLINE_MAX).contains(&width) && len > 0);
        assert_eq!(width * len, self.bytes.len());
        assert!(self.ends.is_empty() && self.outside.is_none());
        assert!(self.dead == 0 && !self.reversed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(strings: &[&str]) -> Run {
        let mut run = Run::default();
        strings.iter().for_each(|s| run.push_back(s.as_bytes()));
        run.shrink();
        run.even_out();
        run.check();
        run
    }

    fn strings(run: &Run) -> Vec<&[u8]> {
        (0..run.len()).map(|index| run.get(index)).collect()
    }

    #[test]
    fn strings_of_one_length_take_their_bytes_and_no_more() {
        let even = run(&["aa", "bb", "cc"]);
        assert_eq!(even.memory_bytes(), 6);
        assert_eq!(strings(&even), [b"aa", b"bb", b"cc"]);
        assert!(run(&["aa", "bbb", "c"]).memory_bytes() > 6);
        assert!(run(&["", "", ""]).memory_bytes() > 0);
    }

    #[test]
    fn it_stays_even_while_lengths_do() {
        let mut even = run(&["aa", "bb", "cc"]);
        even.replace(1, b"xx");
        assert_eq!(even.memory_bytes(), 6);
        even.replace(1, b"xyz");
        even.check();
        assert_eq!(strings(&even), [b"aa".as_slice(), b"xyz", b"cc"]);
        let mut even = run(&["aa", "bb", "cc"]);
        even.remove(0..1);
        even.push_back(b"d");
        even.check();
        assert_eq!(strings(&even), [b"bb".as_slice(), b"cc", b"d"]);
    }

    #[test]
    fn a_squeezed_even_run_opens_again() {
        let even = run(&["aaaaaaaaaa"; 4]);
        let squeezed = even.squeeze().unwrap();
        squeezed.check();
        assert_eq!(strings(&squeezed.open(0..4)), strings(&even));
    }
}
