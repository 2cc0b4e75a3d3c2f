//! `trunkline campaign import`: people out of a file onto a campaign's list.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use crate::api::below;
use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::import;
use crate::name::{self, CAMPAIGN, OUTDIAL};
use crate::output::plain;

/// Which campaign, and which file.
#[derive(Debug, Args)]
pub struct Import {
    /// The campaign's id, or its name if only one has it
    #[arg(value_name = "ID|NAME")]
    which: String,

    #[command(flatten)]
    import: import::FromFile,
}

pub(super) async fn import(cx: &Context, asked: &Import) -> Result<ExitCode, Error> {
    if asked.import.dry_run {
        return import::dry_run(cx, &asked.import);
    }
    let campaign = name::row(&cx.api, &CAMPAIGN, &asked.which).await?;
    let id = plain(&campaign["id"]);
    let list = plain(&campaign["outdial_id"]);
    let has_list = Uuid::try_parse(&list).is_ok_and(|list| !list.is_nil());
    let list = if has_list {
        list
    } else {
        made_list(cx, &id, &plain(&campaign["name"])).await?
    };
    let next = match plain(&campaign["status"]).as_str() {
        "run" => format!("trunkline campaign watch {id}"),
        _ => format!("trunkline campaign run {id}"),
    };
    import::import(cx, &asked.import, &list, &next).await
}

/// A list for a campaign that has none.
async fn made_list(cx: &Context, campaign: &str, name: &str) -> Result<String, Error> {
    let body = Body::default().set("name", name).json();
    let list = plain(&cx.api.create(OUTDIAL.path, &body).await?["id"]);
    let path = format!("{}/resource_info", below(CAMPAIGN.path, campaign));
    cx.api.put(&path, &json!({"outdial_id": list})).await?;
    cx.out
        .say(&format!("the campaign had no list; it has {list} now"));
    Ok(list)
}
