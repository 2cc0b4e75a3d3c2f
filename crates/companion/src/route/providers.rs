//! Providers: SIP trunks to the telephone network.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_model::Timestamp;
use trunkline_model::error::Status as Class;
use trunkline_model::id::ProviderId;
use trunkline_model::page::Page;
use trunkline_model::route::{Provider, ProviderType};
use trunkline_store::{Batch, Filter, Statement, provider, route};

use crate::role::State;
use crate::rows::read;

pub(super) fn table(router: Router<State>) -> Router<State> {
    const ONE: &str = "/v1/providers/<provider-id>";
    router
        .route(Get, "/v1/providers?", "/v1/providers", list)
        .route(Post, "/v1/providers", "/v1/providers", create)
        .route(Get, "/v1/providers/{id}", ONE, get)
        .route(Put, "/v1/providers/{id}", ONE, update)
        .route(Delete, "/v1/providers/{id}", ONE, delete)
}

async fn list(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let (filter, page) = state.asked(&routed, &provider::FILTERS).await?;
    Ok(Reply::json(&read(
        provider::list(state.db(), &filter, &page).await,
    )?))
}

async fn get(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&state.provider(routed.id(0)).await?))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    /// Only when it is created, and ours: a trunk's provider has an id that was
    /// stored before it was asked for.
    id: ProviderId,
    r#type: ProviderType,
    hostname: String,
    tech_prefix: String,
    tech_postfix: String,
    tech_headers: BTreeMap<String, String>,
    name: String,
    detail: String,
    metadata: Option<BTreeMap<String, Value>>,
    codecs: String,
}

impl Given {
    fn apply_to(self, provider: &mut Provider) {
        provider.kind = if self.r#type == ProviderType::None {
            ProviderType::Sip
        } else {
            self.r#type
        };
        provider.hostname = self.hostname;
        provider.tech_prefix = self.tech_prefix;
        provider.tech_postfix = self.tech_postfix;
        provider.tech_headers = self.tech_headers;
        provider.name = self.name;
        provider.detail = self.detail;
        provider.metadata = self.metadata;
        provider.codecs = self.codecs;
    }
}

async fn create(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let now = state.now().await?;
    let mut id = given.id;
    if id.is_nil() {
        id = ProviderId::random();
    } else if let Some(known) = read(provider::get(state.db(), id).await)? {
        return Ok(Reply::json(&known));
    }
    let mut provider = Provider {
        id,
        health_status: "unknown".to_owned(),
        tm_create: Some(now),
        ..Provider::default()
    };
    given.apply_to(&mut provider);
    state.is_reachable(&provider)?;
    state
        .change_provider(
            &provider,
            now,
            "provider_created",
            provider::insert(&provider),
        )
        .await
}

async fn update(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let mut provider = state.provider(routed.id(0)).await?;
    if provider.tm_delete.is_some() {
        return Err(state.typed(
            Class::FailedPrecondition,
            "PROVIDER_DELETED",
            "The provider was deleted.",
        ));
    }
    given.apply_to(&mut provider);
    state.is_reachable(&provider)?;
    let now = state.now().await?;
    provider.tm_update = Some(now);
    state
        .change_provider(
            &provider,
            now,
            "provider_updated",
            provider::update(&provider, now),
        )
        .await
}

/// Deleting it again changes nothing. One that a route leads over is kept:
/// otherwise calls would still be dialed over it.
async fn delete(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let mut provider = state.provider(routed.id(0)).await?;
    if provider.tm_delete.is_some() {
        return Ok(Reply::json(&provider));
    }
    let now = state.now().await?;
    let over_it = Filter::none().id("provider_id", provider.id).not_deleted();
    let any = Page {
        limit: Some(1),
        token: now.plus_millis(1).fixed(),
    };
    if let Some(route) = read(route::list(state.db(), &over_it, &any).await)?.first() {
        let message = format!(
            "The route {} leads over the provider: delete the route first.",
            route.id
        );
        return Err(state.typed(Class::FailedPrecondition, "PROVIDER_IN_USE", &message));
    }
    (provider.tm_update, provider.tm_delete) = (Some(now), Some(now));
    state
        .change_provider(
            &provider,
            now,
            "provider_deleted",
            provider::delete(provider.id, now),
        )
        .await
}

impl State {
    pub(super) fn provider_not_found(&self) -> Refusal {
        self.typed(
            Class::NotFound,
            "PROVIDER_NOT_FOUND",
            "The provider was not found.",
        )
    }

    async fn provider(&self, id: ProviderId) -> Result<Provider, Refusal> {
        read(provider::get(self.db(), id).await)?.ok_or_else(|| self.provider_not_found())
    }

    /// The host name becomes part of a dial string: nothing else may hide in it.
    fn is_reachable(&self, provider: &Provider) -> Result<(), Refusal> {
        let host = &provider.hostname;
        let plain =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if !host.is_empty() && host.chars().all(plain) {
            return Ok(());
        }
        let message = "The hostname is a host or host:port without user, scheme or parameters.";
        Err(self.typed(Class::InvalidArgument, "INVALID_PROVIDER_HOSTNAME", message))
    }

    async fn change_provider(
        &self,
        provider: &Provider,
        now: Timestamp,
        event: &str,
        change: Statement,
    ) -> Result<Reply, Refusal> {
        self.apply(
            Batch::new()
                .with(change)
                .with(self.ledger.event(now, event, provider)),
        )
        .await?;
        tracing::info!(provider_id = %provider.id, event, "a provider changed");
        Ok(Reply::json(provider))
    }
}
