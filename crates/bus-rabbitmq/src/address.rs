//! Where the broker is.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use lapin::uri::AMQPUri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

/// The parameters of an address that do something.
const PARAMETERS: [&str; 5] = [
    "auth_mechanism",
    "channel_max",
    "connection_timeout",
    "frame_max",
    "heartbeat",
];

/// What of a name needs no `%` in an address.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `amqp://user:password@host:port/vhost`, or `amqps://…` (chapter 01 §6.4). User and
/// password are `guest` when missing, the port is 5672 or 5671, and no path or an
/// empty one means the virtual host `/`, as the reference's library has it. Of its
/// parameters those of [`PARAMETERS`] are taken, and any other is an error.
///
/// It is shown without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(AMQPUri);

/// Not an address that can be used. Never shows the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address of a broker.
    #[error("it is not the address of a broker, such as amqp://guest:guest@localhost:5672: {0}")]
    Form(String),
    /// A parameter that would have no effect.
    #[error("its parameter `{name}` {why}")]
    Parameter {
        /// Which one.
        name: String,
        /// Why it cannot be there, and what to do.
        why: String,
    },
}

impl Address {
    pub(crate) fn uri(&self) -> AMQPUri {
        self.0.clone()
    }

    /// How long a connection may take, if the address says it. 0 says nothing, as in the
    /// reference's library.
    pub(crate) fn connect_timeout(&self) -> Option<Duration> {
        let timeout = self.0.query.connection_timeout.filter(|ms| *ms > 0);
        timeout.map(Duration::from_millis)
    }

    /// `host:port`, for messages.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        let authority = &self.0.authority;
        let (host, port) = (&authority.host, authority.port);
        match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let form = |why: &dyn fmt::Display| AddressError::Form(why.to_string());
        let url = Url::parse(text).map_err(|error| form(&error))?;
        if url.cannot_be_a_base() {
            return Err(form(&"`//` is missing behind the scheme"));
        }
        if url.fragment().is_some() {
            return Err(form(&"a `#` is written %23 in it"));
        }
        for (name, _) in url.query_pairs() {
            known(&name)?;
        }
        let mut uri: AMQPUri = text.parse().map_err(AddressError::Form)?;
        // The library takes names only, and `localhost` for all else.
        if let Some(Host::Ipv6(address)) = url.host() {
            uri.authority.host = address.to_string();
        }
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        Ok(Self(uri))
    }
}

