//! The routes over trunks.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router, RpcError};
use trunkline_domain::registrar::{objects, trunk as rules};
use trunkline_model::Timestamp;
use trunkline_model::customer::Secret;
use trunkline_model::error::Status as Class;
use trunkline_model::id::{CustomerId, ProviderId, TrunkId};
use trunkline_model::trunk::{Identity, Mode, Transport, Trunk, View};
use trunkline_store::{Batch, Statement, trunk};

use super::{Registrar, provider};
use crate::rows::read;

pub(super) fn routes(router: Router<Registrar>) -> Router<Registrar> {
    const ONE: &str = "/v1/trunks/<trunk-id>";
    router
        .route(Get, "/v1/trunks?", "/v1/trunks", list)
        .route(Post, "/v1/trunks", "/v1/trunks", create)
        .route(Get, "/v1/trunks/{id}", ONE, get)
        .route(Put, "/v1/trunks/{id}", ONE, update)
        .route(Delete, "/v1/trunks/{id}", ONE, delete)
        .route(
            Post,
            "/v1/trunks/{id}/test",
            "/v1/trunks/<trunk-id>/test",
            super::test::test,
        )
        // A duty of this service; see `provider`.
        .route(
            Post,
            "/v1/trunks/{id}/provider",
            "/v1/trunks/<trunk-id>/provider",
            keep_provider,
        )
}

async fn list(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let (filter, page) = registrar.state.asked(&routed, &trunk::FILTERS).await?;
    let found = read(trunk::list(registrar.db(), &filter, &page).await)?;
    let mut views = Vec::with_capacity(found.len());
    registrar.look(false).await;
    for trunk in found {
        views.push(registrar.trunk_view(trunk).await);
    }
    Ok(Reply::json(&views))
}

async fn get(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let trunk = registrar.trunk(routed.id(0)).await?;
    registrar.look(false).await;
    Ok(Reply::json(&registrar.trunk_view(trunk).await))
}

/// What is left out keeps its value, or takes what is usual.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    /// Only when it is created.
    customer_id: CustomerId,
    name: Option<String>,
    detail: Option<String>,
    host: Option<String>,
    port: Option<i64>,
    transport: Option<Transport>,
    mode: Option<Mode>,
    username: Option<String>,
    auth_username: Option<String>,
    password: Option<Secret>,
    expiration: Option<i64>,
    qualify: Option<i64>,
    codecs: Option<String>,
    caller_id: Option<String>,
    from_user: Option<String>,
    from_domain: Option<String>,
    identity: Option<Identity>,
    tech_prefix: Option<String>,
    country: Option<String>,
    matches: Option<Vec<String>>,
    enabled: Option<bool>,
}

impl Given {
    fn apply_to(self, trunk: &mut Trunk) {
        macro_rules! take {
            ($($field:ident),+) => { $(
                if let Some(value) = self.$field {
                    trunk.$field = value;
                }
            )+ };
        }
        take!(
            name,
            detail,
            host,
            port,
            transport,
            mode,
            username,
            auth_username,
            password,
            expiration,
            qualify,
            codecs,
            caller_id,
            from_user,
            from_domain,
            identity,
            tech_prefix,
            country,
            matches,
            enabled
        );
    }
}

async fn create(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let now = registrar.state.now().await?;
    let mut it = Trunk {
        id: TrunkId::random(),
        customer_id: given.customer_id,
        provider_id: ProviderId::random(),
        tm_create: Some(now),
        ..rules::usual()
    };
    given.apply_to(&mut it);
    registrar.check_trunk(&it)?;
    registrar
        .change_trunk(it, now, "trunk_created", trunk::insert)
        .await
}

async fn update(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let mut it = registrar.trunk(routed.id(0)).await?;
    if it.tm_delete.is_some() {
        let message = "The trunk was deleted.";
        return Err(registrar
            .state
            .typed(Class::FailedPrecondition, "TRUNK_DELETED", message));
    }
    given.apply_to(&mut it);
    registrar.check_trunk(&it)?;
    let now = registrar.state.now().await?;
    it.tm_update = Some(now);
    registrar
        .change_trunk(it, now, "trunk_updated", |it| trunk::update(it, now))
        .await
}

