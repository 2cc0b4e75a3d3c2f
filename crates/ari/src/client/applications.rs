//! Operations on Stasis applications.

use serde::Serialize;
use trunkline_bus::Method;
use trunkline_model::id::ChannelId;

use super::{AriClient, escaped};
use crate::error::Error;
use crate::target::AsteriskTarget;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    event_source: String,
}

impl AriClient {
    /// Has an application told of everything about a channel until it is gone. Without
    /// that an application hears of a channel that it did not create, such as an
    /// incoming one, until it leaves Stasis, and never of its end (seen on Asterisk
    /// 22.10.1 with `subscribeAll=false`). Asking again changes nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when there is no such channel, or no such application any
    /// more; see [`Error`].
    pub async fn follow_channel(
        &self,
        to: &AsteriskTarget,
        application: &str,
        channel: &ChannelId,
    ) -> Result<(), Error> {
        let body = Subscription {
            event_source: format!("channel:{channel}"),
        };
        let path = format!("/ari/applications/{}/subscription", escaped(application));
        let request = self.json(Method::Post, path, &body);
        match self.done(to, &request, "ast/applications").await {
            // "Event source does not exist".
            Err(Error::Refused {
                status: 422,
                message,
            }) => Err(Error::Gone { message }),
            outcome => outcome,
        }
    }
}
