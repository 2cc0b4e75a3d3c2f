//! What a file is, before anything is sent: encoding, separator, columns.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use encoding_rs::Encoding;
use trunkline_model::id::OutdialId;
use trunkline_model::outdial_target::NewTarget;

use crate::encoding::{Text, detect};
use crate::error::Error;
use crate::lines::{Line, Lines};
use crate::mapping::{Mapping, is_header};
use crate::options::{Header, Options};
use crate::person::{Reason, person};
use crate::records::{Record, Records};
use crate::separator;

/// Lines from which separator, header and columns are found out.
const SAMPLE: usize = 50;

/// A file that is understood, at its first line with a person.
pub(crate) struct Plan {
    pub(crate) records: Records<File>,
    pub(crate) encoding: &'static Encoding,
    pub(crate) separator: char,
    pub(crate) header: bool,
    pub(crate) mapping: Mapping,
}

/// What a file is, for people, and its first lines.
#[derive(Debug)]
pub struct Look {
    pub encoding: &'static str,
    pub separator: char,
    /// Whether the first line names the columns.
    pub header: bool,
    pub mapping: Mapping,
    /// Line numbers, and who is there or why nobody is.
    pub first: Vec<(u64, Result<NewTarget, Reason>)>,
}

/// Looks at a file and its first `lines` people; sends nothing.
///
/// # Errors
///
/// When the file cannot be read, or no column has numbers.
pub fn look(path: &Path, options: &Options, lines: usize) -> Result<Look, Error> {
    let mut plan = open(path, options, Arc::default())?;
    let mut first = Vec::new();
    while first.len() < lines {
        let record = plan.records.next().map_err(|source| unread(path, source))?;
        let Some(record) = record else { break };
        first.push(match record {
            Record::Fields { line, fields } => {
                let person = person(&fields, &plan.mapping, OutdialId::NIL, options.country);
                (line, person)
            }
            Record::Broken { line, why, .. } => (line, Err(why)),
        });
    }
    Ok(Look {
        encoding: plan.encoding.name(),
        separator: plan.separator,
        header: plan.header,
        mapping: plan.mapping,
        first,
    })
}

/// Opens a file and finds out what it is. `read` counts its bytes.
pub(crate) fn open(path: &Path, options: &Options, read: Arc<AtomicU64>) -> Result<Plan, Error> {
    let file = |source| unread(path, source);
    let mut opened = File::open(path).map_err(file)?;
    let encoding = match &options.encoding {
        Some(label) => Encoding::for_label(label.as_bytes()).ok_or_else(|| {
            Error::usage(
                format!("there is no encoding `{label}`"),
                "write one such as utf-8, utf-16le, windows-1252, iso-8859-15",
            )
        })?,
        None => detect(&mut opened).map_err(file)?,
    };
    let mut lines = Lines::new(Text::new(opened, encoding, read), options.longest_line);
    let sample = first_lines(&mut lines).map_err(file)?;
    if sample.is_empty() {
        return Err(Error::Empty(path.to_owned()));
    }
    let (separator, skip) = separator_of(&sample, options);
    // Twice: once to find out, once to import.
    lines.put_back(sample.iter().skip(skip).cloned().collect());
    let mut records = Records::new(lines, separator, options.longest_line, encoding.name());
    let rows = fields_of(
        &sample[skip..],
        separator,
        options.longest_line,
        encoding.name(),
    );
    let (first, rest) = rows
        .split_first()
        .ok_or_else(|| Error::Empty(path.to_owned()))?;
    let header = match options.header {
        Header::Yes => true,
        Header::No => false,
        Header::Auto => is_header(first, rest, options.country),
    };
    let (names, rows) = if header {
        (Some(first.as_slice()), rest)
    } else {
        (None, rows.as_slice())
    };
    let mapping = Mapping::find(&options.map, names, rows, options.country)?;
    if header {
        records.next().map_err(file)?;
    }
    Ok(Plan {
        records,
        encoding,
        separator,
        header,
        mapping,
    })
}

pub(crate) fn unread(path: &Path, source: io::Error) -> Error {
    Error::File {
        act: "read",
        path: PathBuf::from(path),
        source,
    }
}

