//! Starting each role with what it wants, and stopping it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use trunkline_bus::Bus;
use trunkline_store::Database;

use crate::carrier::Carrier;
use crate::config::{Config, Role};
use crate::error::Error;
use crate::media::MediaHouse;

/// What roles run on.
pub(crate) struct House<'a> {
    pub(crate) config: &'a Config,
    pub(crate) carrier: Carrier,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) db: Arc<dyn Database>,
    pub(crate) registry: &'a mut Registry,
    /// None where no role uses the media folder.
    pub(crate) media: Option<MediaHouse>,
    /// Reaches addresses that customers name.
    pub(crate) egress: trunkline_egress::Client,
}

/// A role that runs.
pub(crate) struct Started {
    pub(crate) role: Role,
    stop: CancellationToken,
    ended: BoxFuture<'static, ()>,
}

impl Started {
    pub(crate) fn new(
        role: Role,
        stop: CancellationToken,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self {
            role,
            stop,
            ended: Box::pin(ended),
        }
    }

    /// Tells it to stop.
    pub(crate) fn tell(&self) {
        self.stop.cancel();
    }

    /// Tells it to stop and waits, once, until it has finished what it was
    /// doing.
    pub(crate) async fn stop(&mut self) {
        self.tell();
        (&mut self.ended).await;
        tracing::debug!(role = %self.role, "a role has stopped");
    }
}

