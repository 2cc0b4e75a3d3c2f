//! The file of refused lines: number, reason, and the fields as they were, under
//! the names of the columns. It is itself a list: corrected, it can be imported.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::mapping::{REFUSED_LINE, REFUSED_REASON};

/// The file; it is made when the first line is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    path: PathBuf,
    columns: Vec<String>,
    file: Option<BufWriter<File>>,
}

impl Refused {
    /// An earlier file of this name is taken away: it is about an earlier import.
    pub(crate) fn new(path: PathBuf, columns: Vec<String>) -> Result<Self, Error> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(unwritten(&path, "replace", error))
            }
            Ok(()) | Err(_) => Ok(Self {
                path,
                columns,
                file: None,
            }),
        }
    }

    /// Whether a line was refused.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|_| self.path.as_path())
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, line: u64, why: &str, fields: &[String]) -> Result<(), Error> {
        self.write(line, why, fields)
            .map_err(|error| unwritten(&self.path, "write", error))
    }

    fn write(&mut self, line: u64, why: &str, fields: &[String]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut file = BufWriter::new(File::create(&self.path)?);
                let names = [REFUSED_LINE.to_owned(), REFUSED_REASON.to_owned()];
                // The mark tells a spreadsheet that it is UTF-8.
                file.write_all("\u{feff}".as_bytes())?;
                row(&mut file, names.iter().chain(&self.columns))?;
                none.insert(file)
            }
        };
        let (line, why) = (line.to_string(), why.to_owned());
        row(file, [&line, &why].into_iter().chain(fields))
    }

    /// Writes what is still in memory.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.flush()
            .map_err(|error| unwritten(&self.path, "write", error))
    }
}

fn row<'f>(file: &mut impl Write, fields: impl Iterator<Item = &'f String>) -> io::Result<()> {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            file.write_all(b",")?;
        }
        if field.contains([',', ';', '\t', '|', '"', '\r', '\n']) {
            write!(file, "\"{}\"", field.replace('"', "\"\""))?;
        } else {
            file.write_all(field.as_bytes())?;
        }
    }
    file.write_all(b"\r\n")
}

fn unwritten(path: &Path, act: &'static str, source: io::Error) -> Error {
    Error::File {
        act,
        path: path.to_owned(),
        source,
    }
}
