//! `webhook_send`: sends a text to a server of the customer. Soft.
//!
//! The flow goes on at once: what is to be sent is written with the walk and
//! delivered by webhook-manager, whether `sync` is set or not.

use serde::Deserialize;
use trunkline_model::Action;

use super::super::failure::Failure;
use super::super::machine::Machine;
use super::{Turn, http_method, is_http, option};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    uri: String,
    method: String,
    data_type: String,
    data: String,
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    pub uri: String,
    pub method: &'static str,
    pub data_type: String,
    pub data: String,
    /// Which of the activeflow's moves led to it: tells it from its others.
    pub at: i64,
}

pub(super) fn run(machine: &mut Machine, action: &Action) -> Result<Turn, Failure> {
    let options: Options = option(action)?;
    let wrong = |why: &str| Failure::Option(why.to_owned());
    if !is_http(&options.uri) {
        return Err(wrong("`uri` is not an http or https address"));
    }
    let method =
        http_method(&options.method).ok_or_else(|| wrong("`method` is no method of HTTP"))?;
    machine.sendings.push(Sending {
        uri: options.uri,
        method,
        data_type: options.data_type,
        data: options.data,
        at: machine.activeflow.execute_count,
    });
    Ok(Turn::Next)
}
