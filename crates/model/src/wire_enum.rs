//! Enumerations as they travel: plain strings, never refused on input.

/// Declares an enumeration of wire strings.
///
/// A value that is not in the list is kept in `Other`, so that another
/// service's newer value survives a round trip (chapter 02 §1.1: enums are not
/// validated on input). The empty string is the first variant's business: an
/// enumeration with a meaningful empty value lists it as `""`.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$vmeta:meta])* $variant:ident = $text:literal ),+ $(,)?
        }
        default $default:ident
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $( $(#[$vmeta])* $variant, )+
            /// A value this version does not know, kept as it came.
            Other(String),
        }

        impl $name {
            /// The spelling on the wire and in the tables.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )+
                    Self::Other(text) => text,
                }
            }

            /// Every known value, in the order of declaration.
            #[must_use]
            pub fn known() -> &'static [Self] {
                const KNOWN: &[$name] = &[$( $name::$variant, )+];
                KNOWN
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read = |text: &str| Ok(Self::from(text));
                deserializer.deserialize_str($crate::text::TextVisitor::new("a string", read))
            }
        }
    };
}