/// Starts one of the roles that serve a queue.
pub(crate) async fn start(role: Role, house: &mut House<'_>) -> Result<Started, Error> {
    house.declare_exchange(role).await;
    let stop = CancellationToken::new();
    let config = house.config;
    let ended: BoxFuture<'static, ()> = match role {
        Role::CustomerManager => {
            small(role, house, &stop, trunkline_companion::start_customer).await?
        }
        Role::BillingManager => {
            small(role, house, &stop, trunkline_companion::start_billing).await?
        }
        Role::NumberManager => small(role, house, &stop, trunkline_companion::start_number).await?,
        Role::RouteManager => small(role, house, &stop, trunkline_companion::start_route).await?,
        Role::RegistrarManager => {
            let metrics = trunkline_companion::registrar::Metrics::default();
            metrics.register(house.registry(role));
            let deps = trunkline_companion::registrar::Deps {
                bus: house.bus(role),
                db: house.db(),
                metrics,
                base_domain: config.call.base_domain.clone(),
            };
            let (common, own) = (config.companion.clone(), config.registrar.clone());
            let started =
                trunkline_companion::start_registrar(deps, common, own, stop.clone()).await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        Role::AgentManager => small(role, house, &stop, trunkline_companion::start_agent).await?,
        Role::WebhookManager => {
            let metrics = trunkline_companion::webhook::Metrics::default();
            metrics.register(house.registry(role));
            let deps = trunkline_companion::webhook::Deps {
                bus: house.bus(role),
                db: house.db(),
                metrics,
                egress: house.egress.clone(),
            };
            let started =
                trunkline_companion::start_webhook(deps, config.webhook.clone(), stop.clone())
                    .await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        Role::StorageManager => {
            let metrics = trunkline_companion::Metrics::default();
            metrics.register(house.registry(role));
            let deps = trunkline_companion::storage::Deps {
                bus: house.bus(role),
                db: house.db(),
                metrics,
                folder: house.media()?.folder,
            };
            let (common, retention) = (config.companion.clone(), config.media.retention());
            let started =
                trunkline_companion::start_storage(deps, common, retention, stop.clone()).await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        Role::TtsManager => {
            let metrics = trunkline_companion::tts::Metrics::default();
            metrics.register(house.registry(role));
            let media = house.media()?;
            let deps = trunkline_companion::tts::Deps {
                bus: house.bus(role),
                db: house.db(),
                metrics,
                folder: media.folder,
                links: media.links,
            };
            let (common, tts) = (config.companion.clone(), config.tts.clone());
            let started = trunkline_companion::start_tts(deps, common, tts, stop.clone()).await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        Role::OutdialManager => {
            let metrics = trunkline_outdial::Metrics::default();
            metrics.register(house.registry(role));
            let deps = trunkline_outdial::Deps {
                bus: house.bus(role),
                db: house.db(),
                metrics,
            };
            let started =
                trunkline_outdial::start(deps, config.outdial.clone(), stop.clone()).await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        Role::FlowManager => {
            let metrics = trunkline_flow::Metrics::default();
            metrics.register(house.registry(role));
            let deps = trunkline_flow::Deps {
                bus: house.bus(role),
                db: house.db(),
                metrics,
                egress: house.egress.clone(),
            };
            let started = trunkline_flow::start(deps, config.flow.clone(), stop.clone()).await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        Role::CallManager => {
            let metrics = trunkline_call::Metrics::default();
            metrics.register(house.registry(role));
            let (call, delivery) = (config.call.clone(), config.delivery.clone());
            let started =
                trunkline_call::start(house.bus(role), house.db(), call, delivery, metrics, &stop)
                    .await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        Role::CampaignManager => {
            let metrics = trunkline_campaign::Metrics::default();
            metrics.register(house.registry(role));
            let deps = trunkline_campaign::Deps {
                bus: house.bus(role),
                db: house.db(),
                metrics,
            };
            let started =
                trunkline_campaign::start(deps, config.campaign.clone(), stop.clone()).await;
            Box::pin(started.map_err(|source| failed(role, source))?.stopped())
        }
        // These two need more than the others; the node starts them itself.
        Role::Gateway | Role::AsteriskProxy => Box::pin(std::future::ready(())),
    };
    tracing::debug!(%role, "a role has started");
    Ok(Started { role, stop, ended })
}

/// Starts one of the small roles, which are alike.
async fn small<F>(
    role: Role,
    house: &mut House<'_>,
    stop: &CancellationToken,
    start: impl FnOnce(trunkline_companion::Deps, trunkline_companion::Config, CancellationToken) -> F,
) -> Result<BoxFuture<'static, ()>, Error>
where
    F: Future<Output = Result<trunkline_companion::Running, trunkline_companion::Error>>,
{
    let metrics = trunkline_companion::Metrics::default();
    metrics.register(house.registry(role));
    let deps = trunkline_companion::Deps {
        bus: house.bus(role),
        db: house.db(),
        metrics,
    };
    let started = start(deps, house.config.companion.clone(), stop.clone()).await;
    Ok(Box::pin(
        started.map_err(|source| failed(role, source))?.stopped(),
    ))
}

pub(crate) fn failed(role: Role, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Role {
        role,
        source: Box::new(source),
    }
}

impl House<'_> {
    /// The bus as this role has it.
    pub(crate) fn bus(&mut self, role: Role) -> Arc<dyn Bus> {
        let (config, carrier) = (self.config, self.carrier.clone());
        let bus = Arc::clone(&self.bus);
        carrier.of_role(config, bus, self.registry(role))
    }

    /// Lets whoever binds to the role's events find their exchange, before it has
    /// published any. Two roles have no events: the gateway, and webhook-manager, whose
    /// exchange has another form in the reference.
    pub(crate) async fn declare_exchange(&self, role: Role) {
        if matches!(role, Role::Gateway | Role::WebhookManager) {
            return;
        }
        let exchange = role.service().event_exchange();
        if let Err(error) = self.bus.declare_exchange(&exchange).await {
            tracing::error!(%role, %error, "the exchange of a role's events is missing: nobody will hear them");
        }
    }

    fn db(&self) -> Arc<dyn Database> {
        Arc::clone(&self.db)
    }

    /// What the roles that use the media folder get of it.
    fn media(&self) -> Result<MediaHouse, Error> {
        let missing = || std::io::Error::other("the media folder was not opened");
        Ok(self.media.clone().ok_or_else(missing)?)
    }

    /// Where the role's metrics belong.
    pub(crate) fn registry(&mut self, role: Role) -> &mut Registry {
        self.registry.sub_registry_with_prefix(role.namespace())
    }
}
