//! What trunks and phones have in common: to Asterisk both are SIP endpoints.

use clap::Args;

use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::secret::Password;

/// What can be said of either.
#[derive(Debug, Args)]
pub(crate) struct Endpoint {
    #[arg(long)]
    name: Option<String>,

    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,

    #[command(flatten)]
    password: Password,

    /// Codecs, the preferred one first, such as PCMA,PCMU
    #[arg(long, value_name = "CODEC,CODEC")]
    codecs: Option<String>,

    /// Country of numbers without a country code, two letters
    #[arg(long, value_name = "COUNTRY")]
    country: Option<String>,

    /// Whether it is used
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set)]
    enabled: Option<bool>,
}

impl Endpoint {
    /// What was given of it, and the password from where it is.
    ///
    /// # Errors
    ///
    /// When the password cannot be read.
    pub(crate) fn body(self, cx: &Context) -> Result<Body, Error> {
        Ok(Body::default()
            .with("name", self.name)
            .with("detail", self.detail)
            .with("password", self.password.read(cx)?)
            .with("codecs", self.codecs)
            .with("country", self.country)
            .with("enabled", self.enabled))
    }
}
