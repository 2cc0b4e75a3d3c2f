//! The routes of agent-manager (chapter 05 C.4.2).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_domain::address;
use trunkline_model::agent::{Agent, Permission, RingMethod, Status};
use trunkline_model::error::Status as Class;
use trunkline_model::id::{AgentId, CustomerId, TagId};
use trunkline_model::page::Page;
use trunkline_model::{Address, Timestamp};
use trunkline_store::{Batch, Filter, agent};

use super::tags::AnyOf;
use crate::error;
use crate::role::State;
use crate::rows::read;

pub(super) fn routes(router: Router<State>) -> Router<State> {
    const ONE: &str = "/v1/agents/<agent-id>";
    const BY_ADDRESS: &str = "/v1/agents/get_by_customer_id_address";
    router
        .route(Get, "/v1/agents?", "/v1/agents", list)
        .route(Post, "/v1/agents", "/v1/agents", create)
        .route(Post, BY_ADDRESS, BY_ADDRESS, by_address)
        .route(Get, "/v1/agents/{id}", ONE, get)
        .route(Put, "/v1/agents/{id}", ONE, update)
        .route(Delete, "/v1/agents/{id}", ONE, delete)
        .route(
            Put,
            "/v1/agents/{id}/status",
            "/v1/agents/<agent-id>/status",
            set_status,
        )
        .route(
            Put,
            "/v1/agents/{id}/addresses",
            "/v1/agents/<agent-id>/addresses",
            set_addresses,
        )
        .route(
            Put,
            "/v1/agents/{id}/tag_ids",
            "/v1/agents/<agent-id>/tag_ids",
            set_tags,
        )
}

async fn list(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let filters: Map<String, Value> = routed.body_or_default()?;
    let Some(tags) = AnyOf::parse(&filters) else {
        let message = "tag_ids is a text of at most 100 ids with commas between them.";
        return Err(state.typed(Class::InvalidArgument, "INVALID_FILTER", message));
    };
    let (filter, page) = state.asked(&routed, &agent::FILTERS).await?;
    let mut found = read(agent::list(state.db(), &filter, &page).await)?;
    if !tags.is_all() {
        found = state.with_tags(&filter, page, &tags, found).await?;
    }
    Ok(Reply::json(&found))
}

async fn get(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    Ok(Reply::json(&state.agent(routed.id(0)).await?))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ByAddress {
    customer_id: CustomerId,
    address: Address,
}

/// Addresses are stored in their canonical form and looked for in it; rows of
/// the reference may have another, so the text as given is looked for too.
async fn by_address(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let ByAddress {
        customer_id,
        address,
    } = routed.body()?;
    let canonical = address::normalise(&address);
    let mut found = read(agent::by_address(state.db(), customer_id, &canonical).await)?;
    if found.is_none() && canonical != address {
        found = read(agent::by_address(state.db(), customer_id, &address).await)?;
    }
    Ok(Reply::json(&found.ok_or_else(|| state.agent_not_found())?))
}

/// The password of the reference's body is not read: Trunkline's agents do not
/// log in with one.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Create {
    customer_id: CustomerId,
    username: String,
    name: String,
    detail: String,
    ring_method: RingMethod,
    permission: Permission,
    tag_ids: Option<Vec<TagId>>,
    addresses: Vec<Address>,
}

