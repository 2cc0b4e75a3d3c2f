//! serde, as lenient as Go's decoder: an adaptor around any deserializer.
//!
//! * `null` in a list or a map is the zero value of what the type asks for; a field
//!   that is `null` is an error here: it is to be left out, so that it has the default
//!   of its struct;
//! * a key that no field has, and that has a capital letter, is matched without
//!   regard to case;
//! * a list is no object, although serde would take it for the fields in their order.
//!
//! It looks at each value once, on its way to the type: what needs no leniency costs
//! nothing more. What no deserializer of JSON takes at all is mended before, in
//! [`super::decode`].

use std::fmt;
use std::iter::empty;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

/// `D`, as lenient as Go.
pub(super) struct Go<D> {
    json: D,
    is_field: bool,
}

impl<D> Go<D> {
    pub(super) fn new(json: D) -> Self {
        let is_field = false;
        Self { json, is_field }
    }
}

/// What a type asks for.
#[derive(Clone, Copy)]
enum Asked {
    Anything,
    Bool,
    Number,
    Text,
    List,
    Map,
    Fields(&'static [&'static str]),
}

impl<'de, D: Deserializer<'de>> Go<D> {
    fn ask<V: Visitor<'de>>(self, asked: Asked, visitor: V) -> Result<V::Value, D::Error> {
        let Self { json, is_field } = self;
        json.deserialize_any(Reader {
            asked,
            is_field,
            visitor,
        })
    }
}

macro_rules! ask {
    ($( $method:ident $asked:ident ),+ $(,)?) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.ask(Asked::$asked, visitor)
        }
    )+ };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Go<D> {
    type Error = D::Error;

    ask! {
        deserialize_any Anything,
        deserialize_bool Bool,
        deserialize_i8 Number,
        deserialize_i16 Number,
        deserialize_i32 Number,
        deserialize_i64 Number,
        deserialize_u8 Number,
        deserialize_u16 Number,
        deserialize_u32 Number,
        deserialize_u64 Number,
        deserialize_f32 Number,
        deserialize_f64 Number,
        deserialize_char Text,
        deserialize_str Text,
        deserialize_string Text,
        deserialize_identifier Text,
        deserialize_unit Anything,
        deserialize_seq List,
        deserialize_map Map,
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_byte_buf(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_option(Reader {
            asked: Asked::Anything,
            is_field: false,
            visitor,
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.json.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // JSON that is kept as it stands.
        if name.starts_with("$serde_json::") {
            return self.json.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.ask(Asked::List, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.ask(Asked::List, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.ask(Asked::Fields(fields), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.json.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.json.deserialize_ignored_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.json.is_human_readable()
    }
}

/// Hands a value to the type that asks.
struct Reader<V> {
    asked: Asked,
    is_field: bool,
    visitor: V,
}

macro_rules! hand_over {
    ($( $method:ident $value:ty ),+ $(,)?) => { $(
        fn $method<E: Error>(self, value: $value) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )+ };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Reader<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    hand_over! {
        visit_bool bool,
        visit_i64 i64,
        visit_u64 u64,
        visit_f64 f64,
        visit_str &str,
        visit_borrowed_str &'de str,
        visit_string String,
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Go::new(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Go::new(value))
    }

    /// `null`: the zero value.
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        let visitor = self.visitor;
        if self.is_field && !matches!(self.asked, Asked::Anything) {
            return Err(E::invalid_type(Unexpected::Unit, &visitor));
        }
        match self.asked {
            Asked::Anything => visitor.visit_unit(),
            Asked::Bool => visitor.visit_bool(false),
            Asked::Number => visitor.visit_u64(0),
            Asked::Text => visitor.visit_str(""),
            Asked::List => visitor.visit_seq(SeqDeserializer::new(empty::<()>())),
            Asked::Map | Asked::Fields(_) => {
                visitor.visit_map(MapDeserializer::new(empty::<((), ())>()))
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        if let Asked::Fields(_) = self.asked {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        self.visitor.visit_seq(Items(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let fields = match self.asked {
            Asked::Fields(fields) => Some(fields),
            Asked::Anything
            | Asked::Bool
            | Asked::Number
            | Asked::Text
            | Asked::List
            | Asked::Map => None,
        };
        self.visitor.visit_map(Entries { entries, fields })
    }
}

/// Something inside of another.
struct Inner<S> {
    seed: S,
    is_field: bool,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Inner<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<S::Value, D::Error> {
        let is_field = self.is_field;
        self.seed.deserialize(Go { json, is_field })
    }
}

struct Items<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let is_field = false;
        self.0.next_element_seed(Inner { seed, is_field })
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

struct Entries<A> {
    entries: A,
    /// Of a struct.
    fields: Option<&'static [&'static str]>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        match self.fields {
            Some(fields) => self.entries.next_key_seed(Key { seed, fields }),
            None => self.entries.next_key_seed(seed),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let is_field = self.fields.is_some();
        self.entries.next_value_seed(Inner { seed, is_field })
    }

    fn size_hint(&self) -> Option<usize> {
        self.entries.size_hint()
    }
}

/// A key of a struct, in the spelling of its field.
struct Key<S> {
    seed: S,
    fields: &'static [&'static str],
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<S::Value, D::Error> {
        key.deserialize_identifier(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Key<S> {
    type Value = S::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<S::Value, E> {
        let field = spelled_as_a_field(key, self.fields);
        self.seed.deserialize(field.into_deserializer())
    }
}

fn spelled_as_a_field<'a>(key: &'a str, fields: &[&'static str]) -> &'a str {
    let has_capital = key.bytes().any(|byte| byte.is_ascii_uppercase());
    if !has_capital || fields.contains(&key) {
        return key;
    }
    let field = fields.iter().find(|field| field.eq_ignore_ascii_case(key));
    field.copied().unwrap_or(key)
}
