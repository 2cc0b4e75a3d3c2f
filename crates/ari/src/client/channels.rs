//! Operations on channels.

use serde::Serialize;
use trunkline_bus::Method;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_model::channel::MuteDirection;
use trunkline_model::id::ChannelId;

use super::{AriClient, MEDIA_TIMEOUT, escaped, gone_is_success};
use crate::error::Error;
use crate::request::{Continue, CreateChannel, Dial, Dtmf, ExternalMedia, Snoop};
use crate::resource::{Channel, Variable};
use crate::target::AsteriskTarget;

#[derive(Serialize)]
struct Hangup {
    reason_code: String,
}

#[derive(Serialize)]
struct SetVariable<'a> {
    variable: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct Mute<'a> {
    direction: &'a MuteDirection,
}

fn path(channel: &ChannelId, operation: &str) -> String {
    format!("/ari/channels/{}{operation}", escaped(channel.as_str()))
}

/// Whether a switch is turned on or off.
fn switch(on: bool) -> Method {
    if on { Method::Post } else { Method::Delete }
}

impl AriClient {
    /// Every channel of the Asterisk, also those that are not ours.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_channels(&self, to: &AsteriskTarget) -> Result<Vec<Channel>, Error> {
        let request = self.empty(Method::Get, "/ari/channels".to_owned());
        self.read(to, &request, "ast/channels", MEDIA_TIMEOUT).await
    }

    /// The channel.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when there is none; see [`Error`].
    pub async fn get(&self, to: &AsteriskTarget, channel: &ChannelId) -> Result<Channel, Error> {
        let request = self.empty(Method::Get, path(channel, ""));
        self.read(to, &request, "ast/channels", DEFAULT_TIMEOUT)
            .await
    }

    /// Creates a channel without dialing it. One that exists with this id is
    /// success: Asterisk is asked after a 409, because a connection that has seen
    /// one duplicate answers 409 to whatever it cannot allocate afterwards.
    ///
    /// A **repetition** belongs to the Asterisk that was asked first
    /// ([`AsteriskTarget::One`]): of a group, another one may answer and create a
    /// second channel. Dial only after its StasisStart, and once it is in a bridge.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 500 when the endpoint cannot be allocated.
    pub async fn create(
        &self,
        to: &AsteriskTarget,
        body: &CreateChannel,
    ) -> Result<Channel, Error> {
        let request = self.json(Method::Post, "/ari/channels/create".to_owned(), body);
        match self
            .read(to, &request, "ast/channels", DEFAULT_TIMEOUT)
            .await
        {
            Err(Error::Refused { status: 409, .. }) => {
                let failed = Error::Refused {
                    status: 500,
                    message: "Allocation failed".to_owned(),
                };
                self.existing(to, &body.channel_id, failed).await
            }
            outcome => outcome,
        }
    }

    /// Creates a channel that listens to another, or speaks into it. One that
    /// exists with this id is success. Wait for its StasisStart before using it.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn snoop(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        body: &Snoop,
    ) -> Result<Channel, Error> {
        let request = self.json(Method::Post, path(channel, "/snoop"), body);
        match self
            .read(to, &request, "ast/channels/snoop", DEFAULT_TIMEOUT)
            .await
        {
            // An id that exists is answered with 500, like every other failure.
            Err(
                refused @ Error::Refused {
                    status: 409 | 500, ..
                },
            ) => self.existing(to, &body.snoop_id, refused).await,
            outcome => outcome,
        }
    }

    /// Creates a channel of external media. One that exists with this id is
    /// success. Wait for its StasisStart before using it.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn external_media(
        &self,
        to: &AsteriskTarget,
        body: &ExternalMedia,
    ) -> Result<Channel, Error> {
        let request = self.json(Method::Post, "/ari/channels/externalMedia".to_owned(), body);
        match self
            .read(to, &request, "ast/channels/externalmedia", MEDIA_TIMEOUT)
            .await
        {
            Err(
                refused @ Error::Refused {
                    status: 409 | 500, ..
                },
            ) => self.existing(to, &body.channel_id, refused).await,
            outcome => outcome,
        }
    }

    /// The channel that exists already; `refused` when there is none.
    async fn existing(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        refused: Error,
    ) -> Result<Channel, Error> {
        match self.get(to, channel).await {
            Err(Error::Gone { .. }) => Err(refused),
            outcome => outcome,
        }
    }

    /// Dials a created channel.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 409 before its StasisStart, and once it is
    /// dialed; see [`Error`].
    pub async fn dial(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        body: &Dial,
    ) -> Result<(), Error> {
        let request = self.json(Method::Post, path(channel, "/dial"), body);
        self.done(to, &request, "ast/channels/dial").await
    }

    /// Answers.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn answer(&self, to: &AsteriskTarget, channel: &ChannelId) -> Result<(), Error> {
        let request = self.bare(Method::Post, path(channel, "/answer"));
        self.done(to, &request, "ast/channels/answer").await
    }

    /// Rings towards a caller.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn ring(&self, to: &AsteriskTarget, channel: &ChannelId) -> Result<(), Error> {
        let request = self.empty(Method::Post, path(channel, "/ring"));
        // Compat: the tag is the reference's (chapter 01 §9.1, "sic").
        self.done(to, &request, "ast/channels/externalmedia").await
    }

    /// Leaves the application for the dialplan.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn continue_(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        body: &Continue,
    ) -> Result<(), Error> {
        let request = self.json(Method::Post, path(channel, "/continue"), body);
        self.done(to, &request, "ast/channels/continue").await
    }

    /// Hangs up with a number of [`crate::cause`]. A channel that is gone is
    /// success.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn hangup(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        cause: i64,
    ) -> Result<(), Error> {
        let body = Hangup {
            reason_code: cause.to_string(),
        };
        let request = self.json(Method::Delete, path(channel, ""), &body);
        gone_is_success(self.done(to, &request, "ast/channels/hangup").await)
    }

    /// The value of a channel variable or function, such as
    /// `CHANNEL(pjsip,call-id)`.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] also when the variable is not set; see [`Error`].
    pub async fn variable_get(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        variable: &str,
    ) -> Result<String, Error> {
        let path = format!(
            "{}?variable={}",
            path(channel, "/variable"),
            escaped(variable)
        );
        let request = self.empty(Method::Get, path);
        let answer: Variable = self
            .read(to, &request, "ast/channels/var", DEFAULT_TIMEOUT)
            .await?;
        Ok(answer.value)
    }

    /// Sets a channel variable.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn variable_set(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        variable: &str,
        value: &str,
    ) -> Result<(), Error> {
        let request = self.json(
            Method::Post,
            path(channel, "/variable"),
            &SetVariable { variable, value },
        );
        self.done(to, &request, "ast/channels/var").await
    }

    /// Sends digits; they wait behind a playback of the channel.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn dtmf(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        body: &Dtmf,
    ) -> Result<(), Error> {
        let request = self.json(Method::Post, path(channel, "/dtmf"), body);
        // Compat: the tag is the reference's (chapter 01 §9.1, "sic").
        self.done(to, &request, "ast/channels/hangup").await
    }

    /// Puts on hold, or takes from it.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn hold(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        on: bool,
    ) -> Result<(), Error> {
        let request = self.bare(switch(on), path(channel, "/hold"));
        self.done(to, &request, "ast/channels/hold").await
    }

    /// Starts or stops music on hold.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn moh(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        on: bool,
    ) -> Result<(), Error> {
        let request = self.bare(switch(on), path(channel, "/moh"));
        self.done(to, &request, "ast/channels/moh").await
    }

    /// Starts or stops playing silence.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn silence(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        on: bool,
    ) -> Result<(), Error> {
        let request = self.bare(switch(on), path(channel, "/silence"));
        self.done(to, &request, "ast/channels/silence").await
    }

    /// Mutes or unmutes one direction or both; `direction` must not be empty.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn mute(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        direction: &MuteDirection,
        on: bool,
    ) -> Result<(), Error> {
        let request = self.json(switch(on), path(channel, "/mute"), &Mute { direction });
        self.done(to, &request, "ast/channels/mute").await
    }
}
