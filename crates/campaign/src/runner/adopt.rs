//! Attempts that were live when the runner came and that nobody looks after:
//! another campaign-manager, the reference's, has begun them. Without a check a
//! lost end would keep their targets and the campaign for ever (I4).

use trunkline_store::{Batch, Error, campaigncall, due};

use super::Run;
use crate::attempt::begin;

/// Attempts that are looked at. More than may be live at one time.
const MOST: u32 = 20_000;

/// Schedules a check for each of them, now.
pub(super) async fn adopt(run: &Run) -> Result<(), Error> {
    let manager = &run.manager;
    let live = campaigncall::live(manager.db(), run.lease.campaign, MOST).await?;
    let mut adopted = 0;
    for call in live {
        let now = manager.ledger.now().await?;
        let duty = begin::adopted_duty(&call, now);
        let service = manager.ledger.service();
        let known = manager.is_ours(call.id).await?
            || due::by_key(manager.db(), service, &duty.key)
                .await?
                .is_some();
        if known {
            continue;
        }
        manager
            .ledger
            .apply(Batch::new().with(manager.ledger.schedule(now, &duty)))
            .await?;
        adopted += 1;
    }
    if adopted > 0 {
        tracing::info!(campaign_id = %run.lease.campaign, adopted, "attempts of another campaign-manager are looked after");
    }
    Ok(())
}
