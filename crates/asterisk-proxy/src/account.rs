//! The account at ARI: a secret that nothing prints.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use serde::Deserialize;

/// `user:password`. It leaves this type only as a header that is marked
/// sensitive, and in AMI's login: not in a URL, not in an error, not in a log.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Account(String);

impl Account {
    /// An account, `user:password`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same password for another user.
    #[must_use]
    pub fn with_user(&self, user: &str) -> Self {
        Self(format!("{user}:{}", self.parts().1))
    }

    /// The same user with another password.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        Self(format!("{}:{password}", self.parts().0))
    }

    /// What is wrong with it, without saying what it is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match self.0.split_once(':') {
            None => Some("has no `:`; it is user:password"),
            Some(("", _)) => Some("has no user before its `:`"),
            Some(_) => None,
        }
    }

    /// User and password.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.0.trim().split_once(':').unwrap_or_default()
    }

    /// The value of the `Authorization` header.
    ///
    /// # Panics
    ///
    /// Never: base64 is visible ASCII.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        let text = format!("Basic {}", STANDARD.encode(self.0.trim()));
        let mut value = HeaderValue::from_str(&text).expect("base64 is visible ASCII");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_basic_authentication() {
        // RFC 7617 §2.
        let account = Account::new("Aladdin:open sesame");
        assert_eq!(account.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(account.problem().is_none());
        assert!(Account::new("nobody").problem().is_some());
        assert!(Account::new(":x").problem().is_some());
    }

    #[test]
    fn nothing_prints_it() {
        let account = Account::new("user:secret");
        let header = account.header();
        let text = format!(
            "{account} {account:?} {header:?} {:?}",
            crate::Config {
                account: account.clone(),
                ..crate::Config::default()
            }
        );
        assert!(!text.contains("secret") && !text.contains("user"), "{text}");
        assert!(!text.contains("dXNlcjpzZWNyZXQ="), "{text}");
    }
}
