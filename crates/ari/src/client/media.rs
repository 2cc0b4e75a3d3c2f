//! Playing and recording, on channels and on bridges.

use std::time::Duration;

use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Request};
use trunkline_model::id::{BridgeId, ChannelId, PlaybackId};

use super::{AriClient, MEDIA_TIMEOUT, bridges, escaped};
use crate::error::Error;
use crate::request::{Play, Record};
use crate::resource::{LiveRecording, Playback};
use crate::target::AsteriskTarget;

impl AriClient {
    /// Plays on a channel. Not idempotent: see [`Play`].
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn play(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        body: &Play,
    ) -> Result<Playback, Error> {
        let path = format!("/ari/channels/{}/play", escaped(channel.as_str()));
        let request = self.json(Method::Post, path, body);
        self.read(to, &request, "ast/channels/play", MEDIA_TIMEOUT)
            .await
    }

    /// Plays on a bridge. Not idempotent: see [`Play`].
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn bridge_play(
        &self,
        to: &AsteriskTarget,
        bridge: &BridgeId,
        body: &Play,
    ) -> Result<Playback, Error> {
        let request = self.json(Method::Post, bridges::path(bridge, "/play"), body);
        self.read(to, &request, "ast/bridges/play", DEFAULT_TIMEOUT)
            .await
    }

    /// A playback that has not ended.
    ///
    /// # Errors
    ///
    /// See [`Error`]; gone once it has ended.
    pub async fn playback_get(
        &self,
        to: &AsteriskTarget,
        playback: &PlaybackId,
    ) -> Result<Playback, Error> {
        let path = format!("/ari/playbacks/{}", escaped(playback.as_str()));
        let request = self.empty(Method::Get, path);
        self.read(to, &request, "ast/playbacks", DEFAULT_TIMEOUT)
            .await
    }

    /// Stops a playback.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when it has ended by itself; see [`Error`].
    pub async fn playback_stop(
        &self,
        to: &AsteriskTarget,
        playback: &PlaybackId,
    ) -> Result<(), Error> {
        let path = format!("/ari/playbacks/{}", escaped(playback.as_str()));
        let request = self.empty(Method::Delete, path);
        self.done(to, &request, "ast/playbacks").await
    }

    /// Records a channel. A live recording of this name is success.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with status 409 when a file of this name exists; see
    /// [`Error`].
    pub async fn record(
        &self,
        to: &AsteriskTarget,
        channel: &ChannelId,
        body: &Record,
    ) -> Result<(), Error> {
        let path = format!("/ari/channels/{}/record", escaped(channel.as_str()));
        let request = self.json(Method::Post, path, body);
        self.start_recording(to, &request, body, "ast/channels/record", MEDIA_TIMEOUT)
            .await
    }

    /// Records a bridge. A live recording of this name is success. The events of
    /// it arrive twice.
    ///
    /// # Errors
    ///
    /// As [`AriClient::record`].
    pub async fn bridge_record(
        &self,
        to: &AsteriskTarget,
        bridge: &BridgeId,
        body: &Record,
    ) -> Result<(), Error> {
        let request = self.json(Method::Post, bridges::path(bridge, "/record"), body);
        self.start_recording(to, &request, body, "ast/bridges/record", DEFAULT_TIMEOUT)
            .await
    }

    async fn start_recording(
        &self,
        to: &AsteriskTarget,
        request: &Request,
        body: &Record,
        tag: &'static str,
        timeout: Duration,
    ) -> Result<(), Error> {
        let outcome = self.done_within(to, request, tag, timeout).await;
        let Err(Error::Refused { status: 409, .. }) = outcome else {
            return outcome;
        };
        match self.recording_get(to, &body.name).await {
            Ok(_) => Ok(()),
            // Not live: the name is a file's, or the channel cannot be recorded.
            Err(Error::Gone { .. }) => outcome,
            Err(error) => Err(error),
        }
    }

    /// A live recording.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when there is none; see [`Error`].
    pub async fn recording_get(
        &self,
        to: &AsteriskTarget,
        name: &str,
    ) -> Result<LiveRecording, Error> {
        let path = format!("/ari/recordings/live/{}", escaped(name));
        let request = self.empty(Method::Get, path);
        self.read(
            to,
            &request,
            "ast/recording/<recording_name>",
            DEFAULT_TIMEOUT,
        )
        .await
    }

    /// Stops a live recording and keeps its file.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when it has ended by itself; see [`Error`].
    pub async fn recording_stop(&self, to: &AsteriskTarget, name: &str) -> Result<(), Error> {
        let path = format!("/ari/recordings/live/{}/stop", escaped(name));
        let request = self.bare(Method::Post, path);
        self.done(to, &request, "ast/recording/<recording_name>/stop")
            .await
    }
}
