//! Reading values that travel as text without a copy of the text.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};

/// Makes a value of a text as it stands in the input. (`Cow` would be a copy:
/// only a field that says so borrows.)
pub(crate) struct TextVisitor<T, F> {
    what: &'static str,
    read: F,
    value: PhantomData<fn() -> T>,
}

impl<T, F: FnOnce(&str) -> Result<T, String>> TextVisitor<T, F> {
    /// Reads `what` with `read`, whose error says what is wrong.
    pub(crate) fn new(what: &'static str, read: F) -> Self {
        Self {
            what,
            read,
            value: PhantomData,
        }
    }
}

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for TextVisitor<T, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).map_err(E::custom)
    }
}
