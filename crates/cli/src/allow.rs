//! `trunkline allow` and `trunkline outbound-config`: which countries may be
//! called. Without a config nobody can be called.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::below;
use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::name::OUTBOUND_CONFIG;
use crate::output::{Column, plain};
use crate::rows::{self, Limit, Which};

const COLUMNS: &[Column] = &[
    Column::text("ID", "/id"),
    Column::text("NAME", "/name"),
    Column::text("COUNTRIES", "/destination_whitelist"),
    Column::text("CODECS", "/codecs"),
];

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows or changes the countries that may be called
    ///
    /// Calls to a country that is not in the list are refused before anything is
    /// dialed. Without countries it shows the list.
    #[command(after_long_help = "\
Examples:
  trunkline allow countries            # shows the list
  trunkline allow countries de at ch   # adds to it
  trunkline allow countries --remove ch
  trunkline allow countries --only de  # replaces it")]
    Countries(Countries),
}

/// What becomes of the list.
#[derive(Debug, Args)]
pub struct Countries {
    /// Two letters of each country (ISO 3166), such as de
    #[arg(value_name = "COUNTRY")]
    countries: Vec<String>,

    /// Takes these away
    #[arg(long, requires = "countries", conflicts_with = "only")]
    remove: bool,

    /// Only these from now on
    #[arg(long, requires = "countries")]
    only: bool,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<ExitCode, Error> {
    let Command::Countries(asked) = command;
    let found = cx.api.list(OUTBOUND_CONFIG.path, &[], 1).await?;
    let config = found.rows.into_iter().next();
    let before = config.as_ref().map(countries_of).unwrap_or_default();
    if asked.countries.is_empty() {
        let row = config.unwrap_or_else(|| json!({"destination_whitelist": []}));
        return told(cx, &row);
    }
    let after = changed(before, &asked);
    let body = Body::default().set("destination_whitelist", after);
    let row = match &config {
        Some(config) => {
            let path = below(OUTBOUND_CONFIG.path, &plain(&config["id"]));
            cx.api.put(&path, &body.json()).await?
        }
        None => {
            let body = body.set("name", "allowed").json();
            cx.api.create(OUTBOUND_CONFIG.path, &body).await?
        }
    };
    told(cx, &row)
}

fn told(cx: &Context, row: &Value) -> Result<ExitCode, Error> {
    let countries = countries_of(row);
    let sentence = if countries.is_empty() {
        "No country may be called; allow one with: trunkline allow countries de".to_owned()
    } else {
        format!("May be called: {}", countries.join(", "))
    };
    cx.out.done(row, &sentence)?;
    Ok(ExitCode::SUCCESS)
}

fn countries_of(config: &Value) -> Vec<String> {
    let list = config["destination_whitelist"].as_array();
    list.into_iter().flatten().map(plain).collect()
}

fn changed(before: Vec<String>, asked: &Countries) -> Vec<String> {
    let named: Vec<String> = asked
        .countries
        .iter()
        .flat_map(|text| text.split(','))
        .map(|code| code.trim().to_lowercase())
        .filter(|code| !code.is_empty())
        .collect();
    let mut list = if asked.only { Vec::new() } else { before };
    if asked.remove {
        list.retain(|code| !named.contains(code));
        return list;
    }
    for code in named {
        if !list.contains(&code) {
            list.push(code);
        }
    }
    list
}

/// The rows themselves.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Makes the customer's config; `trunkline allow countries` does it too
    #[command(after_long_help = "Example: trunkline outbound-config create --countries de,at")]
    Create(Fields),
    /// Changes it
    #[command(
        after_long_help = "Example: trunkline outbound-config change allowed --codecs PCMA,PCMU"
    )]
    Change {
        #[command(flatten)]
        which: Which,

        #[command(flatten)]
        fields: Fields,
    },
    /// Lists configs; a customer has one
    #[command(after_long_help = "Example: trunkline outbound-config list")]
    List(Limit),
    /// Shows it
    #[command(after_long_help = "Example: trunkline outbound-config get allowed")]
    Get(Which),
    /// Deletes it: nobody can be called then
    #[command(after_long_help = "Example: trunkline outbound-config delete allowed")]
    Delete(Which),
}

/// What can be said of a config.
#[derive(Debug, Args)]
pub struct Fields {
    #[arg(long)]
    name: Option<String>,

    #[arg(long, value_name = "TEXT")]
    detail: Option<String>,

    /// Countries that may be called
    #[arg(long, value_name = "COUNTRY,COUNTRY", value_delimiter = ',')]
    countries: Option<Vec<String>>,

    /// Codecs of outgoing calls, the preferred one first
    #[arg(long, value_name = "CODEC,CODEC")]
    codecs: Option<String>,
}

impl Fields {
    fn body(self) -> Body {
        Body::default()
            .with("name", self.name)
            .with("detail", self.detail)
            .with("destination_whitelist", self.countries)
            .with("codecs", self.codecs)
    }
}

pub(crate) async fn run_config(cx: &Context, command: ConfigCommand) -> Result<ExitCode, Error> {
    let noun = &OUTBOUND_CONFIG;
    match command {
        ConfigCommand::Create(fields) => rows::create(cx, noun, fields.body()).await,
        ConfigCommand::Change { which, fields } => {
            rows::change(cx, noun, &which, fields.body()).await
        }
        ConfigCommand::List(limit) => rows::list(cx, noun, &[], limit, COLUMNS).await,
        ConfigCommand::Get(which) => rows::get(cx, noun, &which).await,
        ConfigCommand::Delete(which) => rows::delete(cx, noun, &which).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_added_taken_away_and_replaced() {
        let asked = |countries: &[&str], remove, only| Countries {
            countries: countries.iter().map(|code| (*code).to_owned()).collect(),
            remove,
            only,
        };
        let before = || vec!["de".to_owned(), "at".to_owned()];
        let cases: [(Countries, &[&str]); 4] = [
            (asked(&["CH", "de"], false, false), &["de", "at", "ch"]),
            (asked(&["at,ch"], true, false), &["de"]),
            (asked(&["fr"], false, true), &["fr"]),
            (asked(&["fr,", " es"], false, true), &["fr", "es"]),
        ];
        for (asked, expected) in cases {
            assert_eq!(changed(before(), &asked), expected, "{asked:?}");
        }
    }
}