/// A parameter without effect must not be passed over.
fn known(name: &str) -> Result<(), AddressError> {
    let why = match name {
        known if PARAMETERS.contains(&known) => return Ok(()),
        "cacertfile" => "has no effect here: the system's authorities are trusted, or those in \
             the file that the variable SSL_CERT_FILE names; leave it out"
            .to_owned(),
        "certfile" | "keyfile" | "password" => "is not there: this version has no certificates \
             of clients; give user and password"
            .to_owned(),
        "server_name_indication" | "verify" | "fail_if_no_peer_cert" | "depth" => "is not there: \
             the broker's certificate is always checked, against the host of the address; leave \
             it out"
            .to_owned(),
        _ => format!("does not exist; there are: {}", PARAMETERS.join(", ")),
    };
    Err(AddressError::Parameter {
        name: name.to_owned(),
        why,
    })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |name| utf8_percent_encode(name, PLAIN);
        let user = encoded(&self.0.authority.userinfo.username);
        write!(f, "{}://{user}:***@{}", self.0.scheme, self.host_and_port())?;
        match self.0.vhost.as_str() {
            "/" => Ok(()),
            vhost => write!(f, "/{}", encoded(vhost)),
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
    use std::net::{SocketAddr, ToSocketAddrs as _};

    use lapin::uri::SASLMechanism;

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
    fn an_ipv6_address_stays_the_host() {
        let address = parsed("amqp://u:p@[fd00::5]:5673/calls");
        let authority = address.uri().authority;
        let reached = (authority.host.as_str(), authority.port).to_socket_addrs();
        let expected: SocketAddr = "[fd00::5]:5673".parse().unwrap();
        assert_eq!(reached.unwrap().collect::<Vec<_>>(), [expected]);
        assert_eq!(address.host_and_port(), "[fd00::5]:5673");
        assert_eq!(address.to_string(), "amqp://u:***@[fd00::5]:5673/calls");
        let host = |text| parsed(text).uri().authority.host;
        assert_eq!(host("amqp://127.0.0.2"), "127.0.0.2");
        assert_eq!(host("amqp://ho%61st"), "hoast");
        assert_eq!(host("amqp:///calls"), "localhost");
    }

    /// As the reference's library has it: the path behind its first `/`, decoded once.
    #[test]
    fn a_virtual_host_is_decoded_and_shown_encoded() {
        let cases = [
            ("%2f", "/", ""),
            ("/", "/", ""),
            ("a%2Fb", "a/b", "/a%2Fb"),
            ("a/b", "a/b", "/a%2Fb"),
            ("a%20b+c", "a b+c", "/a%20b%2Bc"),
            ("%2561", "%61", "/%2561"),
            ("calls-1.eu_2~", "calls-1.eu_2~", "/calls-1.eu_2~"),
        ];
        for (path, vhost, shown) in cases {
            let address = parsed(&format!("amqp://h/{path}"));
            assert_eq!(address.uri().vhost, vhost, "{path}");
            assert_eq!(
                address.to_string(),
                format!("amqp://guest:***@h:5672{shown}")
            );
        }
        assert_eq!(
            parsed("amqp://a%40b:c@h").to_string(),
            "amqp://a%40b:***@h:5672"
        );
    }

    #[test]
    fn a_parameter_is_taken_or_refused_and_never_passed_over() {
        let address = parsed(
            "amqp://h/v?heartbeat=7&frame_max=8192&channel_max=9&connection_timeout=1500\
             &auth_mechanism=amqplain",
        );
        let query = address.uri().query;
        assert_eq!(
            (query.heartbeat, query.frame_max, query.channel_max),
            (Some(7), Some(8192), Some(9))
        );
        assert_eq!(query.auth_mechanism, Some(SASLMechanism::AMQPlain));
        assert_eq!(address.connect_timeout(), Some(Duration::from_millis(1500)));
        for text in ["amqp://h", "amqp://h?connection_timeout=0"] {
            assert_eq!(parsed(text).connect_timeout(), None);
        }
        let refused = [
            ("cacertfile=/ca.pem", "SSL_CERT_FILE"),
            ("certfile=/c.pem", "certificates of clients"),
            ("keyfile=/k.pem", "certificates of clients"),
            ("server_name_indication=x", "always checked"),
            ("verify=verify_none", "always checked"),
            ("heart_beat=7", "connection_timeout"),
        ];
        for (parameter, word) in refused {
            let text = format!("amqps://root:secret@h?heartbeat=5&{parameter}");
            let told = text.parse::<Address>().unwrap_err().to_string();
            let name = parameter.split('=').next().unwrap();
            assert!(
                told.contains(&format!("`{name}`")) && told.contains(word),
                "{told}"
            );
            assert!(!told.contains("secret"), "{told}");
        }
        assert!("amqp://h?heartbeat=soon".parse::<Address>().is_err());
    }

    #[test]
    fn the_password_is_not_shown() {
        let address = parsed("amqp://root:secret@broker:5672/calls");
        assert_eq!(address.to_string(), "amqp://root:***@broker:5672/calls");
        assert!(!format!("{address:?}").contains("secret"));
    }

    #[test]
    fn anything_else_is_refused() {
        let texts = [
            "",
            "localhost:5672",
            "http://root:secret@localhost",
            "amqp://root:secret@h:port",
            "amqp:root:secret@h",
            "amqp://root:secret#1@h",
            "amqp://root:secret@h/calls#1",
            "amqp://root:secret@[fd00::5",
        ];
        for text in texts {
            let told = text.parse::<Address>().unwrap_err().to_string();
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