async fn create(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: Create = routed.body()?;
    let addresses = state.usable(&asked.addresses)?;
    state.username_is_free(&asked.username).await?;
    let now = state.now().await?;
    let agent = Agent {
        id: AgentId::random(),
        customer_id: asked.customer_id,
        username: asked.username,
        name: asked.name,
        detail: asked.detail,
        ring_method: asked.ring_method,
        status: Status::Offline,
        permission: asked.permission,
        tag_ids: asked.tag_ids,
        addresses,
        tm_create: Some(now),
        ..Agent::default()
    };
    let batch = state.announced(&agent, now, "agent_created", agent::insert(&agent, now));
    state.write(&agent, batch).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Update {
    name: String,
    detail: String,
    ring_method: RingMethod,
}

async fn update(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: Update = routed.body()?;
    let (mut agent, now) = state.live(routed.id(0)).await?;
    (agent.name, agent.detail, agent.ring_method) = (asked.name, asked.detail, asked.ring_method);
    let event = state.ledger.event(now, "agent_updated", &agent);
    state
        .write(
            &agent,
            Batch::new().with(agent::update(&agent, now)).with(event),
        )
        .await
}

/// Deleting it again changes nothing. Its addresses become free.
async fn delete(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let mut agent = state.agent(routed.id(0)).await?;
    if agent.tm_delete.is_some() {
        return Ok(Reply::json(&agent));
    }
    let now = state.now().await?;
    (agent.tm_update, agent.tm_delete) = (Some(now), Some(now));
    let batch = state.announced(&agent, now, "agent_deleted", agent::delete(agent.id, now));
    state.write(&agent, batch).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct NewStatus {
    status: Status,
}

async fn set_status(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let NewStatus { status } = routed.body()?;
    if matches!(status, Status::None | Status::Other(_)) {
        let message = "The status is available, away, busy, offline or ringing.";
        return Err(state.typed(Class::InvalidArgument, "INVALID_AGENT_STATUS", message));
    }
    let (agent, _) = state.live(routed.id(0)).await?;
    let moved = state.move_status(agent.id, |_| Some(status.clone())).await;
    Ok(Reply::json(
        &read(moved)?.ok_or_else(|| state.agent_not_found())?,
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Addresses {
    addresses: Vec<Address>,
}

async fn set_addresses(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let asked: Addresses = routed.body()?;
    let (mut agent, now) = state.live(routed.id(0)).await?;
    agent.addresses = state.usable(&asked.addresses)?;
    let mut batch: Batch = agent::set_addresses(agent.id, agent.customer_id, &agent.addresses, now)
        .into_iter()
        .collect();
    batch.push(state.ledger.event(now, "agent_updated", &agent));
    state.write(&agent, batch).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Tags {
    tag_ids: Vec<TagId>,
}

async fn set_tags(state: Arc<State>, routed: Routed) -> Result<Reply, Refusal> {
    let Tags { tag_ids } = routed.body()?;
    let (mut agent, now) = state.live(routed.id(0)).await?;
    let change = agent::set_tags(agent.id, &tag_ids, now);
    agent.tag_ids = Some(tag_ids);
    let event = state.ledger.event(now, "agent_updated", &agent);
    state
        .write(&agent, Batch::new().with(change).with(event))
        .await
}

impl State {
    /// An agent that may be changed, with the time of the change in it.
    async fn live(&self, id: AgentId) -> Result<(Agent, Timestamp), Refusal> {
        let mut agent = self.agent(id).await?;
        if agent.tm_delete.is_some() {
            return Err(self.typed(
                Class::FailedPrecondition,
                "AGENT_DELETED",
                "The agent was deleted.",
            ));
        }
        let now = self.now().await?;
        agent.tm_update = Some(now);
        Ok((agent, now))
    }

    /// The addresses in their canonical form.
    fn usable(&self, addresses: &[Address]) -> Result<Vec<Address>, Refusal> {
        let canonical: Vec<Address> = addresses.iter().map(address::normalise).collect();
        for address in &canonical {
            if let Err(otherwise) = address::validate(address) {
                let message = format!(
                    "An address of type `{}` cannot be used: {otherwise}.",
                    address.kind
                );
                return Err(self.typed(Class::InvalidArgument, "INVALID_AGENT_ADDRESS", &message));
            }
        }
        Ok(canonical)
    }

    async fn username_is_free(&self, username: &str) -> Result<(), Refusal> {
        let same = Filter::none()
            .equals("username", username.into())
            .not_deleted();
        let now = self.now().await?;
        let any = Page {
            limit: Some(1),
            token: now.plus_millis(1).fixed(),
        };
        if username.is_empty() || read(agent::list(self.db(), &same, &any).await)?.is_empty() {
            return Ok(());
        }
        Err(self.typed(
            Class::AlreadyExists,
            "AGENT_USERNAME_TAKEN",
            "Another agent has this username.",
        ))
    }

    async fn write(&self, agent: &Agent, batch: Batch) -> Result<Reply, Refusal> {
        match self.ledger.apply(batch).await {
            Ok(()) => {
                tracing::info!(agent_id = %agent.id, customer_id = %agent.customer_id, "an agent changed");
                Ok(Reply::json(agent))
            }
            Err(trunkline_store::Error::Duplicate { .. }) => {
                let message = "Another agent of the customer has one of the addresses.";
                Err(self.typed(Class::AlreadyExists, "AGENT_ADDRESS_TAKEN", message))
            }
            Err(error) => Err(error::store(&error)),
        }
    }

    /// Goes on through the list until enough agents have one of the tags.
    async fn with_tags(
        &self,
        filter: &Filter,
        asked: Page,
        tags: &AnyOf,
        first: Vec<Agent>,
    ) -> Result<Vec<Agent>, Refusal> {
        let wanted =
            usize::try_from(asked.limit.unwrap_or(self.config.max_rows)).unwrap_or(usize::MAX);
        let most = usize::try_from(self.config.max_rows).unwrap_or(usize::MAX);
        let mut seen = 0;
        let mut found = Vec::new();
        let mut page = first;
        while let Some(last) = page.last() {
            let token = last.tm_create.map(Timestamp::fixed);
            seen += page.len();
            found.extend(page.into_iter().filter(|agent| tags.accepts(agent)));
            let Some(token) = token.filter(|_| found.len() < wanted && seen < most) else {
                break;
            };
            let next = Page {
                limit: Some(self.config.max_rows.min(500)),
                token,
            };
            page = read(agent::list(self.db(), filter, &next).await)?;
        }
        found.truncate(wanted);
        Ok(found)
    }
}
