//! Asking an Asterisk for something, over the bus (chapter 01 §9.1).
//!
//! One method per operation, with its body, its time-out and its tag for the
//! metric. What asks is addressed by an [`AsteriskTarget`]; which proxy answers,
//! and whether it runs in this process, is the bus's affair.
//!
//! Ids are ours (architecture decision 8): creating what exists is success, and
//! so is ending what is gone.

mod applications;
mod bridges;
mod channels;
mod config;
mod media;
mod proxy;

use std::time::Duration;

pub use config::{Attribute, Endpoint};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::envelope::JSON;
use trunkline_bus::{Method, Request, Rpc, RpcError, client};
use trunkline_model::id::AsteriskId;

use crate::error::Error;
use crate::target::AsteriskTarget;

/// Time-out of requests that start media.
pub const MEDIA_TIMEOUT: Duration = Duration::from_secs(10);

/// What may stand in a path as it is. A `+` may not: Asterisk reads it as a
/// space.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@');

/// The client. Cloning it is cheap.
#[derive(Clone)]
pub struct AriClient {
    rpc: Rpc,
}

impl AriClient {
    /// Asks in the name of the service whose requests `rpc` sends.
    #[must_use]
    pub fn new(rpc: Rpc) -> Self {
        Self { rpc }
    }

    /// A request with neither payload nor content type.
    /// Which Asterisk answers: its entity id.
    ///
    /// # Errors
    ///
    /// See [`Error`]; also when the answer names none.
    pub async fn entity_id(&self, to: &AsteriskTarget) -> Result<AsteriskId, Error> {
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct Info {
            system: System,
        }
        #[derive(serde::Deserialize, Default)]
        #[serde(default)]
        struct System {
            entity_id: AsteriskId,
        }
        let request = self.empty(Method::Get, "/ari/asterisk/info?only=system".to_owned());
        let info: Info = self
            .read(to, &request, "ast/asterisk", DEFAULT_TIMEOUT)
            .await?;
        if info.system.entity_id.is_empty() {
            return Err(Error::Answer(RpcError::Answer(
                "Asterisk names no entity id".to_owned(),
            )));
        }
        Ok(info.system.entity_id)
    }

    fn bare(&self, method: Method, path: String) -> Request {
        self.rpc.request(method, path)
    }

    /// A request without payload that names JSON as its content type all the
    /// same: some operations of the reference do.
    fn empty(&self, method: Method, path: String) -> Request {
        Request {
            data_type: JSON.to_owned(),
            ..self.rpc.request(method, path)
        }
    }

    fn json<T: serde::Serialize>(&self, method: Method, path: String, body: &T) -> Request {
        self.rpc.request(method, path).json(body)
    }

    async fn done(
        &self,
        to: &AsteriskTarget,
        request: &Request,
        tag: &'static str,
    ) -> Result<(), Error> {
        self.done_within(to, request, tag, DEFAULT_TIMEOUT).await
    }

    async fn done_within(
        &self,
        to: &AsteriskTarget,
        request: &Request,
        tag: &'static str,
        timeout: Duration,
    ) -> Result<(), Error> {
        let response = self.rpc.send(&to.queue(), request, tag, timeout).await?;
        Error::of_response(&response).map_or(Ok(()), Err)
    }

    async fn read<T: DeserializeOwned + Default>(
        &self,
        to: &AsteriskTarget,
        request: &Request,
        tag: &'static str,
        timeout: Duration,
    ) -> Result<T, Error> {
        let response = self.rpc.send(&to.queue(), request, tag, timeout).await?;
        if let Some(error) = Error::of_response(&response) {
            return Err(error);
        }
        Ok(client::interpret(&response)?)
    }
}

impl std::fmt::Debug for AriClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AriClient").finish_non_exhaustive()
    }
}

/// A value as one piece of a path, or as a query's value.
fn escaped(value: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(value, PATH)
}

/// What is gone needs no ending.
fn gone_is_success(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(Error::Gone { .. }) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
