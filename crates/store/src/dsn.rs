//! Where a MySQL is, as VoIPbin's services are told it: `user:password@tcp(host:port)/database`,
//! by the rules of Go's driver (chapter 01 §6.4). Nothing here speaks with a server.
//!
//! The last `/` stands before the database, the last `@` before it behind the credentials,
//! and the first `:` in those before the password; none of these is decoded. The
//! database and the values of parameters are percent-decoded.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// Where a server of the name alone listens.
const PORT: u16 = 3306;
const HOST: &str = "127.0.0.1";
const SOCKET: &str = "/tmp/mysql.sock";

/// A database at a server, and who asks for it. Never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    pub user: String,
    pub password: String,
    pub server: Server,
    pub database: String,
    /// What stands behind the `?`, in its order. `parseTime` and `loc` change nothing:
    /// times are read and written as UTC text.
    pub parameters: Vec<(String, String)>,
}

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    /// Over TCP.
    Tcp { host: String, port: u16 },
    /// Over a socket in the file system.
    Unix { path: String },
}

/// What is wrong with a text that should be one. Holds nothing of it: whatever is not
/// understood may be the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DsnError {
    /// No `/`.
    #[error("it has no `/` before the name of the database: {FORM}")]
    NoDatabase,
    /// Nothing behind the `/`.
    #[error("it names no database behind its last `/`: {FORM}")]
    EmptyDatabase,
    /// `(` without `)` before the `/`.
    #[error("its address is not closed by a `)` before the last `/`: {FORM}")]
    OpenAddress,
    /// Something between `)` and the last `/`.
    #[error("a `/` stands behind the one before the database; there it is written %2F: {FORM}")]
    LateSlash,
    /// Neither TCP nor a socket.
    #[error("its network must be tcp(HOST:PORT) or unix(PATH): {FORM}")]
    Network,
    /// No host and port.
    #[error("its address must be a host and a port from 1 to 65535: {FORM}")]
    Address,
    /// `%` without two hexadecimal digits, or no UTF-8.
    #[error("a `%` in its database or its parameters is no percent-encoding; a `%` itself is %25")]
    Encoding,
}

/// What it looks like.
const FORM: &str = "user:password@tcp(host:3306)/database";

impl FromStr for Dsn {
    type Err = DsnError;

    fn from_str(text: &str) -> Result<Self, DsnError> {
        let (before, behind) = text.rsplit_once('/').ok_or(DsnError::NoDatabase)?;
        let (credentials, place) = before.rsplit_once('@').unwrap_or(("", before));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let server = server(place)?;
        let (database, parameters) = behind.split_once('?').unwrap_or((behind, ""));
        if database.is_empty() {
            return Err(DsnError::EmptyDatabase);
        }
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
            server,
            database: decoded(database)?,
            parameters: self::parameters(parameters)?,
        })
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dsn")
            .field("user", &self.user)
            .field("password", &"***")
            .field("server", &self.server)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// Of `tcp(host:port)`, `unix(path)`, or less.
fn server(place: &str) -> Result<Server, DsnError> {
    let (network, address) = match place.split_once('(') {
        None => (place, ""),
        Some((network, rest)) => match rest.strip_suffix(')') {
            Some(address) => (network, address),
            None if rest.contains(')') => return Err(DsnError::LateSlash),
            None => return Err(DsnError::OpenAddress),
        },
    };
    match network {
        "" | "tcp" => tcp(address),
        "unix" => {
            let path = if address.is_empty() { SOCKET } else { address };
            let path = path.to_owned();
            Ok(Server::Unix { path })
        }
        _ => Err(DsnError::Network),
    }
}

/// A host with or without a port, or neither.
fn tcp(address: &str) -> Result<Server, DsnError> {
    let bare = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let whole = bare.unwrap_or(address);
    let (host, port) = match whole.parse::<Ipv6Addr>() {
        Ok(_) => (whole, None),
        Err(_) => match address.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        None => host,
        Some(Some(inside)) if inside.parse::<Ipv6Addr>().is_ok() => inside,
        Some(_) => return Err(DsnError::Address),
    };
    let is_name = !host.contains([':', '/', '@', '(', ')']) || host.parse::<Ipv6Addr>().is_ok();
    let port = port.map_or(Ok(PORT), str::parse);
    match port {
        Ok(port @ 1..) if is_name && !host.contains(char::is_whitespace) => Ok(Server::Tcp {
            host: if host.is_empty() { HOST } else { host }.to_owned(),
            port,
        }),
        Ok(_) | Err(_) => Err(DsnError::Address),
    }
}

/// `name=value&…`; what has no `=` is passed over, as the driver does.
fn parameters(text: &str) -> Result<Vec<(String, String)>, DsnError> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| Ok((name.to_owned(), decoded(&value.replace('+', " "))?)))
        .collect()
}

