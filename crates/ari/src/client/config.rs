//! Asterisk's dynamic configuration: objects of PJSIP in its memory, the states of
//! endpoints, and AMI for what ARI does not tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trunkline_bus::Method;
use trunkline_bus::client::DEFAULT_TIMEOUT;

use super::{AriClient, escaped};
use crate::error::Error;
use crate::target::AsteriskTarget;

/// The class of all objects of PJSIP.
const CLASS: &str = "/ari/asterisk/config/dynamic/res_pjsip";

/// One attribute of an object.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Attribute {
    pub attribute: String,
    pub value: String,
}

/// A PJSIP endpoint and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct Endpoint {
    pub resource: String,
    /// `online`, `offline` or `unknown`.
    pub state: String,
}

impl AriClient {
    /// The attributes of an object; those of `set_var` stand under their own names.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when there is none; see [`Error`].
    pub async fn config_get(
        &self,
        to: &AsteriskTarget,
        kind: &str,
        name: &str,
    ) -> Result<Vec<Attribute>, Error> {
        let request = self.bare(Method::Get, path(kind, name));
        self.read(to, &request, "ast/asterisk/config", DEFAULT_TIMEOUT)
            .await
    }

    /// Creates an object. Putting over one that is there merges the two: take it
    /// away first.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with 400 for a value that Asterisk does not take (the host
    /// of an `identify` that does not resolve is one), with 403 when the object is in
    /// a file; see [`Error`].
    pub async fn config_put<'a>(
        &self,
        to: &AsteriskTarget,
        kind: &str,
        name: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body {
            fields: Vec<Attribute>,
        }
        let fields = fields
            .into_iter()
            .map(|(attribute, value)| Attribute {
                attribute: attribute.to_owned(),
                value: value.to_owned(),
            })
            .collect();
        let request = self.json(Method::Put, path(kind, name), &Body { fields });
        self.done(to, &request, "ast/asterisk/config").await
    }

    /// Takes an object away; one that is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with 403 when the object is in a file; see [`Error`].
    pub async fn config_delete(
        &self,
        to: &AsteriskTarget,
        kind: &str,
        name: &str,
    ) -> Result<(), Error> {
        let request = self.bare(Method::Delete, path(kind, name));
        super::gone_is_success(self.done(to, &request, "ast/asterisk/config").await)
    }

    /// Every PJSIP endpoint with its state.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn endpoints(&self, to: &AsteriskTarget) -> Result<Vec<Endpoint>, Error> {
        let request = self.bare(Method::Get, "/ari/endpoints/PJSIP".to_owned());
        self.read(to, &request, "ast/endpoints", DEFAULT_TIMEOUT)
            .await
    }

    /// Sends an action of AMI and returns its answer. What a list answers with stands
    /// under `Events`, as the text of a JSON array of objects of texts.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with 409 when the proxy has no AMI; see [`Error`].
    pub async fn ami(
        &self,
        to: &AsteriskTarget,
        action: &BTreeMap<&str, &str>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let request = self.json(Method::Post, "/ami/".to_owned(), action);
        self.read(to, &request, "ast/ami", DEFAULT_TIMEOUT).await
    }
}

fn path(kind: &str, name: &str) -> String {
    format!("{CLASS}/{kind}/{}", escaped(name))
}
