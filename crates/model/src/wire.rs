//! Encoding and decoding as the Go services do it.

mod go;
mod repair;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use go::Go;

/// Keys whose content belongs to somebody else and is left as it is.
const FREE_FORM: &[&str] = &["option", "metadata", "variables"];

/// Encodes to JSON bytes with `<`, `>`, `&`, U+2028 and U+2029 escaped, as Go's
/// encoder writes them (chapter 01 §2.1).
///
/// # Panics
///
/// Never for our shapes: they have text keys and no failing serializer.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    serde_json::to_writer(&mut out, value).expect(SERIALIZES);
    // Few texts have anything to escape: they are written a second time.
    if has_special(&out) {
        out.clear();
        escaped(&mut out, value);
    }
    out
}

/// [`encode`] as text.
///
/// # Panics
///
/// Never for our shapes, as [`encode`].
#[must_use]
pub fn text<T: Serialize + ?Sized>(value: &T) -> String {
    let text = serde_json::to_string(value).expect(SERIALIZES);
    if !has_special(text.as_bytes()) {
        return text;
    }
    let mut out = Vec::with_capacity(text.len() + 64);
    escaped(&mut out, value);
    String::from_utf8(out).expect(UTF_8)
}

/// Encodes to a JSON fragment that can be embedded in an envelope.
///
/// # Panics
///
/// Never for our shapes, as [`encode`].
#[must_use]
pub fn raw<T: Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    let raw = serde_json::value::to_raw_value(value).expect(SERIALIZES);
    if !has_special(raw.get().as_bytes()) {
        return raw;
    }
    let mut out = Vec::with_capacity(raw.get().len() + 64);
    escaped(&mut out, value);
    let text = String::from_utf8(out).expect(UTF_8);
    RawValue::from_string(text).expect("encoded values are JSON")
}

const SERIALIZES: &str = "wire shapes always serialize";
const UTF_8: &str = "JSON is UTF-8";

fn escaped<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let mut serializer = serde_json::Serializer::with_formatter(out, GoFormatter);
    value.serialize(&mut serializer).expect(SERIALIZES);
}

/// Whether there may be something in JSON that Go escapes: these characters
/// stand in strings only. U+2028 and U+2029 begin with 0xE2.
fn has_special(json: &[u8]) -> bool {
    let is_special = |byte: &u8| matches!(byte, b'<' | b'>' | b'&' | 0xE2);
    // Without early ends within a piece the compiler looks at many bytes at once.
    json.chunks(64).any(|piece| {
        piece
            .iter()
            .fold(false, |found, byte| found | is_special(byte))
    })
}

/// Decodes JSON the way the Go decoder is lenient: unknown keys are ignored, keys are
/// matched without regard to case, `null` leaves the zero value, the last of two equal
/// keys holds, and half a surrogate pair is U+FFFD (chapter 01 §2.3). A wrong type is
/// an error, and so is `null` for the whole: see [`zero`].
///
/// # Errors
///
/// When `text` is not JSON or a known field has the wrong type.
pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    if text.trim_ascii() == "null" {
        return serde_json::from_str(text);
    }
    let strict = match at_once(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let text = repair::surrogates(text);
    let Ok(mut value) = serde_json::from_str::<Value>(&text) else {
        return Err(strict);
    };
    drop_nulls(&mut value);
    T::deserialize(Go::new(value))
}

/// [`decode`] for bytes. Those that are no UTF-8 are U+FFFD, as for the Go decoder.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => decode(text),
        Err(_) => decode(&repair::utf8(bytes)),
    }
}

/// What `null` leaves of a shape: its zero value.
///
/// # Errors
///
/// When the shape has none.
pub fn zero<T: DeserializeOwned>() -> Result<T, serde_json::Error> {
    T::deserialize(Go::new(Value::Null))
}

fn at_once<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(Go::new(&mut json))?;
    json.end()?;
    Ok(value)
}

