//! Text that Go's decoder takes and others refuse: what is no character becomes
//! U+FFFD.

use std::borrow::Cow;

const REPLACEMENT: &str = "\\ufffd";

/// Bytes that are no UTF-8, each by itself.
pub(super) fn utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// Escapes of one half of a surrogate pair without the other. In JSON a backslash
/// stands in strings only.
pub(super) fn surrogates(json: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = json[at..].find('\\') {
        let escape = at + found;
        at = match unit(json, escape) {
            // Some other escape: its second character may be a backslash.
            None => after_escape(json, escape),
            Some(0xD800..=0xDBFF) if is_low(unit(json, escape + UNIT)) => escape + 2 * UNIT,
            Some(0xD800..=0xDFFF) => {
                mended.push_str(&json[done..escape]);
                mended.push_str(REPLACEMENT);
                done = escape + UNIT;
                done
            }
            Some(_) => escape + UNIT,
        };
    }
    if done == 0 {
        return json.into();
    }
    mended.push_str(&json[done..]);
    mended.into()
}

/// Bytes of `\uXXXX`.
const UNIT: usize = 6;

/// The unit of UTF-16 that is escaped at this place.
fn unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at + UNIT)?.strip_prefix("\\u")?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(digits, 16).ok())?
}

fn is_low(unit: Option<u16>) -> bool {
    matches!(unit, Some(0xDC00..=0xDFFF))
}

fn after_escape(json: &str, at: usize) -> usize {
    let escaped = json[at + 1..].chars().next();
    at + 1 + escaped.map_or(0, char::len_utf8)
}
