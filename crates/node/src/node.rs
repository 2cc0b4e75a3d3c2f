//! A whole Trunkline: starting it in order, stopping it in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use trunkline_bus::Bus;
use trunkline_gateway::listener;
use trunkline_store::Database;
use trunkline_store_sqlite::SqliteDatabase;

use crate::carrier::Carrier;
use crate::config::{Config, Role};
use crate::data_dir::DataDir;
use crate::error::Error;
use crate::first;
use crate::gate::Gate;
use crate::health::{Health, Phase};
use crate::media::MediaHouse;
use crate::metrics_server;
use crate::roles::{self, House, Started, failed};
use crate::store_metrics;

/// A running Trunkline.
pub struct Node {
    carrier: Carrier,
    gate: Arc<Gate>,
    /// In the order of their start.
    roles: Vec<Started>,
    metrics: Option<metrics_server::Running>,
    gateway_address: Option<SocketAddr>,
    first_token: Option<String>,
    db: Arc<SqliteDatabase>,
    grace: Duration,
    // Last, so that the folder is free only when nothing uses it any more.
    _data_dir: DataDir,
}

impl Node {
    /// Starts everything that `config` names: first what is asked, then who
    /// asks, last what brings events into the house.
    ///
    /// # Errors
    ///
    /// Says what is in the way and what to do about it. What had started by
    /// then is stopped.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let (mut made, never) = (None, CancellationToken::new());
        let show_token = |token: &str| made = Some(token.to_owned());
        let mut node = Self::start_unless(config, &never, show_token).await?;
        node.first_token = made;
        Ok(node)
    }

    /// The same, for a program. A start may wait, for a broker or for customer-manager,
    /// as long as it takes; when `told` is cancelled it ends. `show_token` is told the
    /// first token, when one is made, before anybody can use the API. It is kept
    /// nowhere: show it.
    ///
    /// # Errors
    ///
    /// As [`Node::start`]; [`Error::Told`] when `told` was cancelled.
    pub async fn start_unless(
        config: Config,
        told: &CancellationToken,
        show_token: impl FnOnce(&str) + Send,
    ) -> Result<Self, Error> {
        config.validate()?;
        let (data_dir, db) = open(&config).await?;
        // Ports before roles: a campaign must not dial for a program that then
        // finds that it cannot start.
        let api = match config.runs(Role::Gateway) {
            true => Some(trunkline_gateway::bind(&config.gateway).await?),
            false => None,
        };
        let metrics = &config.metrics;
        let monitoring =
            listener::bind(metrics.listen, metrics.max_connections, "metrics.listen").await?;

        let (mut node, health) = Self::monitored(&config, data_dir, db, monitoring)?;
        let started = tokio::select! {
            biased;
            () = told.cancelled() => Err(Error::Told),
            started = node.start_parts(&config, &health, api, show_token) => started,
        };
        match started {
            Ok(()) => Ok(node),
            Err(error) => {
                node.stop().await;
                Err(error)
            }
        }
    }

    /// One in which nothing runs but who looks for the broker and who tells how things
    /// stand: whoever looks after this process asks from its first moment on.
    fn monitored(
        config: &Config,
        data_dir: DataDir,
        db: Arc<SqliteDatabase>,
        monitoring: listener::Bounded,
    ) -> Result<(Self, Arc<Health>), Error> {
        let mut registry = Registry::default();
        store_metrics::register(&db, &mut registry);
        let carrier = Carrier::start(config, &mut registry);
        let gate = Gate::new(carrier.bus());
        let health = Health::new(
            carrier.clone(),
            Arc::clone(&gate) as _,
            Arc::clone(&db) as _,
            config.roles.clone(),
        );
        let endpoint = &config.metrics.endpoint;
        let monitored = metrics_server::start(registry, Arc::clone(&health), endpoint, monitoring)?;
        let node = Self {
            gate,
            carrier,
            roles: Vec::new(),
            metrics: Some(monitored),
            gateway_address: None,
            first_token: None,
            db,
            grace: config.shutdown_grace(),
            _data_dir: data_dir,
        };
        Ok((node, health))
    }

    async fn start_parts(
        &mut self,
        config: &Config,
        health: &Arc<Health>,
        api: Option<listener::Bounded>,
        show_token: impl FnOnce(&str) + Send,
    ) -> Result<(), Error> {
        self.carrier.there().await;
        health.reached(Phase::Roles);
        let bus = Arc::clone(&self.gate) as Arc<dyn Bus>;
        let db = Arc::clone(&self.db) as Arc<dyn Database>;
        first::seed(config, &*db).await?;

        let address = api.as_ref().map(listener::Bounded::address).transpose()?;
        let media = MediaHouse::open(config, address).await?;

        let mut registry = Registry::default();
        let mut house = House {
            config,
            carrier: self.carrier.clone(),
            bus,
            db: Arc::clone(&db),
            registry: &mut registry,
            media,
            egress: trunkline_egress::Client::new(&config.egress)?,
        };
        for role in Role::ALL {
            let own = matches!(role, Role::Gateway | Role::AsteriskProxy);
            if !own && config.runs(role) {
                self.roles.push(roles::start(role, &mut house).await?);
            }
        }
        self.gate.open();

        if let Some(listener) = api {
            health.reached(Phase::FirstToken);
            let waits = self.carrier.is_broker();
            let made = first::token(Arc::clone(&db), Arc::clone(&self.gate) as _, waits);
            if let Some(token) = made.await? {
                show_token(&token);
            }
            self.start_gateway(&mut house, listener, Arc::clone(health))?;
        }
        self.start_proxies(&mut house, health).await?;
        if let Some(monitored) = &self.metrics {
            monitored.show(registry);
        }
        health.reached(Phase::Started);
        Ok(())
    }

    fn start_gateway(
        &mut self,
        house: &mut House<'_>,
        listener: listener::Bounded,
        readiness: Arc<Health>,
    ) -> Result<(), Error> {
        let metrics = trunkline_gateway::Metrics::default();
        metrics.register(house.registry(Role::Gateway));
        let deps = trunkline_gateway::Deps {
            bus: house.bus(Role::Gateway),
            db: Arc::clone(&house.db),
            readiness,
            metrics,
        };
        let stop = CancellationToken::new();
        let media = house.media.clone().map(|media| trunkline_gateway::Media {
            folder: media.folder,
            signer: media.signer,
            downloads_at_once: house.config.media.downloads_at_once,
        });
        let options = house.config.gateway.clone();
        let running =
            trunkline_gateway::start_with_media(deps, media, options, listener, stop.clone())?;
        self.gateway_address = Some(running.address());
        self.roles
            .push(Started::new(Role::Gateway, stop, running.stopped()));
        Ok(())
    }

    async fn start_proxies(&mut self, house: &mut House<'_>, health: &Health) -> Result<(), Error> {
        if !house.config.runs(Role::AsteriskProxy) {
            return Ok(());
        }
        house.declare_exchange(Role::AsteriskProxy).await;
        let metrics = trunkline_asterisk_proxy::Metrics::default();
        metrics.register(house.registry(Role::AsteriskProxy));
        let asterisks = house
            .config
            .asterisk
            .iter()
            .map(|asterisk| trunkline_asterisk_proxy::Config {
                recordings: Some(house.config.recordings()),
                ..asterisk.proxy.clone()
            })
            .collect();
        let stop = CancellationToken::new();
        let started = trunkline_asterisk_proxy::start(
            asterisks,
            house.bus(Role::AsteriskProxy),
            metrics,
            stop.clone(),
        )
        .await;
        let running = started.map_err(|source| failed(Role::AsteriskProxy, source))?;
        health.watch_asterisks(running.watch());
        self.roles
            .push(Started::new(Role::AsteriskProxy, stop, running.stopped()));
        Ok(())
    }

    /// Where the API listens; none without the role `gateway`.
    #[must_use]
    pub fn gateway_address(&self) -> Option<SocketAddr> {
        self.gateway_address
    }

    /// Where metrics and health are.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|metrics| metrics.address)
    }

    /// The token that [`Node::start`] made because there was none.
    pub fn take_first_token(&mut self) -> Option<String> {
        self.first_token.take()
    }

    /// The store, for tests that look at rows.
    #[must_use]
    pub fn db(&self) -> Arc<dyn Database> {
        Arc::clone(&self.db) as Arc<dyn Database>
    }

    /// The bus, for tests that ask a role.
    #[must_use]
    pub fn bus(&self) -> Arc<dyn Bus> {
        Arc::clone(&self.gate) as Arc<dyn Bus>
    }

    /// Stops everything: first whoever begins new work, last the store. What is
    /// not finished within the grace is left; the store has what is needed to go
    /// on with it.
    pub async fn stop(mut self) {
        let grace = self.grace;
        let stopped = timeout(grace, self.stop_parts()).await;
        if stopped.is_err() {
            let left = self
                .roles
                .iter()
                .map(|started| started.role.name())
                .collect::<Vec<_>>()
                .join(", ");
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                left,
                grace_ms,
                "not everything was finished within the grace; the next start goes on with it"
            );
            self.roles.iter().for_each(Started::tell);
        }
        self.carrier.close().await;
        let db = Arc::clone(&self.db);
        let _ = tokio::task::spawn_blocking(move || db.close()).await;
    }

    async fn stop_parts(&mut self) {
        // Whoever begins work, before those who do it. A caller who does not
        // finish his request must not cost the others their clean end.
        let patience = self.grace / 2;
        if timeout(patience, self.stop_role(Role::Gateway))
            .await
            .is_err()
        {
            tracing::warn!("an HTTP request was not finished");
            self.roles.retain(|started| started.role != Role::Gateway);
        }
        self.stop_role(Role::CampaignManager).await;
        self.gate.close();
        self.stop_role(Role::CallManager).await;
        while let Some(last) = self.roles.last().map(|started| started.role) {
            self.stop_role(last).await;
        }
        if let Some(metrics) = self.metrics.take() {
            metrics.stop().await;
        }
    }

    async fn stop_role(&mut self, role: Role) {
        let Some(at) = self.roles.iter().position(|started| started.role == role) else {
            return;
        };
        // It stays in the list meanwhile, for the message about what is left.
        self.roles[at].stop().await;
        self.roles.remove(at);
    }
}

/// Takes the folder and opens the database in it, off the runtime's threads.
async fn open(config: &Config) -> Result<(DataDir, Arc<SqliteDatabase>), Error> {
    let (folder, file, store) = (
        config.data_dir.clone(),
        config.database(),
        config.store.clone(),
    );
    let opened = tokio::task::spawn_blocking(move || -> Result<_, Error> {
        let data_dir = DataDir::take(&folder)?;
        let sizes = trunkline_store_sqlite::Config {
            write_queue: store.write_queue,
            group: store.group,
            group_wait: Duration::from_micros(store.group_wait_us),
            readers: store.readers,
            read_queue: store.read_queue,
            busy_timeout: Duration::from_millis(store.busy_timeout_ms),
        };
        Ok((data_dir, Arc::new(SqliteDatabase::open(file, sizes)?)))
    });
    opened.await.map_err(std::io::Error::other)?
}