fn first_lines<R: Read>(lines: &mut Lines<R>) -> io::Result<Vec<Line>> {
    let mut sample = Vec::new();
    while sample.len() < SAMPLE {
        let Some(line) = lines.next()? else { break };
        sample.push(line);
    }
    Ok(sample)
}

/// The separator, and how many lines only say which it is.
fn separator_of(sample: &[Line], options: &Options) -> (char, usize) {
    let declared = sample
        .first()
        .and_then(|line| separator::declared(&line.text));
    let skip = usize::from(declared.is_some());
    let guessed = || {
        let lines = sample.iter().filter(|line| !line.text.trim().is_empty());
        separator::guess(lines.map(|line| line.text.as_str()))
    };
    let separator = options.separator.or(declared).unwrap_or_else(guessed);
    (separator, skip)
}

/// The records of these lines alone, as far as they can be read.
fn fields_of(
    sample: &[Line],
    separator: char,
    longest: usize,
    encoding: &'static str,
) -> Vec<Vec<String>> {
    let nothing = Text::new(io::empty(), encoding_rs::UTF_8, Arc::default());
    let mut lines = Lines::new(nothing, longest);
    lines.put_back(sample.to_vec());
    let mut records = Records::new(lines, separator, longest, encoding);
    let mut rows = Vec::new();
    // Reading from memory does not fail.
    while let Ok(Some(record)) = records.next() {
        if let Record::Fields { fields, .. } = record {
            rows.push(fields);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use trunkline_domain::dialed_number::Country;

    use super::*;

    fn look_at(bytes: &[u8], options: &Options) -> Result<Look, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        std::fs::write(&path, bytes).unwrap();
        look(&path, options, 10)
    }

    #[test]
    fn a_spreadsheet_of_any_kind_is_understood() {
        let german = Options {
            country: Country::parse("de"),
            ..Options::default()
        };
        let text = "Name;Telefon;Ort\r\nJürgen Groß;030 231250;Köln\r\n";
        let (western, _, _) = encoding_rs::WINDOWS_1252.encode(text);
        let sixteen: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [b"\xEF\xBB\xBFsep=;\r\n", text.as_bytes()].concat();
        let bare = "Jürgen Groß;030 231250;Köln\n".as_bytes().to_vec();
        let cases = [
            (text.as_bytes().to_vec(), "UTF-8", true),
            (western.to_vec(), "windows-1252", true),
            (sixteen, "UTF-16LE", true),
            (marked, "UTF-8", true),
            (bare, "UTF-8", false),
        ];
        for (bytes, encoding, header) in cases {
            let look = look_at(&bytes, &german).unwrap();
            assert_eq!(
                (look.encoding, look.separator, look.header),
                (encoding, ';', header)
            );
            let [(_, Ok(person))] = look.first.as_slice() else {
                panic!("{encoding}: {:?}", look.first)
            };
            assert_eq!(person.name, "Jürgen Groß");
            assert_eq!(person.destination_0.as_ref().unwrap().target, "+4930231250");
        }
    }

    #[test]
    fn what_was_said_holds_and_what_cannot_be_is_refused() {
        let options = Options {
            encoding: Some("iso-8859-1".to_owned()),
            separator: Some('|'),
            header: Header::No,
            map: "number=#2,name=#1".to_owned(),
            ..Options::default()
        };
        let look = look_at(b"name;x|+4930231250\n", &options).unwrap();
        assert_eq!((look.encoding, look.header), ("windows-1252", false));
        assert_eq!(look.first[0].1.as_ref().unwrap().name, "name;x");

        let unheard = Options {
            encoding: Some("klingon".to_owned()),
            ..Options::default()
        };
        let cases = [
            (look_at(b"a", &unheard), "no encoding"),
            (look_at(b"", &Options::default()), "is empty"),
            (look_at(b"\n\n  \n", &Options::default()), "is empty"),
            (
                look_at(b"name,city\nAnn,Bonn\n", &Options::default()),
                "no column has numbers",
            ),
        ];
        for (outcome, why) in cases {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
