//! Looking at an Asterisk's AMI without a proxy, for `trunkline doctor`.

use crate::ami::{Ami, Fields};
use crate::config::Config;

/// Logs in and asks for a sign of life; none where no AMI is configured.
///
/// # Errors
///
/// Why there is none, without the password.
pub async fn ami(config: &Config) -> Option<Result<(), String>> {
    let ami = Ami::new(config)?;
    let ping: Fields = [("Action".to_owned(), "Ping".to_owned())].into();
    let answer = ami.act(&ping).await;
    Some(answer.map(drop).map_err(|error| error.to_string()))
}