fn decoded(text: &str) -> Result<String, DsnError> {
    let mut parts = text.split('%');
    parts.next();
    let is_encoded = |part: &str| {
        let mut digits = part.bytes();
        let mut next = || digits.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        next() && next()
    };
    if !parts.all(is_encoded) {
        return Err(DsnError::Encoding);
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| DsnError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp_at(host: &str, port: u16) -> Server {
        let host = host.to_owned();
        Server::Tcp { host, port }
    }

    #[test]
    fn the_parts_are_those_that_the_driver_takes() {
        let cases = [
            (
                "root:secret@tcp(db:3307)/bin_manager",
                "root",
                "secret",
                tcp_at("db", 3307),
                "bin_manager",
            ),
            // A password may hold every separator; the last `@` and the first `:` count.
            (
                "a:b:c@d/e?f%41@tcp(db:1)/x",
                "a",
                "b:c@d/e?f%41",
                tcp_at("db", 1),
                "x",
            ),
            ("root@tcp(db)/x", "root", "", tcp_at("db", 3306), "x"),
            ("root:@/x", "root", "", tcp_at("127.0.0.1", 3306), "x"),
            ("tcp(:3307)/x", "", "", tcp_at("127.0.0.1", 3307), "x"),
            ("/x", "", "", tcp_at("127.0.0.1", 3306), "x"),
            (
                "r:s@tcp([fd00::5]:3307)/x",
                "r",
                "s",
                tcp_at("fd00::5", 3307),
                "x",
            ),
            (
                "r:s@tcp([fd00::5])/x",
                "r",
                "s",
                tcp_at("fd00::5", 3306),
                "x",
            ),
            ("r:s@tcp(fd00::5)/x", "r", "s", tcp_at("fd00::5", 3306), "x"),
            (
                "r:s@unix(/run/mysqld.sock)/x",
                "r",
                "s",
                Server::Unix {
                    path: "/run/mysqld.sock".to_owned(),
                },
                "x",
            ),
            (
                "r:s@unix/x",
                "r",
                "s",
                Server::Unix {
                    path: SOCKET.to_owned(),
                },
                "x",
            ),
            (
                "r:s@tcp(db)/a%2Fb%20+c",
                "r",
                "s",
                tcp_at("db", 3306),
                "a/b +c",
            ),
        ];
        for (text, user, password, server, database) in cases {
            let expected = Dsn {
                user: user.to_owned(),
                password: password.to_owned(),
                server,
                database: database.to_owned(),
                parameters: Vec::new(),
            };
            assert!(
                text.parse() == Ok(expected),
                "{text}: {:?}",
                text.parse::<Dsn>()
            );
        }
    }

    #[test]
    fn parameters_are_kept_and_the_two_about_times_do_no_harm() {
        let text = "r:s@tcp(db)/x?parseTime=true&loc=Europe%2FBerlin&alone&sql_mode=a+b";
        let dsn: Dsn = text.parse().unwrap();
        let expected = [
            ("parseTime", "true"),
            ("loc", "Europe/Berlin"),
            ("sql_mode", "a b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            (dsn.database.as_str(), dsn.parameters),
            ("x", expected.to_vec())
        );
    }

    #[test]
    fn what_is_wrong_is_told_and_nothing_of_the_text() {
        use DsnError::{
            Address, EmptyDatabase, Encoding, LateSlash, Network, NoDatabase, OpenAddress,
        };
        let cases = [
            ("", NoDatabase),
            ("root:secret@tcp(db:3306)", NoDatabase),
            ("root:secret@tcp(db)/", EmptyDatabase),
            ("root:secret@tcp(db)/?parseTime=true", EmptyDatabase),
            ("root:secret@tcp(db/x", OpenAddress),
            ("root:secret@tcp(db)/x?loc=Europe/Berlin", LateSlash),
            ("mysql://root:secret@db:3306/x", Network),
            ("root:secret@db:3306/x", Network),
            ("root:secret@TCP(db)/x", Network),
            ("root:secret@tcp(db:port)/x", Address),
            ("root:secret@tcp(db:0)/x", Address),
            ("root:secret@tcp(db:65536)/x", Address),
            ("root:secret@tcp(a:b:1)/x", Address),
            ("root:secret@tcp([db]:1)/x", Address),
            ("root:secret@tcp(d b)/x", Address),
            ("root:secret@tcp(db)/x%2", Encoding),
            ("root:secret@tcp(db)/x%zz", Encoding),
            ("root:secret@tcp(db)/x%ff", Encoding),
            ("root:secret@tcp(db)/x?a=%", Encoding),
        ];
        for (text, expected) in cases {
            let error = text.parse::<Dsn>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("secret"));
        }
        let shown = format!("{:?}", "root:secret@tcp(db)/x".parse::<Dsn>());
        assert!(
            shown.contains("root") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
