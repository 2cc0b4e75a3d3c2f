//! Names of the services, their queues and exchanges (chapter 01 §1.2–1.3).

/// A service of the platform: the publisher name of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Service(pub &'static str);

impl Service {
    pub const AGENT: Self = Self("agent-manager");
    pub const ASTERISK_PROXY: Self = Self("asterisk-proxy");
    pub const BILLING: Self = Self("billing-manager");
    pub const CALL: Self = Self("call-manager");
    pub const CAMPAIGN: Self = Self("campaign-manager");
    pub const CUSTOMER: Self = Self("customer-manager");
    pub const FLOW: Self = Self("flow-manager");
    /// Publisher name of the HTTP API; the reference's counterpart is `api-manager`.
    pub const GATEWAY: Self = Self("api-manager");
    pub const NUMBER: Self = Self("number-manager");
    pub const OUTDIAL: Self = Self("outdial-manager");
    pub const QUEUE: Self = Self("queue-manager");
    pub const REGISTRAR: Self = Self("registrar-manager");
    pub const ROUTE: Self = Self("route-manager");
    /// Watches pods; exists on Kubernetes only.
    pub const SENTINEL: Self = Self("sentinel-manager");
    pub const STORAGE: Self = Self("storage-manager");
    pub const TTS: Self = Self("tts-manager");
    pub const WEBHOOK: Self = Self("webhook-manager");

    /// The publisher name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Queue of its requests.
    #[must_use]
    pub fn request_queue(self) -> String {
        format!("bin-manager.{}.request", self.0)
    }

    /// Queue of the events that it consumes.
    #[must_use]
    pub fn subscribe_queue(self) -> String {
        format!("bin-manager.{}.subscribe", self.0)
    }

    /// Exchange of the events that it publishes. The proxies share one.
    #[must_use]
    pub fn event_exchange(self) -> String {
        if self == Self::ASTERISK_PROXY {
            return "asterisk.all.event".to_owned();
        }
        format!("bin-manager.{}.event", self.0)
    }
}

/// Queue of the requests for one Asterisk, or for the groups `call` and
/// `conference` (chapter 01 §8.3).
#[must_use]
pub fn asterisk_queue(id: &str) -> String {
    format!("asterisk.{id}.request")
}
