//! `trunkline_campaign_leases`: who runs a campaign (architecture decision 13).
//!
//! A row is never removed: its fencing number only grows, so a runner that
//! slept through the end of its lease finds its writes refused.

use trunkline_model::Timestamp;
use trunkline_model::id::CampaignId;
use uuid::Uuid;

use crate::batch::{Batch, Statement};
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

/// Who runs a campaign, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub campaign: CampaignId,
    pub holder: Uuid,
    pub fence: i64,
    pub expires: Timestamp,
}

/// The lease of a campaign, expired or not.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, campaign: CampaignId) -> Result<Option<Lease>, Error> {
    let sql = "SELECT holder, fence, expires FROM trunkline_campaign_leases WHERE campaign_id = ?";
    let rows = db.query(sql, vec![Value::uuid(campaign)]).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let expires = row.time("expires")?.unwrap_or(Timestamp::from_micros(0));
    Ok(Some(Lease {
        campaign,
        holder: row.id("holder")?,
        fence: row.int("fence")?,
        expires,
    }))
}

/// The campaigns that need a runner, `run` and `stopping`, oldest first, each
/// with its lease as it is. One that nobody ever ran has a lease that expired
/// long ago, held by nil.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn of_active(db: &dyn Database, limit: u32) -> Result<Vec<Lease>, Error> {
    let sql = "SELECT campaign.id AS campaign_id, lease.holder AS holder, lease.fence AS fence, \
        lease.expires AS expires FROM campaign_campaigns AS campaign \
        LEFT JOIN trunkline_campaign_leases AS lease ON lease.campaign_id = campaign.id \
        WHERE campaign.status IN ('run', 'stopping') ORDER BY campaign.tm_create LIMIT ?";
    let rows = db.query(sql, vec![Value::Int(limit.into())]).await?;
    rows.map(|row| {
        Ok(Lease {
            campaign: row.id("campaign_id")?,
            holder: row.id("holder")?,
            fence: row.int("fence")?,
            expires: row.time("expires")?.unwrap_or(Timestamp::from_micros(0)),
        })
    })
}

/// Takes the lease when it is free, expired or `holder`'s, with the next
/// fencing number. None: another runner has it.
///
/// `abandoned` is a lease that the caller has seen unchanged for longer than
/// its holder would have let it be: it is free as well, whatever the clock
/// says, as long as it is still the same.
///
/// # Errors
///
/// As [`Database::apply`], conflicts excepted.
pub async fn take(
    db: &dyn Database,
    campaign: CampaignId,
    holder: Uuid,
    now: Timestamp,
    expires: Timestamp,
    abandoned: Option<&Lease>,
) -> Result<Option<Lease>, Error> {
    let never = Timestamp::from_micros(0);
    let columns = vec![
        ("campaign_id", Value::uuid(campaign)),
        ("holder", Value::uuid(Uuid::nil())),
        ("fence", Value::Int(0)),
        ("expires", never.into()),
    ];
    let create = Statement::insert_new(db.dialect(), "trunkline_campaign_leases", columns);
    let (by, fence, until) = abandoned.map_or((Uuid::nil(), -1, never), |lease| {
        (lease.holder, lease.fence, lease.expires)
    });
    let take = Statement::one(
        "UPDATE trunkline_campaign_leases SET holder = ?, fence = fence + 1, expires = ? \
         WHERE campaign_id = ? AND (expires <= ? OR holder = ? \
         OR (holder = ? AND fence = ? AND expires = ?))",
        vec![
            Value::uuid(holder),
            expires.into(),
            Value::uuid(campaign),
            now.into(),
            Value::uuid(holder),
            Value::uuid(by),
            Value::Int(fence),
            until.into(),
        ],
    );
    match db.apply(Batch::new().with(create).with(take)).await {
        Ok(()) => {}
        Err(error) if error.is_conflict() => return Ok(None),
        Err(error) => return Err(error),
    }
    // Nobody else can have taken it before it expires; should it have been so
    // short, it is the other's.
    Ok(get(db, campaign)
        .await?
        .filter(|lease| lease.holder == holder))
}

/// Changes nothing and refuses the batch when the lease is another runner's.
#[must_use]
pub fn hold(lease: &Lease) -> Statement {
    Statement::one(
        "UPDATE trunkline_campaign_leases SET fence = fence \
         WHERE campaign_id = ? AND holder = ? AND fence = ?",
        vec![
            Value::uuid(lease.campaign),
            Value::uuid(lease.holder),
            Value::Int(lease.fence),
        ],
    )
}

/// A later end, only while the lease is held with this fencing number.
#[must_use]
pub fn renew(lease: &Lease, expires: Timestamp) -> Statement {
    Statement::one(
        "UPDATE trunkline_campaign_leases SET expires = ? WHERE campaign_id = ? AND holder = ? AND fence = ?",
        vec![
            expires.into(),
            Value::uuid(lease.campaign),
            Value::uuid(lease.holder),
            Value::Int(lease.fence),
        ],
    )
}

/// Free for the next one, if it is still held with this fencing number.
#[must_use]
pub fn release(lease: &Lease) -> Statement {
    renew(lease, Timestamp::from_micros(0)).unchecked()
}
