//! Page parameters of list requests (chapter 01 §4.1, 02 §5.9).

use crate::time::Timestamp;

/// Which part of a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The most rows to return; `None` = no limit, 0 = an empty list.
    pub limit: Option<u64>,
    /// Rows with `tm_create` before this. Not validated: a customer's token is
    /// used as it came.
    pub token: String,
}

impl Page {
    /// Reads the part of a URI after its `?`; other parameters are ignored.
    ///
    /// A `page_size` that is missing or not a decimal number is 0; a negative one
    /// means no limit. An empty `page_token` is `now` with six digits.
    #[must_use]
    pub fn from_query(query: &str, now: Timestamp) -> Self {
        let limit = match parameter(query, "page_size")
            .unwrap_or_default()
            .parse::<i64>()
        {
            Ok(size) => u64::try_from(size).ok(),
            Err(_) => Some(0),
        };
        let token = parameter(query, "page_token").filter(|token| !token.is_empty());
        Self {
            limit,
            token: token.unwrap_or_else(|| now.fixed()),
        }
    }
}

/// The first parameter called `name` in a URI query, decoded. A parameter whose
/// escapes are broken counts as missing, as in Go.
#[must_use]
pub fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if unescape(key)? == name {
            unescape(value)
        } else {
            None
        }
    })
}

/// Decodes `%XX`, and `+` as a space.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => (hex(rest.next()?)? << 4) | hex(rest.next()?)?,
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_size_is_lenient() {
        let cases = [
            ("page_size=100", Some(100)),
            ("page_token=x&page_size=7&page_size=8", Some(7)),
            ("page_size=-1", None),
            ("page_size=0", Some(0)),
            ("page_size=", Some(0)),
            ("page_size=ten", Some(0)),
            ("page_size=1.5", Some(0)),
            ("page_size=%31%3", Some(0)),
            ("page_size=99999999999999999999", Some(0)),
            ("", Some(0)),
        ];
        for (query, limit) in cases {
            assert_eq!(
                Page::from_query(query, Timestamp::from_micros(0)).limit,
                limit,
                "{query}"
            );
        }
    }

    #[test]
    fn page_token_is_used_verbatim_and_defaults_to_now() {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let token = |query| Page::from_query(query, now).token;
        assert_eq!(token("page_size=1"), "2026-01-02T03:04:05.000000Z");
        assert_eq!(
            token("page_token=&page_size=1"),
            "2026-01-02T03:04:05.000000Z"
        );
        assert_eq!(
            token("page_token=2025-01-02T03%3A04%3A05.5Z"),
            "2025-01-02T03:04:05.5Z"
        );
        assert_eq!(
            token("page_token=2025-01-02+03:04:05"),
            "2025-01-02 03:04:05"
        );
    }
}
