//! Why there is no connection to an Asterisk, and what to do about it.

/// Told to people: in the log, and by the doctor. `url` is the configured one,
/// which holds no account; `cause` and `what` say what was seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Nobody there, or nobody who answers.
    #[error("Asterisk at {url} does not answer ARI: {cause}; start it or change asterisk.url")]
    NoAnswer { url: String, cause: String },
    /// 401 or 403.
    #[error(
        "ARI at {url} refuses the account (status {status}): check ari.conf of that Asterisk, and asterisk.account or TRUNKLINE_ARI_ACCOUNT"
    )]
    Account { url: String, status: u16 },
    /// Something answers, and it is not ARI.
    #[error(
        "{url} does not answer as ARI does ({what}): set enabled=yes in http.conf and ari.conf and load the modules res_ari*, or change asterisk.url"
    )]
    NoAri { url: String, what: String },
    /// The websocket broke.
    #[error("the websocket to Asterisk at {url} is lost: {cause}")]
    Lost { url: String, cause: String },
    /// Not even pings are answered.
    #[error("Asterisk at {url} was silent for {ms} ms")]
    Silent { url: String, ms: u128 },
    /// Another websocket of the same application.
    #[error(
        "another program took over the application `{application}` at {url}: stop it, or give one of the two another asterisk.application"
    )]
    Replaced { url: String, application: String },
    /// Two configured URLs, one Asterisk.
    #[error(
        "{url} and {other} are the same Asterisk, or two with the same entityid ({id}): remove one, or set entityid in its asterisk.conf"
    )]
    Same {
        url: String,
        other: String,
        id: String,
    },
    /// Its queue cannot be served.
    #[error("the queue of Asterisk at {url} cannot be served: {cause}")]
    Queue { url: String, cause: String },
}

impl LinkError {
    /// What a status other than 200 means.
    pub(crate) fn of_status(url: &str, status: u16) -> Self {
        let url = url.to_owned();
        match status {
            401 | 403 => Self::Account { url, status },
            _ => Self::NoAri {
                url,
                what: format!("status {status}"),
            },
        }
    }
}
