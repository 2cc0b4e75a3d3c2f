//! Where the broker is.

use std::fmt;
use std::str::FromStr;

use lapin::uri::AMQPUri;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `amqp://user:password@host:port/vhost`, or `amqps://…` (chapter 01 §6.4). User and
/// password are `guest` when missing, the port is 5672 or 5671, and no path or an
/// empty one means the virtual host `/`, as the reference's library has it.
///
/// It is shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(AMQPUri);

/// Not an address of a broker.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not the address of a broker, such as amqp://guest:guest@localhost:5672: {0}")]
pub struct AddressError(String);

impl Address {
    pub(crate) fn uri(&self) -> AMQPUri {
        self.0.clone()
    }

    /// `host:port`, for messages.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.0.authority.host, self.0.authority.port)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut uri: AMQPUri = text.trim().parse().map_err(AddressError)?;
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (&self.0.scheme, &self.0.authority);
        write!(f, "{scheme}://{}:***@", authority.userinfo.username)?;
        write!(f, "{}:{}", authority.host, authority.port)?;
        match self.0.vhost.as_str() {
            "/" => Ok(()),
            vhost => write!(f, "/{vhost}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Without the password: what is shown cannot be read back.
impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_missing_is_as_the_reference_has_it() {
        let uri = parsed("amqp://localhost").uri();
        let user = &uri.authority.userinfo;
        assert_eq!(
            (user.username.as_str(), user.password.as_str()),
            ("guest", "guest")
        );
        assert_eq!((uri.authority.port, uri.vhost.as_str()), (5672, "/"));
        assert_eq!(parsed("amqp://localhost/").uri().vhost, "/");
        assert_eq!(parsed("amqp://localhost/%2f").uri().vhost, "/");
        assert_eq!(parsed("amqp://localhost/calls").uri().vhost, "calls");
        assert_eq!(parsed("amqps://localhost").uri().authority.port, 5671);
        let uri = parsed("amqp://a%40b:p%3Aw@h:1").uri();
        assert_eq!(uri.authority.userinfo.username, "a@b");
        assert_eq!(uri.authority.userinfo.password, "p:w");
    }

    #[test]
    fn the_password_is_not_shown() {
        let address = parsed("amqp://root:secret@broker:5672/calls");
        assert_eq!(address.to_string(), "amqp://root:***@broker:5672/calls");
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "localhost:5672", "http://localhost", "amqp://h:port"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
