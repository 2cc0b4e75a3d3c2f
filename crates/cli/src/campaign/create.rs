//! Making a campaign with what it needs: a list, a plan, what to say, a pace.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::PaceRules;
use crate::api::below;
use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::name::{self, CAMPAIGN, Noun, OUTDIAL, OUTPLAN};
use crate::outplan::Dials;
use crate::output::plain;
use crate::said::Said;

/// A campaign to make.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name, and that of the list and the plan that are made for it
    #[arg(long)]
    name: String,

    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,

    #[command(flatten)]
    said: Said,

    /// The list of people; without it an empty one is made
    #[arg(long, value_name = "ID|NAME")]
    outdial: Option<String>,

    /// The plan; without it one is made of the options below
    #[arg(long, value_name = "ID|NAME", conflicts_with_all = ["from", "dial_timeout", "try_interval", "tries"])]
    outplan: Option<String>,

    #[command(flatten)]
    dials: Dials,

    #[command(flatten)]
    rules: PaceRules,

    /// What happens when nobody is left: it stops, or waits for more people
    #[arg(long, value_parser = ["stop", "continue"], default_value = "stop")]
    end: String,

    /// What an attempt is: a call to somebody, or only the flow
    #[arg(long = "type", value_parser = ["call", "flow"], default_value = "call")]
    kind: String,

    /// The queue whose free agents say how many are called; those who answer join it
    #[arg(long, value_name = "ID")]
    queue: Option<String>,

    /// Calls for a hundred free agents of the queue
    #[arg(long, value_name = "PERCENT", default_value_t = 100)]
    service_level: u32,

    /// The campaign that starts when this one has come to its end
    #[arg(long, value_name = "ID|NAME")]
    next_campaign: Option<String>,
}

/// What was made on the way, to be taken away when the rest is refused.
struct Made<'a> {
    cx: &'a Context,
    rows: Vec<(Noun, String)>,
}

pub(super) async fn create(cx: &Context, asked: Create) -> Result<ExitCode, Error> {
    let actions = asked.said.actions(cx).await?;
    if asked.outplan.is_none() && asked.dials.from.is_none() {
        return Err(Error::usage("it is not said which number calls").then(
            "give one of yours with --from (`trunkline number list`), or a plan with --outplan",
        ));
    }
    let mut made = Made {
        cx,
        rows: Vec::new(),
    };
    match made.all(asked, actions).await {
        Ok(row) => {
            cx.out.done(&row, &plain(&row["id"]))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            made.take_away().await;
            Err(error)
        }
    }
}

impl Made<'_> {
    async fn all(&mut self, asked: Create, actions: Value) -> Result<Value, Error> {
        let cx = self.cx;
        let outdial = match &asked.outdial {
            Some(outdial) => name::id(&cx.api, &OUTDIAL, outdial).await?,
            None => {
                self.row(OUTDIAL, Body::default().set("name", asked.name.as_str()))
                    .await?
            }
        };
        let outplan = match &asked.outplan {
            Some(outplan) => name::id(&cx.api, &OUTPLAN, outplan).await?,
            None => {
                let body = Body::default().set("name", asked.name.as_str());
                let body = asked.dials.with_defaults().into_body(body)?;
                self.row(OUTPLAN, body).await?
            }
        };
        let next = match &asked.next_campaign {
            Some(next) => Some(name::id(&cx.api, &CAMPAIGN, next).await?),
            None => None,
        };
        let body = Body::default()
            .set("type", asked.kind)
            .set("name", asked.name)
            .with("detail", asked.detail)
            .set("end_handle", asked.end)
            .set("outdial_id", outdial)
            .set("outplan_id", outplan)
            .set("actions", actions)
            .with("queue_id", asked.queue)
            .set("service_level", asked.service_level)
            .with("next_campaign_id", next);
        let row = cx.api.create(CAMPAIGN.path, &body.json()).await?;
        let id = plain(&row["id"]);
        self.rows.push((CAMPAIGN, id.clone()));
        let rules = asked.rules.body();
        if !rules.is_empty() {
            let path = format!("{}/rules", below(CAMPAIGN.path, &id));
            cx.api.put(&path, &rules.json()).await?;
        }
        Ok(row)
    }

    async fn row(&mut self, noun: Noun, body: Body) -> Result<String, Error> {
        let row = self.cx.api.create(noun.path, &body.json()).await?;
        let id = plain(&row["id"]);
        self.rows.push((noun, id.clone()));
        Ok(id)
    }

    async fn take_away(&mut self) {
        while let Some((noun, id)) = self.rows.pop() {
            if self.cx.api.delete(&below(noun.path, &id)).await.is_err() {
                self.cx
                    .out
                    .say(&format!("the {} {id} was made and stays", noun.one));
            }
        }
    }
}
