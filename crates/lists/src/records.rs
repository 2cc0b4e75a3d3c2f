//! Records: a line's fields, or those of several lines when a quoted field goes
//! over line ends (RFC 4180).
//!
//! A quotation mark that is never closed would swallow the rest of the file. So a
//! quoted field may go over a limited number of lines; then the record is broken,
//! and reading goes on with the line after the one in which it began.

use std::io::{self, Read};

use crate::lines::{Line, Lines};

/// Most lines of one record.
const MOST_LINES: usize = 50;

/// Bytes of a broken record that are shown.
const SHOWN: usize = 200;

/// A record, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    Fields {
        line: u64,
        fields: Vec<String>,
    },
    Broken {
        line: u64,
        why: String,
        /// Its beginning.
        text: String,
    },
}

/// Reads records.
pub(crate) struct Records<R> {
    pub(crate) lines: Lines<R>,
    separator: char,
    longest: usize,
    encoding: &'static str,
}

/// What became of the fields of a text.
enum Split {
    Fields(Vec<String>),
    /// It ends within a quoted field.
    Open,
    Behind,
}

impl<R: Read> Records<R> {
    pub(crate) fn new(
        lines: Lines<R>,
        separator: char,
        longest: usize,
        encoding: &'static str,
    ) -> Self {
        Self {
            lines,
            separator,
            longest,
            encoding,
        }
    }

    /// The next record; none at the end. Empty lines are none.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some(first) = self.lines.next()? else {
                return Ok(None);
            };
            if first.text.trim().is_empty() && !first.cut {
                continue;
            }
            return self.record(first).map(Some);
        }
    }

    fn record(&mut self, first: Line) -> io::Result<Record> {
        if let Some(why) = self.unreadable(&first) {
            return Ok(broken(first, why));
        }
        if !first.text.contains('"') {
            let fields = first.text.split(self.separator).map(tidy).collect();
            let line = first.number;
            return Ok(Record::Fields { line, fields });
        }
        let mut text = first.text.clone();
        let mut more: Vec<Line> = Vec::new();
        loop {
            match split(&text, self.separator) {
                Split::Fields(fields) => {
                    let line = first.number;
                    return Ok(Record::Fields { line, fields });
                }
                Split::Behind => {
                    self.lines.put_back(more);
                    let why = "there is text behind a closing quotation mark";
                    return Ok(broken(first, why.to_owned()));
                }
                Split::Open => {}
            }
            let room = more.len() + 1 < MOST_LINES && text.len() < self.longest;
            let next = if room { self.lines.next()? } else { None };
            let readable = match next {
                Some(next) if self.unreadable(&next).is_none() => Some(next),
                // It is broken itself, and read again on its own.
                Some(next) => {
                    more.push(next);
                    None
                }
                None => None,
            };
            let Some(next) = readable else {
                self.lines.put_back(more);
                let why = "a quotation mark is not closed";
                return Ok(broken(first, why.to_owned()));
            };
            text.push('\n');
            text.push_str(&next.text);
            more.push(next);
        }
    }

    fn unreadable(&self, line: &Line) -> Option<String> {
        if line.cut {
            return Some(format!("the line is longer than {} bytes", self.longest));
        }
        if line.text.contains('\0') {
            return Some("there is a NUL character in it".to_owned());
        }
        line.text.contains('\u{fffd}').then(|| {
            format!(
                "there are bytes in it that are no text in {}",
                self.encoding
            )
        })
    }
}

fn broken(line: Line, why: String) -> Record {
    let mut text = line.text;
    text.truncate(text.floor_char_boundary(SHOWN));
    Record::Broken {
        line: line.number,
        why,
        text,
    }
}

/// What is around a field that is not quoted does not belong to it.
fn tidy(field: &str) -> String {
    field.trim().to_owned()
}

