//! The roles that a process can run.

use std::fmt;

use serde::{Deserialize, Serialize};
use trunkline_model::service::Service;

/// A role. In the order in which roles start: who is asked comes before who
/// asks, and what brings events into the house comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    CustomerManager,
    BillingManager,
    NumberManager,
    RouteManager,
    RegistrarManager,
    AgentManager,
    WebhookManager,
    StorageManager,
    TtsManager,
    OutdialManager,
    FlowManager,
    CallManager,
    CampaignManager,
    Gateway,
    AsteriskProxy,
}

impl Role {
    /// Every role, in the order of the start.
    pub const ALL: [Self; 15] = [
        Self::CustomerManager,
        Self::BillingManager,
        Self::NumberManager,
        Self::RouteManager,
        Self::RegistrarManager,
        Self::AgentManager,
        Self::WebhookManager,
        Self::StorageManager,
        Self::TtsManager,
        Self::OutdialManager,
        Self::FlowManager,
        Self::CallManager,
        Self::CampaignManager,
        Self::Gateway,
        Self::AsteriskProxy,
    ];

    /// Its name in configuration and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::CustomerManager
            | Self::BillingManager
            | Self::NumberManager
            | Self::RouteManager
            | Self::RegistrarManager
            | Self::AgentManager
            | Self::WebhookManager
            | Self::StorageManager
            | Self::TtsManager
            | Self::OutdialManager
            | Self::FlowManager
            | Self::CallManager
            | Self::CampaignManager
            | Self::AsteriskProxy => self.service().name(),
        }
    }

    /// The service whose requests it answers or in whose name it speaks.
    #[must_use]
    pub fn service(self) -> Service {
        match self {
            Self::CustomerManager => Service::CUSTOMER,
            Self::BillingManager => Service::BILLING,
            Self::NumberManager => Service::NUMBER,
            Self::RouteManager => Service::ROUTE,
            Self::RegistrarManager => Service::REGISTRAR,
            Self::AgentManager => Service::AGENT,
            Self::WebhookManager => Service::WEBHOOK,
            Self::StorageManager => Service::STORAGE,
            Self::TtsManager => Service::TTS,
            Self::OutdialManager => Service::OUTDIAL,
            Self::FlowManager => Service::FLOW,
            Self::CallManager => Service::CALL,
            Self::CampaignManager => Service::CAMPAIGN,
            Self::Gateway => Service::GATEWAY,
            Self::AsteriskProxy => Service::ASTERISK_PROXY,
        }
    }

    /// Namespace of its metrics (chapter 01 §7).
    #[must_use]
    pub fn namespace(self) -> String {
        self.name().replace('-', "_")
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
