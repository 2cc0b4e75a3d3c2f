//! `trunkline limits`: how many calls a customer may make.

use std::process::ExitCode;

use clap::Args;

use crate::api::below;
use crate::body::Body;
use crate::context::Context;
use crate::error::Error;
use crate::output::plain;
use crate::settings::ApiArgs;

/// What to show or to set.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trunkline limits
  trunkline limits --concurrent 50 --calls-per-second 5   # operators; 0 is no limit")]
pub struct LimitsArgs {
    #[command(flatten)]
    pub(crate) api: ApiArgs,

    /// The customer whose they are; yours without it
    #[arg(long, value_name = "ID")]
    customer: Option<String>,

    /// Outgoing calls begun per second; 0 is no limit
    #[arg(long, value_name = "N")]
    calls_per_second: Option<i64>,

    /// Outgoing calls at the same time; 0 is no limit
    #[arg(long, value_name = "N")]
    concurrent: Option<i64>,
}

pub(crate) async fn run(cx: &Context, args: LimitsArgs) -> Result<ExitCode, Error> {
    let customer = match args.customer {
        Some(customer) => customer,
        None => own_customer(cx).await?,
    };
    let path = format!("{}/limits", below("/v1/customers", &customer));
    let body = Body::default()
        .with("calls_per_second", args.calls_per_second)
        .with("concurrent_calls", args.concurrent);
    let row = if body.is_empty() {
        cx.api.get(&path).await?
    } else {
        cx.api.put(&path, &body.json()).await?
    };
    cx.out.record(&row)?;
    Ok(ExitCode::SUCCESS)
}

/// Whose token this is: every row of the caller's says it, and one token there is.
async fn own_customer(cx: &Context) -> Result<String, Error> {
    let found = cx.api.list("/v1/tokens", &[], 1).await?;
    match found.rows.first().map(|row| plain(&row["customer_id"])) {
        Some(customer) if !customer.is_empty() => Ok(customer),
        _ => Err(Error::failed("the API does not tell whose token this is")
            .then("name the customer with --customer")),
    }
}