/// Fields that are `null` are left out.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            for (key, inner) in map.iter_mut() {
                if !FREE_FORM.contains(&key.as_str()) {
                    drop_nulls(inner);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

struct GoFormatter;

impl serde_json::ser::Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> std::io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (head, tail) = rest.split_at(at);
            let special = tail.chars().next().unwrap_or_default();
            writer.write_all(head.as_bytes())?;
            write!(writer, "\\u{:04x}", u32::from(special))?;
            rest = &tail[special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Whether a value is its type's zero value: for `skip_serializing_if`, where
/// the reference says "omit when empty".
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// [`is_default`] for the borrowed fields of webhook shapes.
pub(crate) fn is_default_ref<T: Default + PartialEq>(value: &&T) -> bool {
    is_default(*value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_go_escapes() {
        let escaped = r#""\u003ca\u0026b\u003e\u2028""#;
        assert_eq!(encode("<a&b>\u{2028}"), escaped.as_bytes());
        assert_eq!(raw("<a&b>\u{2028}").get(), escaped);
        assert_eq!(text("<a&b>\u{2028}"), escaped);
        // Wherever it stands, and other characters with the same first byte stay.
        let long = format!("{}\u{2029}", "\u{20ac}".repeat(100));
        let expected = format!("\"{}\\u2029\"", "\u{20ac}".repeat(100));
        assert_eq!(encode(&long), expected.as_bytes());
        assert_eq!(raw(&long).get(), expected);
    }

    #[test]
    fn null_leaves_the_zero_value() {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Shape {
            name: String,
            count: i64,
            inner: std::collections::BTreeMap<String, String>,
        }
        let shape: Shape =
            decode(r#"{"name":null,"count":null,"inner":{"a":null},"more":1}"#).unwrap();
        assert_eq!(
            (shape.name.as_str(), shape.count, shape.inner.len()),
            ("", 0, 0)
        );
        assert!(decode::<Shape>(r#"{"count":"1"}"#).is_err());
    }

    #[derive(serde::Deserialize, Default, Debug, PartialEq)]
    #[serde(default)]
    struct Body {
        name: String,
        count: i64,
        inner: Option<Inner>,
        items: Vec<Inner>,
        words: Vec<String>,
        variables: std::collections::BTreeMap<String, String>,
        option: serde_json::Map<String, Value>,
        #[serde(rename = "callerID")]
        caller: String,
    }

    #[derive(serde::Deserialize, Default, Debug, PartialEq)]
    #[serde(default)]
    struct Inner {
        id: crate::id::CallId,
        target: String,
    }

    fn body(text: &str) -> Body {
        decode(text).unwrap()
    }

    #[test]
    fn a_list_is_no_object_wherever_it_stands() {
        for text in [
            "[]",
            r#"["name", 7]"#,
            r#"{"inner": []}"#,
            r#"{"inner": ["0f5e2f1e-6d6c-4b5e-9b1e-2f6a7a1c0001", "x"]}"#,
            r#"{"items": [[]]}"#,
            r#"{"name": null, "inner": []}"#,
        ] {
            assert!(decode::<Body>(text).is_err(), "{text}");
        }
        assert_eq!(decode::<Vec<i64>>("[1, null]").unwrap(), [1, 0]);
        assert!(decode::<Vec<i64>>("{}").is_err());
    }

    #[test]
    fn null_is_the_zero_value_in_lists_and_maps_too() {
        let read = body(
            r#"{"items": [null, {"id": null, "target": null}], "words": [null, "x"],
                "variables": {"k": null}, "option": {"k": null}}"#,
        );
        assert_eq!(read.items, [Inner::default(), Inner::default()]);
        assert_eq!(read.words, ["", "x"]);
        assert_eq!(read.variables["k"], "");
        assert_eq!(read.option["k"], Value::Null);
        assert_eq!(zero::<Body>().unwrap(), Body::default());
        assert!(
            decode::<Body>("null").is_err(),
            "an answer is not to be null"
        );
        assert_eq!(decode::<Option<Body>>("null").unwrap(), None);
    }

    #[test]
    fn keys_are_matched_without_regard_to_case_and_the_exact_one_is_known() {
        let read = body(r#"{"Name": "a", "COUNT": 7, "Inner": {"Target": "t"}, "callerID": "c"}"#);
        assert_eq!(
            (&read.name[..], read.count, &read.caller[..]),
            ("a", 7, "c")
        );
        assert_eq!(read.inner.unwrap().target, "t");
        assert_eq!(body(r#"{"CallerId": "c"}"#).caller, "c");
        // What is somebody else's is left as it is.
        assert!(
            body(r#"{"option": {"Name": 1}}"#)
                .option
                .contains_key("Name")
        );
    }

    #[test]
    fn of_two_equal_keys_the_last_holds() {
        assert_eq!(body(r#"{"name": "a", "name": "b", "count": 1}"#).name, "b");
    }

    #[test]
    fn what_is_no_character_is_the_replacement_character() {
        for (text, name) in [
            (r#"{"name": "\ud83d"}"#, "\u{fffd}"),
            (
                r#"{"name": "\ud83dx\ude00\ud83d\ude00"}"#,
                "\u{fffd}x\u{fffd}\u{1f600}",
            ),
            (r#"{"name": "\ud83d\ud83d\uDE00"}"#, "\u{fffd}\u{1f600}"),
            (r#"{"name": "\\ud83d\ud83d\n"}"#, "\\ud83d\u{fffd}\n"),
        ] {
            assert_eq!(body(text).name, name, "{text}");
        }
        let bytes = b"{\"name\": \"a\xe2\x82b\xff\"}";
        let read: Body = decode_bytes(bytes).unwrap();
        assert_eq!(read.name, "a\u{fffd}\u{fffd}b\u{fffd}");
        assert!(decode_bytes::<Body>(b"\xff").is_err());
        assert!(decode::<Body>(r#"{"name": "\ud8"}"#).is_err());
    }
}
