//! Operations on bridges.

use serde::Serialize;
use trunkline_bus::Method;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_model::id::{BridgeId, ChannelId};

use super::{AriClient, MEDIA_TIMEOUT, escaped, gone_is_success};
use crate::error::Error;
use crate::request::AddChannel;
use crate::resource::Bridge;
use crate::target::AsteriskTarget;

const TAG: &str = "ast/bridges";

#[derive(Serialize)]
struct Create<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Remove<'a> {
    channel: &'a ChannelId,
}

pub(super) fn path(bridge: &BridgeId, operation: &str) -> String {
    format!("/ari/bridges/{}{operation}", escaped(bridge.as_str()))
}

impl AriClient {
    /// Every bridge of the Asterisk, also those that are not ours.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_bridges(&self, to: &AsteriskTarget) -> Result<Vec<Bridge>, Error> {
        let request = self.empty(Method::Get, "/ari/bridges".to_owned());
        self.read(to, &request, TAG, MEDIA_TIMEOUT).await
    }

    /// Creates a bridge; one that exists with this id is success. `kind` is a
    /// comma list such as `mixing,video_sfu`, `name` carries the reference
    /// ([`trunkline_model::bridge::Reference`]).
    ///
    /// The reference posts to `/ari/bridges` with the id in the body; Asterisk
    /// answers a repetition of that with 500, of this with 409.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn bridge_create(
        &self,
        to: &AsteriskTarget,
        bridge: &BridgeId,
        kind: &str,
        name: &str,
    ) -> Result<(), Error> {
        let request = self.json(Method::Post, path(bridge, ""), &Create { kind, name });
        match self.done(to, &request, TAG).await {
            Err(Error::Refused { status: 409, .. }) => Ok(()),
            outcome => outcome,
        }
    }

    /// The bridge.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when there is none; see [`Error`].
    pub async fn bridge_get(
        &self,
        to: &AsteriskTarget,
        bridge: &BridgeId,
    ) -> Result<Bridge, Error> {
        let request = self.empty(Method::Get, path(bridge, ""));
        self.read(to, &request, TAG, DEFAULT_TIMEOUT).await
    }

    /// Destroys a bridge; one that is gone is success. Its channels stay in the
    /// application and are hung up by whoever put them there.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn bridge_delete(&self, to: &AsteriskTarget, bridge: &BridgeId) -> Result<(), Error> {
        let request = self.empty(Method::Delete, path(bridge, ""));
        match self.done(to, &request, TAG).await {
            // Seen between the end of a bridge of Stasis's and its disappearance.
            Err(Error::Refused { status: 409, .. }) => Ok(()),
            outcome => gone_is_success(outcome),
        }
    }

    /// Puts a channel into a bridge, out of another one if it is in one.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] for an unknown bridge, [`Error::Refused`] with status 400
    /// for an unknown channel; see [`Error`].
    pub async fn add_channel(
        &self,
        to: &AsteriskTarget,
        bridge: &BridgeId,
        body: &AddChannel,
    ) -> Result<(), Error> {
        let request = self.json(Method::Post, path(bridge, "/addChannel"), body);
        self.done(to, &request, "ast/bridges/addchannel").await
    }

    /// Takes a channel out of a bridge.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 422 when it is not in it; see [`Error`].
    pub async fn remove_channel(
        &self,
        to: &AsteriskTarget,
        bridge: &BridgeId,
        channel: &ChannelId,
    ) -> Result<(), Error> {
        let request = self.json(
            Method::Post,
            path(bridge, "/removeChannel"),
            &Remove { channel },
        );
        self.done(to, &request, "ast/bridges/removechannel").await
    }
}
