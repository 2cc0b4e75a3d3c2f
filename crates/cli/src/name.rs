//! Names instead of ids: what is typed is an id, or the name of exactly one row.

use serde_json::Value;
use uuid::Uuid;

use crate::api::{Api, below};
use crate::error::Error;

/// A kind of thing that has rows under one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noun {
    /// In sentences and as the command: `campaign`.
    pub(crate) one: &'static str,
    pub(crate) path: &'static str,
    /// The field that people know it by; empty if only by its id.
    pub(crate) name: &'static str,
    /// Whether the API finds it by that field.
    pub(crate) filter: bool,
}

impl Noun {
    const fn named(one: &'static str, path: &'static str, filter: bool) -> Self {
        Self {
            one,
            path,
            name: "name",
            filter,
        }
    }

    const fn unnamed(one: &'static str, path: &'static str) -> Self {
        Self {
            name: "",
            ..Self::named(one, path, false)
        }
    }
}

pub(crate) const CALL: Noun = Noun::unnamed("call", "/v1/calls");
pub(crate) const CAMPAIGN: Noun = Noun::named("campaign", "/v1/campaigns", true);
pub(crate) const FLOW: Noun = Noun::named("flow", "/v1/flows", true);
pub(crate) const NUMBER: Noun = Noun {
    name: "number",
    ..Noun::named("number", "/v1/numbers", true)
};
pub(crate) const OUTBOUND_CONFIG: Noun =
    Noun::named("outbound-config", "/v1/outbound_configs", false);
pub(crate) const OUTDIAL: Noun = Noun::named("outdial", "/v1/outdials", true);
pub(crate) const OUTPLAN: Noun = Noun::named("outplan", "/v1/outplans", true);
pub(crate) const PHONE: Noun = Noun {
    name: "extension",
    ..Noun::named("phone", "/v1/phones", true)
};
pub(crate) const PROVIDER: Noun = Noun::named("provider", "/v1/providers", false);
pub(crate) const RECORDING: Noun = Noun::unnamed("recording", "/v1/recordings");
pub(crate) const ROUTE: Noun = Noun::named("route", "/v1/routes", false);
pub(crate) const TARGET: Noun = Noun::unnamed("target", "/v1/outdialtargets");
pub(crate) const TOKEN: Noun = Noun::named("token", "/v1/tokens", false);
pub(crate) const TRUNK: Noun = Noun::named("trunk", "/v1/trunks", true);

/// The id of the row that is meant.
///
/// # Errors
///
/// When no row or more than one has the name.
pub(crate) async fn id(api: &Api, noun: &Noun, text: &str) -> Result<String, Error> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(id.to_string());
    }
    let row = by_name(api, noun, text).await?;
    Ok(row["id"].as_str().unwrap_or_default().to_owned())
}

/// The id of the row that is meant, if one is.
pub(crate) async fn optional_id(
    api: &Api,
    noun: &Noun,
    text: Option<&String>,
) -> Result<Option<String>, Error> {
    match text {
        Some(text) => id(api, noun, text).await.map(Some),
        None => Ok(None),
    }
}

/// The row that is meant.
///
/// # Errors
///
/// When no row or more than one has the name.
pub(crate) async fn row(api: &Api, noun: &Noun, text: &str) -> Result<Value, Error> {
    match Uuid::try_parse(text) {
        Ok(id) => api.get(&below(noun.path, &id.to_string())).await,
        Err(_) => by_name(api, noun, text).await,
    }
}

async fn by_name(api: &Api, noun: &Noun, text: &str) -> Result<Value, Error> {
    let one = noun.one;
    if noun.name.is_empty() {
        return Err(Error::usage(format!("`{text}` is no id of a {one}"))
            .then(format!("`trunkline {one} list` shows the ids")));
    }
    let query: &[(&str, &str)] = if noun.filter {
        &[(noun.name, text)]
    } else {
        &[]
    };
    let found = api.list(noun.path, query, 0).await?;
    let mut rows: Vec<Value> = found
        .rows
        .into_iter()
        .filter(|row| row[noun.name].as_str() == Some(text))
        .collect();
    match rows.len() {
        0 => Err(
            Error::failed(format!("there is no {one} with the {} `{text}`", noun.name))
                .then(format!("`trunkline {one} list` shows what there is")),
        ),
        1 => Ok(rows.remove(0)),
        many => {
            let ids: Vec<&str> = rows
                .iter()
                .filter_map(|row| row["id"].as_str())
                .take(5)
                .collect();
            let field = noun.name;
            Err(
                Error::usage(format!("{many} rows have the {field} `{text}`"))
                    .then(format!("give one of their ids: {}", ids.join(", "))),
            )
        }
    }
}
