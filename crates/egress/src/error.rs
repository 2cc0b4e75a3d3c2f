//! Why there is no answer. Says the host and never the rest of the address.

use std::net::IpAddr;

/// A request that was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not something that can be asked for.
    #[error("this is not an http or https address")]
    Address,
    /// It leads where customers may not go.
    #[error(
        "`{host}` is refused: {address} is {what} (an operator can allow it with `egress.allow`)"
    )]
    Refused {
        /// The host in the address.
        host: String,
        /// Where its name leads.
        address: IpAddr,
        /// What that is.
        what: &'static str,
    },
    /// There is no such name, or nobody says what it means.
    #[error("the name `{0}` could not be looked up")]
    Name(String),
    /// Nobody took the connection.
    #[error("no connection to `{host}`: {why}")]
    Connect {
        /// The host in the address.
        host: String,
        /// As the system says it.
        why: String,
    },
    /// TLS could not be agreed on: an unknown or a wrong certificate, mostly.
    #[error("no secure connection to `{host}`: {why}")]
    Tls {
        /// The host in the address.
        host: String,
        /// As TLS says it.
        why: String,
    },
    /// The exchange took too long.
    #[error("`{host}` did not answer within {ms} ms")]
    Timeout {
        /// The host in the address.
        host: String,
        /// The limit.
        ms: u128,
    },
    /// The connection broke, or what came was not HTTP.
    #[error("`{host}` did not answer properly: {why}")]
    Exchange {
        /// The host in the address.
        host: String,
        /// As HTTP says it.
        why: String,
    },
    /// The answer is longer than allowed.
    #[error("the answer of `{host}` is longer than {limit} bytes")]
    TooLarge {
        /// The host in the address.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is compressed, which nobody asked for.
    #[error("the answer of `{0}` is compressed, although that was not asked for")]
    Compressed(String),
    /// It sends us from place to place.
    #[error("`{host}` was the {limit}th redirect, and no more are followed")]
    TooManyRedirects {
        /// The host in the last address.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// A redirect without a place.
    #[error("`{0}` sends us on without saying where to")]
    Redirect(String),
}

impl Error {
    /// Whether the same request will fail again until somebody changes the
    /// address or the configuration.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Address | Self::Refused { .. } => true,
            Self::Name(_)
            | Self::Connect { .. }
            | Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Exchange { .. }
            | Self::TooLarge { .. }
            | Self::Compressed(_)
            | Self::TooManyRedirects { .. }
            | Self::Redirect(_) => false,
        }
    }
}
