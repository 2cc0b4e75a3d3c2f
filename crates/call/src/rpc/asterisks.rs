//! The Asterisks that are known: Trunkline's own resource.

use std::sync::Arc;

use trunkline_bus::{Refusal, Reply, Routed};

use crate::Role;

pub(crate) async fn list(role: Arc<Role>, _: Routed) -> Result<Reply, Refusal> {
    std::future::ready(Ok(Reply::json(&role.asterisks.list()))).await
}
