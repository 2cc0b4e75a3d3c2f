//! Names instead of ids: what is typed is an id, or the name of exactly one row.

use serde_json::Value;
use uuid::Uuid;

use crate::api::{Api, below, with_query};
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
}

pub(crate) const CAMPAIGN: Noun = Noun::named("campaign", "/v1/campaigns", true);

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
    let found = api.list(&with_query(noun.path, &[]), query, 0).await?;
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
