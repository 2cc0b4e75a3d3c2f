//! Which encoding a file has, and its text as it comes.
//!
//! A byte order mark decides. Without one, text that is UTF-8 from the first byte
//! to the last is UTF-8; what has a NUL in every other byte is UTF-16; and the
//! rest is guessed by its letters, where Windows-1252 and ISO-8859-15, which
//! differ in eight of them, are told apart by who of the two has them at all.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    CoderResult, Decoder, Encoding, ISO_8859_15, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

/// Bytes with letters outside of ASCII that a guess is made from.
const SAMPLE: usize = 1 << 20;

/// Finds out the encoding; reads the whole file and goes back to its beginning.
pub(crate) fn detect(file: &mut File) -> io::Result<&'static Encoding> {
    let mut chunk = vec![0; CHUNK];
    let mut clues = Clues::default();
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        if !clues.take(&chunk[..read]) {
            break;
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(clues.encoding())
}

/// What was seen of a file.
struct Clues {
    /// A byte order mark, or NULs in every other byte.
    certain: Option<&'static Encoding>,
    at_start: bool,
    /// The end of a chunk that may be the beginning of a character.
    rest: Vec<u8>,
    is_utf8: bool,
    detector: EncodingDetector,
    sampled: usize,
    /// Which bytes there are.
    has: [bool; 256],
}

impl Default for Clues {
    fn default() -> Self {
        Self {
            certain: None,
            at_start: true,
            rest: Vec::new(),
            is_utf8: true,
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            sampled: 0,
            has: [false; 256],
        }
    }
}

impl Clues {
    /// False: nothing more needs to be read.
    fn take(&mut self, bytes: &[u8]) -> bool {
        if std::mem::take(&mut self.at_start) {
            self.certain = Encoding::for_bom(bytes)
                .map(|(encoding, _)| encoding)
                .or_else(|| sixteen_bits(bytes));
            if self.certain.is_some() {
                return false;
            }
        }
        if self.is_utf8 {
            self.check_utf8(bytes);
        }
        if self.sampled < SAMPLE && !bytes.is_ascii() {
            self.detector.feed(bytes, false);
            self.sampled += bytes.len();
            for byte in bytes {
                self.has[usize::from(*byte)] = true;
            }
        }
        self.is_utf8 || self.sampled < SAMPLE
    }

    fn check_utf8(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.clear(),
            // Cut in the middle of a character.
            Err(error) if error.error_len().is_none() => {
                self.rest.drain(..error.valid_up_to());
            }
            Err(_) => self.is_utf8 = false,
        }
    }

    fn encoding(mut self) -> &'static Encoding {
        if let Some(certain) = self.certain {
            return certain;
        }
        if self.is_utf8 && self.rest.is_empty() {
            return UTF_8;
        }
        self.detector.feed(&[], true);
        let guess = self.detector.guess(None, Utf8Detection::Deny);
        if guess == WINDOWS_1252 && self.looks_like_latin_9() {
            return ISO_8859_15;
        }
        guess
    }

    /// None of the characters that only Windows-1252 has, and some of those that
    /// are letters in ISO-8859-15 alone.
    fn looks_like_latin_9(&self) -> bool {
        let windows = self.has[0x80..0xA0].contains(&true);
        let letters = [0xA4, 0xA6, 0xA8, 0xB4, 0xB8, 0xBC, 0xBD, 0xBE];
        !windows && letters.iter().any(|byte| self.has[*byte])
    }
}

/// UTF-16 without a mark: ASCII letters have a NUL beside them.
fn sixteen_bits(bytes: &[u8]) -> Option<&'static Encoding> {
    let pairs = bytes.len().min(1_000) / 2;
    if pairs == 0 {
        return None;
    }
    let nuls = |at: usize| {
        let bytes = bytes.iter().skip(at).step_by(2).take(pairs);
        bytes.filter(|byte| **byte == 0).count()
    };
    let (even, odd) = (nuls(0), nuls(1));
    if odd * 10 >= pairs * 7 && even * 10 < pairs {
        return Some(UTF_16LE);
    }
    (even * 10 >= pairs * 7 && odd * 10 < pairs).then_some(UTF_16BE)
}

/// The text of a file, piece by piece; what cannot be read is U+FFFD.
pub(crate) struct Text<R> {
    from: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// How much of `raw` waits to be decoded, from `start`.
    start: usize,
    end: usize,
    over: bool,
    out: String,
    /// Bytes of the file that were read.
    read: Arc<AtomicU64>,
}

