//! How a file is read and sent.

use std::path::PathBuf;
use std::time::Duration;

use trunkline_domain::dialed_number::Country;

/// Whether the first line names the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Header {
    /// Found out.
    #[default]
    Auto,
    Yes,
    No,
}

/// Everything that can be said about an import.
#[derive(Debug, Clone)]
pub struct Options {
    /// The country of numbers without one.
    pub country: Option<Country>,
    /// `name=Name,number=Telefon,…`; empty: all of it is guessed.
    pub map: String,
    /// A label such as `utf-8` or `windows-1252`; none: found out.
    pub encoding: Option<String>,
    /// Between the fields; none: found out.
    pub separator: Option<char>,
    pub header: Header,
    /// Where refused lines are written; none: `<file>.refused.csv`.
    pub refused: Option<PathBuf>,
    /// Longest line, bytes.
    pub longest_line: usize,
    /// People of one request, at most 1,000.
    pub batch: usize,
    /// Bytes of one request, about.
    pub batch_bytes: usize,
    /// Requests at the same time.
    pub in_flight: usize,
    /// How long the API may refuse or be away before the import gives up.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            country: None,
            map: String::new(),
            encoding: None,
            separator: None,
            header: Header::Auto,
            refused: None,
            longest_line: 64 << 10,
            batch: 1_000,
            batch_bytes: 1 << 20,
            in_flight: 4,
            patience: Duration::from_secs(120),
        }
    }
}
