//! `trunkline token create --data-dir`: a token without a server, for the gateway whose
//! first start made none.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde_json::json;
use trunkline_cli::{InFolder, Out, show_token};
use trunkline_model::id::CustomerId;
use trunkline_node::{Config, Environment, Flags, token};

/// Makes it and shows its text.
///
/// # Errors
///
/// When the folder is in use or holds no database, or the customer is no id.
pub(crate) async fn make(wish: InFolder, out: &Out) -> Result<ExitCode> {
    let customer: CustomerId = wish
        .customer
        .parse()
        .context("--customer is not the id of a customer")?;
    let flags = Flags {
        data_dir: Some(wish.data_dir),
        ..Flags::default()
    };
    let config = Config::load(&flags, &Environment::of_process())?;
    let text = token::make(&config, customer, &wish.name)
        .await
        .context("cannot make a token in that data folder; its gateway must not run meanwhile")?;
    let row = json!({"name": wish.name, "customer_id": customer, "token": text});
    Ok(show_token(out, &row)?)
}
