//! One Asterisk in the configuration: the proxy's options, and a file for the
//! account, so that no password has to stand in a configuration file.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use trunkline_asterisk_proxy::{Account, Config as Proxy};

const ACCOUNT: &str = "account";
const ACCOUNT_FILE: &str = "account_file";
const AMI_ACCOUNT: &str = "ami_account";
const AMI_ACCOUNT_FILE: &str = "ami_account_file";

/// One Asterisk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asterisk {
    /// The proxy's options.
    pub proxy: Proxy,
    /// Whether the account stands in the configuration itself.
    pub account_given: bool,
    /// File that holds the account, `user:password`; empty = none.
    pub account_file: PathBuf,
    /// The same for AMI's account.
    pub ami_account_file: PathBuf,
}

impl Asterisk {
    /// The Asterisk at `url`, otherwise by default.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self {
            proxy: Proxy {
                url: url.to_owned(),
                ..Proxy::default()
            },
            ..Self::default()
        }
    }

    /// The header by which ARI knows us, marked as sensitive.
    #[must_use]
    pub fn authorization(&self) -> axum::http::HeaderValue {
        self.proxy.account.header()
    }

    /// Finds the account: in the configuration, else in the file, else
    /// `from_environment`, else the proxy's default.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn resolve_account(&mut self, from_environment: Option<&str>) -> std::io::Result<()> {
        if self.account_given {
            return Ok(());
        }
        if !self.account_file.as_os_str().is_empty() {
            let text = std::fs::read_to_string(&self.account_file)?;
            self.proxy.account = Account::new(text.trim());
        } else if let Some(account) = from_environment {
            self.proxy.account = Account::new(account);
        }
        Ok(())
    }

    /// Finds the account of AMI: in its file, else in the configuration.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn resolve_ami_account(&mut self) -> std::io::Result<()> {
        if !self.ami_account_file.as_os_str().is_empty() {
            let text = std::fs::read_to_string(&self.ami_account_file)?;
            self.proxy.ami_account = Account::new(text.trim());
        }
        Ok(())
    }
}

impl Serialize for Asterisk {
    /// Never writes the account.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let options = serde_json::to_value(&self.proxy).map_err(serde::ser::Error::custom)?;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in options.as_object().into_iter().flatten() {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry(ACCOUNT_FILE, &self.account_file)?;
        map.serialize_entry(AMI_ACCOUNT_FILE, &self.ami_account_file)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Asterisk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut options = Map::<String, Value>::deserialize(deserializer)?;
        let mut file = |name: &str| match options.remove(name) {
            None => Ok(PathBuf::new()),
            Some(Value::String(path)) => Ok(path.into()),
            Some(_) => Err(D::Error::custom(format!("`{name}` must be a path"))),
        };
        let (account_file, ami_account_file) = (file(ACCOUNT_FILE)?, file(AMI_ACCOUNT_FILE)?);
        let account_given = options.contains_key(ACCOUNT);
        for account in [ACCOUNT, AMI_ACCOUNT] {
            if options
                .get(account)
                .is_some_and(|account| !account.is_string())
            {
                // The message of the type error below would show it.
                return Err(D::Error::custom(format!(
                    "`{account}` must be a text, user:password"
                )));
            }
        }
        let proxy = serde_json::from_value(Value::Object(options)).map_err(D::Error::custom)?;
        Ok(Self {
            proxy,
            account_given,
            account_file,
            ami_account_file,
        })
    }
}
