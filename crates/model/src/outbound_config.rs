//! OutboundConfig: a customer's rules for outgoing calls (chapter 02 §3.8).

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, NumberId, OutboundConfigId};
use crate::time::Timestamp;

/// A customer's rules for outgoing calls: one row per customer. Every key is
/// always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct OutboundConfig {
    pub id: OutboundConfigId,
    pub customer_id: CustomerId,
    pub name: String,
    pub detail: String,
    /// Allowed countries, ISO 3166 alpha-2, compared in lower case; may be null.
    pub destination_whitelist: Option<Vec<String>>,
    /// Comma separated, empty = the server's default.
    pub codecs: String,
    /// Source of `tel` calls whose own source is not ours.
    pub default_outgoing_source_number_id: NumberId,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

impl OutboundConfig {
    /// What customers see of it: all.
    #[must_use]
    pub fn webhook(&self) -> &Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const EXAMPLE: &str = r#"{"id":"0c000000-0000-4000-8000-000000000001","customer_id":"5e4a0680-804e-11ec-8477-2fea5968d85b","name":"main","detail":"","destination_whitelist":["us","kr"],"codecs":"PCMU,PCMA","default_outgoing_source_number_id":"00000000-0000-0000-0000-000000000000","tm_create":"2026-03-01T10:00:00Z","tm_update":"2026-03-01T10:00:00Z","tm_delete":null}"#;

    #[test]
    fn example_round_trips() {
        let config: OutboundConfig = crate::wire::decode(EXAMPLE).unwrap();
        let expected: Value = serde_json::from_str(EXAMPLE).unwrap();
        assert_eq!(serde_json::to_value(config.webhook()).unwrap(), expected);
    }
}
