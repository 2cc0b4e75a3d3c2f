//! What is known of an Asterisk, for health checks and the doctor.

use trunkline_model::id::AsteriskId;

/// One Asterisk's state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Where it is; holds no account.
    pub url: String,
    /// Whether its events arrive and it answers requests.
    pub connected: bool,
    /// Its id, once it was reached; kept while it is away.
    pub asterisk_id: Option<AsteriskId>,
    /// Its version, such as `22.10.1`, once it was reached.
    pub version: Option<String>,
    /// Why it is not connected, and what to do.
    pub last_error: Option<String>,
}
