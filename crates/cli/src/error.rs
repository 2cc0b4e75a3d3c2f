//! Why a command did not do what it was asked for, which exit status that is,
//! and what to do next.

use std::path::PathBuf;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::next_step;

/// Exit status: refused or failed.
const FAILED: u8 = 1;

/// Exit status: the line is wrong, which clap says too.
const USAGE: u8 = 2;

/// Exit status: nobody answers.
const AWAY: u8 = 3;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was typed cannot be meant.
    #[error("{message}")]
    Usage { message: String, next: String },
    /// The API is not there.
    #[error("cannot reach the API at {base}")]
    Away {
        base: String,
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke after the request had left.
    #[error("the connection to {base} broke; the request may have been carried out")]
    Broken {
        base: String,
        #[source]
        source: reqwest::Error,
    },
    /// The API says no.
    #[error("{0}")]
    Refused(Refusal),
    /// Something else than Trunkline answers.
    #[error("what answers at {base} is no Trunkline: {detail}")]
    Strange { base: String, detail: String },
    /// A file of this machine.
    #[error("cannot {act} `{}`", path.display())]
    File {
        act: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Standard output or the terminal.
    #[error("cannot write what was asked for")]
    Output(#[source] std::io::Error),
    /// It was done, and did not come out well.
    #[error("{message}")]
    Failed { message: String, next: String },
}

/// What the API says when it says no.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    pub status: u16,
    /// Machine constant; empty if something before the API answered.
    pub code: String,
    pub message: String,
    /// The field or parameter that is wrong.
    pub field: String,
    /// Under which the server's log has it.
    pub request_id: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match (self.code.as_str(), self.field.as_str()) {
            ("", _) => Ok(()),
            (code, "") => write!(f, " [{code}]"),
            (code, field) => write!(f, " [{code}, field {field}]"),
        }
    }
}

impl Refusal {
    /// Reads the body of an answer that is no success.
    pub(crate) fn read(status: StatusCode, body: &str, request_id: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let part = |name: &str| {
            let part = body.pointer(&format!("/error/{name}"));
            part.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let message = match part("message") {
            none if none.is_empty() => format!("the API answered {status}"),
            message => message,
        };
        Self {
            status: status.as_u16(),
            code: part("code"),
            message,
            field: part("field"),
            request_id: request_id.to_owned(),
        }
    }
}

impl Error {
    /// What was typed cannot be meant.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            next: String::new(),
        }
    }

    /// It was done, and did not come out well.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            next: String::new(),
        }
    }

    /// The same with what to do.
    #[must_use]
    pub(crate) fn then(mut self, step: impl Into<String>) -> Self {
        if let Self::Usage { next, .. } | Self::Failed { next, .. } = &mut self {
            *next = step.into();
        }
        self
    }

    /// What the process ends with.
    #[must_use]
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::Usage { .. } => USAGE,
            Self::Away { .. } | Self::Broken { .. } => AWAY,
            Self::Refused(_)
            | Self::Strange { .. }
            | Self::File { .. }
            | Self::Output(_)
            | Self::Failed { .. } => FAILED,
        }
    }

    /// What to do; empty if nothing is known.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::Usage { next, .. } | Self::Failed { next, .. } => next.clone(),
            Self::Away { .. } => "does `trunkline serve` run there? --url or TRUNKLINE_URL names \
                                  another address; `trunkline doctor` looks for what is wrong"
                .to_owned(),
            Self::Broken { .. } => {
                "look at what is there before you repeat it (`list`, `get`)".to_owned()
            }
            Self::Refused(refusal) => next_step::after(refusal),
            Self::Strange { .. } => {
                "--url or TRUNKLINE_URL names the address of Trunkline's API".to_owned()
            }
            Self::File { path, .. } => format!("look at `{}` and its rights", path.display()),
            Self::Output(_) => String::new(),
        }
    }

    /// Under which other programs know it.
    fn code(&self) -> &str {
        match self {
            Self::Usage { .. } => "USAGE",
            Self::Away { .. } => "UNREACHABLE",
            Self::Broken { .. } => "CONNECTION_LOST",
            Self::Refused(refusal) => &refusal.code,
            Self::Strange { .. } => "NOT_TRUNKLINE",
            Self::File { .. } => "FILE",
            Self::Output(_) => "OUTPUT",
            Self::Failed { .. } => "FAILED",
        }
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({"code": self.code(), "message": self.to_string()});
        if let Self::Refused(refusal) = self {
            error["message"] = json!(refusal.message);
            error["status"] = json!(refusal.status);
            for (name, value) in [
                ("field", &refusal.field),
                ("request_id", &refusal.request_id),
            ] {
                if !value.is_empty() {
                    error[name] = json!(value);
                }
            }
        }
        let causes = self.causes();
        if !causes.is_empty() {
            error["because"] = json!(causes);
        }
        let next = self.next_step();
        if !next.is_empty() {
            error["next"] = json!(next);
        }
        json!({"error": error})
    }

    /// What lies under it, outermost first, each once.
    pub(crate) fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let text = error.to_string();
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            cause = error.source();
        }
        causes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_code_and_field_and_reads_what_is_no_json() {
        let body =
            r#"{"error":{"code":"INVALID_ARGUMENT","message":"`to` is wrong","field":"to"}}"#;
        let refusal = Refusal::read(StatusCode::BAD_REQUEST, body, "r1");
        assert_eq!(
            refusal.to_string(),
            "`to` is wrong [INVALID_ARGUMENT, field to]"
        );
        let error = Error::Refused(refusal).to_json();
        assert_eq!(error["error"]["field"], "to");
        assert_eq!(error["error"]["request_id"], "r1");

        let strange = Refusal::read(StatusCode::BAD_GATEWAY, "<html>", "");
        assert_eq!(strange.to_string(), "the API answered 502 Bad Gateway");
    }

    #[test]
    fn each_kind_has_its_exit_status() {
        let refused = Error::Refused(Refusal::default());
        let cases = [
            (Error::usage("x"), 2),
            (refused, 1),
            (Error::failed("x"), 1),
        ];
        for (error, status) in cases {
            assert_eq!(error.exit_status(), status, "{error:?}");
        }
        let next = Error::usage("x").then("do y").next_step();
        assert_eq!(next, "do y");
    }
}