fn split(text: &str, separator: char) -> Split {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches([' ', '\u{a0}']);
        let Some(quoted) = trimmed.strip_prefix('"') else {
            // A quotation mark within a field is a letter like any other.
            match rest.split_once(separator) {
                Some((field, after)) => {
                    fields.push(tidy(field));
                    rest = after;
                    continue;
                }
                None => {
                    fields.push(tidy(rest));
                    return Split::Fields(fields);
                }
            }
        };
        let Some((field, after)) = unquote(quoted) else {
            return Split::Open;
        };
        fields.push(field);
        let after = after.trim_start_matches([' ', '\u{a0}']);
        if after.is_empty() {
            return Split::Fields(fields);
        }
        match after.strip_prefix(separator) {
            Some(after) => rest = after,
            None => return Split::Behind,
        }
    }
}

/// The field up to its closing quotation mark, and what follows.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use encoding_rs::UTF_8;

    use super::*;
    use crate::encoding::Text;

    fn read(bytes: &[u8], separator: char) -> Vec<(u64, Result<Vec<String>, String>)> {
        let text = Text::new(bytes, UTF_8, Arc::new(AtomicU64::new(0)));
        let mut records = Records::new(Lines::new(text, 1_000), separator, 1_000, "UTF-8");
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            all.push(match record {
                Record::Fields { line, fields } => (line, Ok(fields)),
                Record::Broken { line, why, .. } => (line, Err(why)),
            });
        }
        all
    }

    fn fields(text: &str) -> Result<Vec<String>, String> {
        let [(1, record)] = &read(text.as_bytes(), ',')[..] else {
            panic!("one record: {text}")
        };
        record.clone()
    }

    #[test]
    fn fields_are_split_as_the_rfc_says_and_a_little_more_kindly() {
        let cases: [(&str, &[&str]); 10] = [
            ("a,b,c", &["a", "b", "c"]),
            (" a , b ", &["a", "b"]),
            ("a,,", &["a", "", ""]),
            (r#""a,b",c"#, &["a,b", "c"]),
            (r#""a ""b"" c",d"#, &[r#"a "b" c"#, "d"]),
            (r#" "a" , "b" "#, &["a", "b"]),
            (r#"Anna "Ann" B,c"#, &[r#"Anna "Ann" B"#, "c"]),
            ("\"two\nlines\",b", &["two\nlines", "b"]),
            ("\"\",b", &["", "b"]),
            ("\" a \",b", &[" a ", "b"]),
        ];
        for (text, expected) in cases {
            assert_eq!(fields(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_broken_line_costs_itself_and_no_other() {
        let good = |line, name: &str| (line, Ok(vec![name.to_owned(), "1".to_owned()]));
        let text = "a,1\n\"b,1\nc,1\n\"d\"x,1\n\ne,1\n";
        let found = read(text.as_bytes(), ',');
        assert_eq!(found.len(), 5, "{found:?}");
        assert_eq!(
            (&found[0], &found[2], &found[4]),
            (&good(1, "a"), &good(3, "c"), &good(6, "e"))
        );
        // The second line's mark is closed by that of the fourth; then it is text.
        assert_eq!((found[1].0, found[3].0), (2, 4));

        let mut text = b"a,1\n".to_vec();
        text.extend_from_slice(b"b\0,1\n\xFFc,1\n");
        text.extend(vec![b'x'; 10 << 20]);
        text.extend_from_slice(b"\n\"open,1\n");
        text.extend_from_slice("z,1\n".repeat(1_000).as_bytes());
        let found = read(&text, ',');
        let whys: Vec<&str> = found
            .iter()
            .filter_map(|(_, record)| record.as_ref().err().map(String::as_str))
            .collect();
        assert_eq!(
            whys,
            [
                "there is a NUL character in it",
                "there are bytes in it that are no text in UTF-8",
                "the line is longer than 1000 bytes",
                "a quotation mark is not closed",
            ]
        );
        assert_eq!(found.len(), 1_005);
        assert_eq!(found[1_004], good(1_005, "z"));
    }

    #[test]
    fn what_is_broken_within_an_open_quotation_is_read_on_its_own() {
        let found = read(b"\"a,1\nb\0,1\nc,1\n", ',');
        let lines: Vec<(u64, bool)> = found.iter().map(|(line, it)| (*line, it.is_ok())).collect();
        assert_eq!(lines, [(1, false), (2, false), (3, true)]);
    }
}