impl<R: Read> Text<R> {
    pub(crate) fn new(from: R, encoding: &'static Encoding, read: Arc<AtomicU64>) -> Self {
        Self {
            from,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw: vec![0; CHUNK],
            start: 0,
            end: 0,
            over: false,
            out: String::with_capacity(2 * CHUNK),
            read,
        }
    }

    /// The next piece; none at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<&str>> {
        self.out.clear();
        while self.out.is_empty() {
            if self.over {
                return Ok(None);
            }
            let mut last = false;
            if self.start == self.end {
                self.start = 0;
                self.end = self.fill()?;
                last = self.end == 0;
            }
            let pending = &self.raw[self.start..self.end];
            let (result, used, _) = self.decoder.decode_to_string(pending, &mut self.out, last);
            self.start += used;
            self.over = last && result == CoderResult::InputEmpty;
        }
        Ok(Some(&self.out))
    }

    fn fill(&mut self) -> io::Result<usize> {
        loop {
            match self.from.read(&mut self.raw) {
                Ok(read) => {
                    self.read.fetch_add(read as u64, Ordering::Relaxed);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn encoding_of(bytes: &[u8]) -> &'static Encoding {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        detect(&mut file).unwrap()
    }

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        let bytes = |unit: u16| {
            if little {
                unit.to_le_bytes()
            } else {
                unit.to_be_bytes()
            }
        };
        units.flat_map(bytes).collect()
    }

    const TEXT: &str = "Name;Telefon\r\nJürgen Groß;030 231250\r\nBjörn Žižek;030 231251\r\n";

    #[test]
    fn an_encoding_is_known_by_its_mark_or_its_letters() {
        let marked = |mark: &[u8], text: Vec<u8>| [mark, &text].concat();
        let western = TEXT.replace('Ž', "Z").replace('ž', "z");
        let (windows, _, _) = WINDOWS_1252.encode(&western);
        let (dash, _, _) = WINDOWS_1252.encode("Name\r\nJürgen – „Jü“ Groß 5 €\r\n");
        let (latin, _, _) = ISO_8859_15.encode(TEXT);
        let cases = [
            (TEXT.as_bytes().to_vec(), UTF_8),
            (b"name,number\n".to_vec(), UTF_8),
            (Vec::new(), UTF_8),
            (marked(b"\xEF\xBB\xBF", TEXT.into()), UTF_8),
            (marked(b"\xFF\xFE", utf16(TEXT, true)), UTF_16LE),
            (marked(b"\xFE\xFF", utf16(TEXT, false)), UTF_16BE),
            (utf16(TEXT, true), UTF_16LE),
            (utf16(TEXT, false), UTF_16BE),
            (windows.to_vec(), WINDOWS_1252),
            (dash.to_vec(), WINDOWS_1252),
            (latin.to_vec(), ISO_8859_15),
        ];
        for (bytes, encoding) in cases {
            assert_eq!(encoding_of(&bytes), encoding, "{bytes:.40?}");
        }
        // The first letter outside of ASCII far behind.
        let mut long = "name,number\n".repeat(20_000).into_bytes();
        long.extend_from_slice(&windows);
        assert_eq!(encoding_of(&long), WINDOWS_1252);
        let mut long = "name,number\n".repeat(20_000);
        long.push_str(TEXT);
        assert_eq!(encoding_of(long.as_bytes()), UTF_8);
    }

    #[test]
    fn text_comes_in_pieces_and_what_cannot_be_read_is_marked() {
        struct Slowly<'a>(&'a [u8]);
        impl Read for Slowly<'_> {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                let step = self.0.len().min(3);
                out[..step].copy_from_slice(&self.0[..step]);
                self.0 = &self.0[step..];
                Ok(step)
            }
        }
        let whole = |bytes: &[u8], encoding| {
            let read = Arc::new(AtomicU64::new(0));
            let mut text = Text::new(Slowly(bytes), encoding, Arc::clone(&read));
            let mut all = String::new();
            while let Some(piece) = text.next().unwrap() {
                all.push_str(piece);
            }
            assert_eq!(read.load(Ordering::Relaxed), bytes.len() as u64);
            all
        };
        let marked = [b"\xEF\xBB\xBF", TEXT.as_bytes()].concat();
        assert_eq!(whole(&marked, UTF_8), TEXT);
        assert_eq!(whole(&utf16(TEXT, true), UTF_16LE), TEXT);
        assert_eq!(whole(b"a\xFFb\xC3", UTF_8), "a\u{fffd}b\u{fffd}");
    }
}
