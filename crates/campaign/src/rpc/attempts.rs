//! The duties of an attempt, as the requests that they are. Internal: nobody
//! but this service sends them.

use std::sync::Arc;

use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_store::Error;

use super::Answer;
use crate::attempt::check::Settled;
use crate::error::come_again;
use crate::manager::CampaignManager;

pub(super) async fn check(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    answer(manager.check(routed.id(0)).await)
}

pub(super) async fn dial_timeout(manager: Arc<CampaignManager>, routed: Routed) -> Answer {
    answer(manager.dial_timeout(routed.id(0)).await)
}

/// A status of 500 or more sends the duty again.
fn answer(settled: Result<Settled, Error>) -> Answer {
    match settled {
        Ok(Settled::Yes) => Ok(Reply::Bare),
        Ok(Settled::ComeAgain) => Err(Refusal::bare(503)),
        Err(error) => Err(come_again(&error)),
    }
}
