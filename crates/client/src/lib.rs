//! Typed RPC clients, one per service: the requests of chapter 01 §9 that the
//! roles send to each other, with their time-outs and metric tags.
//!
//! A client says what crosses the wire and nothing about what it means.

pub mod agent;
pub mod billing;
pub mod call;
pub mod customer;
pub mod flow;
pub mod number;
pub mod outdial;
pub mod registrar;
pub mod route;
pub mod storage;
pub mod tts;

use trunkline_bus::envelope::JSON;
use trunkline_bus::{Method, Request, Rpc};

pub use agent::AgentClient;
pub use billing::BillingClient;
pub use call::CallClient;
pub use customer::CustomerClient;
pub use flow::FlowClient;
pub use number::NumberClient;
pub use outdial::OutdialClient;
pub use registrar::RegistrarClient;
pub use route::RouteClient;
pub use storage::StorageClient;
pub use trunkline_bus::RpcError as Error;
pub use tts::TtsClient;

/// A request without payload that names JSON as its content type all the same: some of
/// the reference's do (chapter 01 §9, "none (J)").
#[must_use]
pub fn empty(rpc: &Rpc, method: Method, uri: impl Into<String>) -> Request {
    Request {
        data_type: JSON.to_owned(),
        ..rpc.request(method, uri)
    }
}

#[cfg(test)]
mod tests;
