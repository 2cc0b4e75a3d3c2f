//! Requests to the proxy itself (chapter 01 §8.4).

use std::time::Duration;

use serde::Serialize;
use trunkline_bus::Method;

use super::AriClient;
use crate::error::Error;
use crate::target::AsteriskTarget;

/// Time-out of a move.
const MOVE_TIMEOUT: Duration = Duration::from_secs(30);

impl AriClient {
    /// Moves files of finished recordings from an Asterisk to the media folder.
    /// Asking again is harmless: what was moved already counts as moved.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when a file is on neither side, such as before its recording
    /// has finished; see [`Error`]. Files that come before it stay moved.
    pub async fn recording_file_move(
        &self,
        to: &AsteriskTarget,
        filenames: &[String],
    ) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Body<'a> {
            filenames: &'a [String],
        }
        let path = "/proxy/recording_file_move".to_owned();
        let request = self.json(Method::Post, path, &Body { filenames });
        let tag = "ast/proxy/recording_file_move";
        self.done_within(to, &request, tag, MOVE_TIMEOUT).await
    }
}
