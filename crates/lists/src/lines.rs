//! Lines of a text, one at a time, none longer than allowed.

use std::collections::VecDeque;
use std::io::{self, Read};

use crate::encoding::Text;

/// A line without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) text: String,
    /// It was longer than allowed: only its beginning is here.
    pub(crate) cut: bool,
}

/// The lines of a text. Ends are LF, CR LF, or CR.
pub(crate) struct Lines<R> {
    text: Text<R>,
    /// The piece that is being cut into lines, and how far it is.
    piece: String,
    at: usize,
    /// Lines read so far.
    number: u64,
    longest: usize,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Lines that were put back, to be read again.
    back: VecDeque<Line>,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(text: Text<R>, longest: usize) -> Self {
        Self {
            text,
            piece: String::new(),
            at: 0,
            number: 0,
            longest,
            after_cr: false,
            back: VecDeque::new(),
        }
    }

    /// Puts lines back: they come again, before all others.
    pub(crate) fn put_back(&mut self, lines: Vec<Line>) {
        for line in lines.into_iter().rev() {
            self.back.push_front(line);
        }
    }

    /// The next line; none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.back.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Line {
            number: self.number + 1,
            text: String::new(),
            cut: false,
        };
        let mut began = false;
        loop {
            if self.at == self.piece.len() && !self.refill()? {
                // The last line may have no end.
                self.number += u64::from(began);
                return Ok(began.then_some(line));
            }
            let rest = &self.piece[self.at..];
            if std::mem::take(&mut self.after_cr) && rest.starts_with('\n') {
                self.at += 1;
                continue;
            }
            began = true;
            let end = rest.bytes().position(|byte| byte == b'\n' || byte == b'\r');
            let part = &rest[..end.unwrap_or(rest.len())];
            add(&mut line, part, self.longest);
            self.at += part.len();
            if end.is_some() {
                self.after_cr = self.piece.as_bytes()[self.at] == b'\r';
                self.at += 1;
                self.number += 1;
                return Ok(Some(line));
            }
        }
    }

    fn refill(&mut self) -> io::Result<bool> {
        self.piece.clear();
        self.at = 0;
        let Some(piece) = self.text.next()? else {
            return Ok(false);
        };
        self.piece.push_str(piece);
        Ok(true)
    }
}

fn add(line: &mut Line, part: &str, longest: usize) {
    let room = longest - line.text.len();
    if part.len() <= room {
        line.text.push_str(part);
        return;
    }
    line.cut = true;
    line.text.push_str(&part[..part.floor_char_boundary(room)]);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use encoding_rs::UTF_8;

    use super::*;

    fn lines(text: &str, longest: usize) -> Vec<(u64, String, bool)> {
        let text = Text::new(text.as_bytes(), UTF_8, Arc::new(AtomicU64::new(0)));
        let mut lines = Lines::new(text, longest);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((line.number, line.text, line.cut));
        }
        all
    }

    #[test]
    fn every_kind_of_line_end_ends_one_line() {
        let line = |number, text: &str| (number, text.to_owned(), false);
        let expected = [line(1, "a"), line(2, ""), line(3, "b")];
        for text in ["a\n\nb", "a\r\n\r\nb\r\n", "a\r\rb\r", "a\n\nb\n"] {
            assert_eq!(lines(text, 100), expected, "{text:?}");
        }
        assert_eq!(lines("", 100), []);
        assert_eq!(lines("\n", 100), [line(1, "")]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_costs_no_more_than_allowed() {
        let text = format!("a\n{}\nb\n", "ü".repeat(5 << 20));
        let found = lines(&text, 7);
        assert_eq!(found[1], (2, "üüü".to_owned(), true));
        assert_eq!(found[2], (3, "b".to_owned(), false));
        assert!(found[1].1.capacity() < 1_000);
    }
}
