//! CampaignRules: the pace of a campaign. Trunkline's own resource, beside the
//! campaign (architecture decisions 13 and 17): VoIPbin's objects gain no field.

use serde::{Deserialize, Serialize};

use crate::id::{CampaignId, CustomerId};
use crate::time::Timestamp;

/// The pace of a campaign. Every key is always present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CampaignRules {
    pub campaign_id: CampaignId,
    pub customer_id: CustomerId,
    /// Attempts started per second.
    pub calls_per_second: f64,
    /// Attempts that may be unfinished at one time.
    pub max_concurrent: i64,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
}

impl CampaignRules {
    /// Pace of a campaign without rules of its own.
    pub const DEFAULT_CALLS_PER_SECOND: f64 = 2.0;
    /// Limit of a campaign without rules of its own.
    pub const DEFAULT_MAX_CONCURRENT: i64 = 20;
}

impl Default for CampaignRules {
    fn default() -> Self {
        Self {
            campaign_id: CampaignId::NIL,
            customer_id: CustomerId::NIL,
            calls_per_second: Self::DEFAULT_CALLS_PER_SECOND,
            max_concurrent: Self::DEFAULT_MAX_CONCURRENT,
            tm_create: None,
            tm_update: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_rules_are_the_default_pace() {
        let rules: CampaignRules = crate::wire::decode(r#"{"calls_per_second":null}"#).unwrap();
        assert_eq!(rules, CampaignRules::default());
        let rules: CampaignRules = crate::wire::decode(r#"{"calls_per_second":5}"#).unwrap();
        assert_eq!((rules.calls_per_second, rules.max_concurrent), (5.0, 20));
    }
}
