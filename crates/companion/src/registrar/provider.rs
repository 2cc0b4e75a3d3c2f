//! The provider of a trunk, which belongs to route-manager: it is what routes lead
//! to. Its id is chosen and stored with the trunk; making it is a duty that may be
//! repeated.

use std::collections::BTreeMap;

use trunkline_bus::Method::Post;
use trunkline_bus::RpcError;
use trunkline_delivery::Duty;
use trunkline_model::Timestamp;
use trunkline_model::route::{Provider, ProviderType};
use trunkline_model::service::Service;
use trunkline_model::trunk::{CALLER_ID, Trunk};

use super::Registrar;

/// How long after a change the duty looks whether the provider is as it should be.
const LATER_MS: i64 = 5_000;

/// Makes the provider as the trunk is, once it is due.
pub(super) fn duty(trunk: &Trunk, now: Timestamp) -> Duty {
    Duty::new(
        format!("trunk-provider:{}", trunk.id),
        trunk.id,
        now.plus_millis(LATER_MS),
        Service::REGISTRAR.request_queue(),
        Post,
        format!("/v1/trunks/{}/provider", trunk.id),
    )
}

fn wanted(trunk: &Trunk) -> Provider {
    let shown = (!trunk.caller_id.is_empty()).then(|| {
        let number = serde_json::Value::from(trunk.caller_id.as_str());
        BTreeMap::from([(CALLER_ID.to_owned(), number)])
    });
    Provider {
        id: trunk.provider_id,
        kind: ProviderType::Sip,
        hostname: trunk.provider_hostname(),
        tech_prefix: trunk.tech_prefix.clone(),
        name: trunk.name.clone(),
        detail: format!("trunk {}", trunk.id),
        metadata: shown,
        ..Provider::default()
    }
}

impl Registrar {
    /// Makes the provider as the trunk is.
    pub(super) async fn keep_provider(&self, trunk: &Trunk) -> Result<(), RpcError> {
        let wanted = wanted(trunk);
        let there = match self.route.provider(wanted.id).await {
            Err(error) if error.is_not_found() => self.route.create_provider(&wanted).await?,
            outcome => outcome?,
        };
        let same = Provider {
            health_status: there.health_status.clone(),
            health_checked_at: there.health_checked_at,
            tm_create: there.tm_create,
            tm_update: there.tm_update,
            tm_delete: there.tm_delete,
            ..wanted.clone()
        } == there;
        if !same {
            self.route.update_provider(&wanted).await?;
        }
        Ok(())
    }
}
