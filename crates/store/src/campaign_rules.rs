//! `trunkline_campaign_rules`: the pace of a campaign (architecture decisions
//! 13 and 17).

use trunkline_model::Timestamp;
use trunkline_model::id::CampaignId;
use trunkline_model::rules::CampaignRules;

use crate::batch::Statement;
use crate::dialect::Dialect;
use crate::error::Error;
use crate::port::Database;
use crate::value::Value;

table! { CampaignRules in "trunkline_campaign_rules";
    "campaign_id" campaign_id id,
    "customer_id" customer_id id,
    "calls_per_second" calls_per_second real,
    "max_concurrent" max_concurrent int,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
}

/// The rules of a campaign, if it has its own.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, campaign: CampaignId) -> Result<Option<CampaignRules>, Error> {
    SELECT
        .one(db, "campaign_id = ?", vec![Value::uuid(campaign)])
        .await
}

/// Writes the rules; the time of creation stays.
#[must_use]
pub fn set(dialect: Dialect, rules: &CampaignRules, now: Timestamp) -> Vec<Statement> {
    let first = CampaignRules {
        tm_create: Some(now),
        tm_update: None,
        ..rules.clone()
    };
    vec![
        Statement::insert_new(dialect, TABLE, values(&first)),
        Statement::one(
            "UPDATE trunkline_campaign_rules SET calls_per_second = ?, max_concurrent = ?, tm_update = ? \
             WHERE campaign_id = ?",
            vec![
                Value::Real(rules.calls_per_second),
                Value::Int(rules.max_concurrent),
                now.into(),
                Value::uuid(rules.campaign_id),
            ],
        ),
    ]
}

/// Back to the default pace.
#[must_use]
pub fn delete(campaign: CampaignId) -> Statement {
    Statement::any(
        "DELETE FROM trunkline_campaign_rules WHERE campaign_id = ?",
        vec![Value::uuid(campaign)],
    )
}
