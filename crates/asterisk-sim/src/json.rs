//! A small writer of JSON objects: events are most of the work, so each is
//! written once, in one piece, in the order in which Asterisk writes it.

use serde::Serialize;

/// An object that is being written.
#[derive(Debug)]
pub(crate) struct Object {
    text: Vec<u8>,
    first: bool,
}

impl Object {
    pub(crate) fn new() -> Self {
        let mut text = Vec::with_capacity(1_024);
        text.push(b'{');
        Self { text, first: true }
    }

    /// Adds a key with a value.
    pub(crate) fn set<T: Serialize + ?Sized>(mut self, key: &str, value: &T) -> Self {
        self.key(key);
        let from = self.text.len();
        // Texts, numbers and lists of them cannot fail.
        if serde_json::to_writer(&mut self.text, value).is_err() {
            self.text.truncate(from);
            self.text.extend_from_slice(b"null");
        }
        self
    }

    /// Adds a key unless there is no value.
    pub(crate) fn maybe<T: Serialize>(self, key: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.set(key, &value),
            None => self,
        }
    }

    /// Adds a key whose value is an object.
    pub(crate) fn object(mut self, key: &str, fill: impl FnOnce(Self) -> Self) -> Self {
        self.key(key);
        self.text.push(b'{');
        self.first = true;
        let mut filled = fill(self);
        filled.text.push(b'}');
        filled.first = false;
        filled
    }

    /// Adds a key whose value is JSON already.
    pub(crate) fn raw(mut self, key: &str, json: &str) -> Self {
        self.key(key);
        self.text.extend_from_slice(json.as_bytes());
        self
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.first) {
            self.text.push(b',');
        }
        self.text.push(b'"');
        self.text.extend_from_slice(key.as_bytes());
        self.text.extend_from_slice(b"\":");
    }

    /// The text.
    pub(crate) fn end(mut self) -> String {
        self.text.push(b'}');
        self.open()
    }

    /// The text without its last bracket, for more keys to follow.
    pub(crate) fn open(self) -> String {
        // Whatever was written is UTF-8.
        String::from_utf8(self.text).unwrap_or_default()
    }
}

/// A list of texts that are JSON already.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    let mut text = String::from("[");
    for item in items {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&item);
    }
    text.push(']');
    text
}
