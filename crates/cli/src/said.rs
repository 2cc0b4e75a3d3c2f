//! What is said to people: a flow that is there, by id or name, a file with its
//! actions, or a sentence.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, FLOW};
use crate::output::plain;

/// What happens when somebody answers.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Said {
    /// A flow: its id, its name, or a file
    #[arg(long, value_name = "ID|NAME|FILE", conflicts_with = "say")]
    flow: Option<String>,

    /// A sentence that is spoken
    #[arg(long, value_name = "TEXT")]
    say: Option<String>,

    /// Language of the sentence
    #[arg(
        long,
        value_name = "LANGUAGE",
        default_value = "en-US",
        requires = "say"
    )]
    language: String,
}

impl Said {
    /// The id of the flow that is named, or of one that is made.
    pub(crate) async fn flow(&self, cx: &Context) -> Result<String, Error> {
        let (title, actions) = match self.given()? {
            Some(given) => given,
            None => return name::id(&cx.api, &FLOW, self.named()).await,
        };
        // Of use for this once: flow-manager takes it away after a day.
        let body = Body::default()
            .set("name", title)
            .set("actions", actions)
            .set("persist", false);
        let flow = cx.api.create(FLOW.path, &body.json()).await?;
        Ok(plain(&flow["id"]))
    }

    /// The actions themselves.
    pub(crate) async fn actions(&self, cx: &Context) -> Result<Value, Error> {
        match self.given()? {
            Some((_, actions)) => Ok(actions),
            None => {
                let flow = name::row(&cx.api, &FLOW, self.named()).await?;
                Ok(flow["actions"].clone())
            }
        }
    }

    fn named(&self) -> &str {
        self.flow.as_deref().unwrap_or_default()
    }

    /// Name and actions, of a sentence or of a file.
    fn given(&self) -> Result<Option<(String, Value)>, Error> {
        if let Some(text) = &self.say {
            let actions = json!([
                {"type": "talk", "option": {"text": text, "language": self.language}},
                {"type": "hangup"},
            ]);
            return Ok(Some(("spoken".to_owned(), actions)));
        }
        let path = Path::new(self.named());
        if !is_file(path) {
            return Ok(None);
        }
        let title = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Some((title.into_owned(), actions_in(path)?)))
    }
}

/// Whether a file is meant rather than a name.
fn is_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    path.is_file() || matches!(ending, Some("json" | "yaml" | "yml"))
}

/// The actions in a file: a list of actions, or an object with `actions`.
fn actions_in(path: &Path) -> Result<Value, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        act: "read",
        path: path.to_owned(),
        source,
    })?;
    let wrong = |why: &str| {
        Error::usage(format!("`{}` is no flow: {why}", path.display()))
            .then("`trunkline flow check FILE` says more")
    };
    let mut read: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let actions = match read.get_mut("actions") {
        Some(actions) => actions.take(),
        None => read,
    };
    if !actions.is_array() {
        return Err(wrong("it has no list of actions"));
    }
    Ok(actions)
}