/// The provider goes first: route-manager refuses while a route leads over it.
/// Deleting it again changes nothing.
async fn delete(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let mut it = registrar.trunk(routed.id(0)).await?;
    if it.tm_delete.is_some() {
        return Ok(Reply::json(&registrar.trunk_view(it).await));
    }
    match registrar.route.delete_provider(it.provider_id).await {
        Ok(_) => {}
        Err(error) if error.is_not_found() => {}
        Err(RpcError::Typed(error)) if error.reason == "PROVIDER_IN_USE" => {
            let message = "A route leads over the trunk: delete the route first, or change it to another provider.";
            return Err(registrar
                .state
                .typed(Class::FailedPrecondition, "TRUNK_IN_USE", message));
        }
        Err(error) => return Err(registrar.unavailable("route-manager", &error)),
    }
    let now = registrar.state.now().await?;
    (it.tm_update, it.tm_delete) = (Some(now), Some(now));
    it.enabled = false;
    it.password = Secret::default();
    let event =
        registrar
            .state
            .ledger
            .webhook_event(now, it.customer_id, "trunk_deleted", &it, &it);
    let batch = Batch::new().with(trunk::delete(it.id, now)).with(event);
    registrar.state.apply(batch).await?;
    tracing::info!(trunk_id = %it.id, "a trunk was deleted");
    let wanted = objects::of_trunk(&it, &registrar.base_domain);
    registrar.push_now(&wanted, false).await;
    Ok(Reply::json(&registrar.trunk_view(it).await))
}

async fn keep_provider(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let trunk = registrar.trunk(routed.id(0)).await?;
    if trunk.tm_delete.is_none() {
        let kept = registrar.keep_provider(&trunk).await;
        kept.map_err(|error| registrar.unavailable("route-manager", &error))?;
    }
    Ok(Reply::json(&serde_json::json!({})))
}

impl Registrar {
    pub(super) async fn trunk(&self, id: TrunkId) -> Result<Trunk, Refusal> {
        let found = read(trunk::get(self.db(), id).await)?;
        found.ok_or_else(|| {
            let message = "The trunk was not found.";
            self.state
                .typed(Class::NotFound, "TRUNK_NOT_FOUND", message)
        })
    }

    fn check_trunk(&self, it: &Trunk) -> Result<(), Refusal> {
        rules::check(it).map_err(|invalid| self.invalid(&invalid))
    }

    fn unavailable(&self, service: &str, error: &RpcError) -> Refusal {
        tracing::warn!(service, %error, "a service that a trunk needs does not do what it was asked");
        let message = format!("{service} does not do what it was asked: {error}. Try again.");
        self.state
            .typed(Class::Unavailable, "SERVICE_UNAVAILABLE", &message)
    }

    /// Writes a change with what follows from it, and does that at once where it can
    /// be done.
    async fn change_trunk(
        &self,
        it: Trunk,
        now: Timestamp,
        event: &str,
        change: impl FnOnce(&Trunk) -> Statement,
    ) -> Result<Reply, Refusal> {
        let ledger = &self.state.ledger;
        let batch = Batch::new()
            .with(change(&it))
            .with(ledger.webhook_event(now, it.customer_id, event, &it, &it))
            .with(ledger.schedule(now, &provider::duty(&it, now)));
        self.state.apply(batch).await?;
        tracing::info!(trunk_id = %it.id, customer_id = %it.customer_id, event, "a trunk changed");
        if let Err(error) = self.keep_provider(&it).await {
            tracing::warn!(trunk_id = %it.id, %error, "the provider of a trunk is made a little later");
        }
        let wanted = objects::of_trunk(&it, &self.base_domain);
        self.push_now(&wanted, it.enabled).await;
        Ok(Reply::json(&self.trunk_view(it).await))
    }

    pub(super) async fn trunk_view(&self, trunk: Trunk) -> View {
        let wanted = objects::of_trunk(&trunk, &self.base_domain);
        let (state, asterisks) = self.placements(&wanted, trunk.enabled);
        let (registration, reachable) = self.trunk_state(&trunk).await;
        View {
            has_password: !trunk.password.0.is_empty(),
            state,
            asterisks,
            registration,
            reachable,
            trunk,
        }
    }
}
