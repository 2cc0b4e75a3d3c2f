//! Outbound configs (chapter 02 §5.7, §10.5).

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::{Refusal, Reply, Routed};
use trunkline_domain::call::outbound_config::{check_codecs, check_whitelist};
use trunkline_model::id::{CustomerId, OutboundConfigId};
use trunkline_model::outbound_config::OutboundConfig;
use trunkline_store::{Batch, outbound_config as configs};

use crate::Role;
use crate::error::{Error, OUTBOUND_CONFIG_NOT_FOUND};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    customer_id: CustomerId,
    name: Option<String>,
    detail: Option<String>,
    codecs: Option<String>,
    destination_whitelist: Option<Vec<String>>,
}

pub(crate) async fn list(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let customer: CustomerId = routed.query("customer_id").parse().unwrap_or_default();
    let now = role.ledger.now().await.map_err(Error::from)?;
    let found = configs::list(role.ledger.db(), customer, &routed.page(now))
        .await
        .map_err(Error::from)?;
    Ok(Reply::json(&found))
}

pub(crate) async fn create(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let body: Body = routed.body()?;
    check(&body)?;
    let now = role.ledger.now().await.map_err(Error::from)?;
    let config = OutboundConfig {
        id: OutboundConfigId::random(),
        customer_id: body.customer_id,
        name: body.name.unwrap_or_default(),
        detail: body.detail.unwrap_or_default(),
        codecs: body.codecs.unwrap_or_default(),
        destination_whitelist: Some(body.destination_whitelist.unwrap_or_default()),
        tm_create: Some(now),
        tm_update: Some(now),
        ..OutboundConfig::default()
    };
    match role
        .ledger
        .apply(Batch::new().with(configs::insert(&config)))
        .await
    {
        // The customer has a row, also a deleted one.
        Err(error) if error.is_conflict() => Err(Refusal::bare(409)),
        outcome => outcome
            .map(|()| Reply::json(&config))
            .map_err(|error| Error::from(error).into()),
    }
}

pub(crate) async fn get(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&find(&role, routed.id(0)).await?))
}

pub(crate) async fn update(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let body: Body = routed.body()?;
    check(&body)?;
    let old = find(&role, routed.id(0)).await?;
    let now = role.ledger.now().await.map_err(Error::from)?;
    let new = OutboundConfig {
        name: body.name.unwrap_or(old.name),
        detail: body.detail.unwrap_or(old.detail),
        codecs: body.codecs.unwrap_or(old.codecs),
        destination_whitelist: body.destination_whitelist.or(old.destination_whitelist),
        tm_update: Some(now),
        ..old
    };
    write(&role, configs::update(&new, now)).await?;
    Ok(Reply::json(&new))
}

pub(crate) async fn delete(role: Arc<Role>, routed: Routed) -> Result<Reply, Refusal> {
    let config = find(&role, routed.id(0)).await?;
    let now = role.ledger.now().await.map_err(Error::from)?;
    write(&role, configs::delete(config.id, now)).await?;
    Ok(Reply::json(&OutboundConfig {
        tm_delete: Some(now),
        ..config
    }))
}

/// Deletes the config of a customer who is gone, if he has one.
pub(crate) async fn delete_of(role: &Role, customer: CustomerId) -> Result<(), Error> {
    if let Some(config) = configs::by_customer(role.ledger.db(), customer).await? {
        let now = role.ledger.now().await?;
        role.ledger
            .apply(Batch::new().with(configs::delete(config.id, now).unchecked()))
            .await?;
    }
    Ok(())
}

async fn find(role: &Role, id: OutboundConfigId) -> Result<OutboundConfig, Error> {
    configs::get(role.ledger.db(), id)
        .await?
        .ok_or(Error::NotFound(OUTBOUND_CONFIG_NOT_FOUND))
}

async fn write(role: &Role, statement: trunkline_store::Statement) -> Result<(), Error> {
    match role.ledger.apply(Batch::new().with(statement)).await {
        Err(error) if error.is_conflict() => Err(Error::NotFound(OUTBOUND_CONFIG_NOT_FOUND)),
        outcome => Ok(outcome?),
    }
}

/// Compat: a violation is a bare 500; pinned by
/// `invalid_outbound_config_is_answered_with_500`.
fn check(body: &Body) -> Result<(), Refusal> {
    let whitelist = check_whitelist(body.destination_whitelist.as_deref().unwrap_or_default());
    let codecs = check_codecs(body.codecs.as_deref().unwrap_or_default());
    whitelist.and(codecs).map_err(|because| {
        tracing::warn!(because, "an outbound config is refused");
        Refusal::bare(500)
    })
}
