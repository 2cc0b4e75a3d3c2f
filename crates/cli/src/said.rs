//! What is said to people: a flow that is there, by id or name, a file with its
//! actions, or a sentence.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::flow;
use crate::name::{self, FLOW};
use crate::output::{Out, plain};

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
        let (title, actions) = match self.given(&cx.out)? {
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
        match self.given(&cx.out)? {
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
    fn given(&self, out: &Out) -> Result<Option<(String, Value)>, Error> {
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
        flow::actions_of(out, path).map(Some)
    }
}

/// Whether a file is meant rather than a name.
fn is_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    path.is_file() || matches!(ending, Some("json" | "yaml" | "yml"))
}
