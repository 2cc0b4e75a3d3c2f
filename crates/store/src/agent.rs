//! `agent_agents` and `agent_addresses` (chapter 05 C.4.1).
//!
//! The password hash is never read: Trunkline's agents do not log in with one.

use std::collections::BTreeMap;

use trunkline_model::agent::{Agent, Status};
use trunkline_model::id::{AgentId, CustomerId, TagId};
use trunkline_model::page::Page;
use trunkline_model::{Address, Timestamp};
use uuid::Uuid;

use crate::batch::Statement;
use crate::error::Error;
use crate::filter::{Filter, Keys, Kind, Manner};
use crate::port::Database;
use crate::row::Row;
use crate::select::Order;
use crate::value::Value;

table! { Agent in "agent_agents";
    "id" id id,
    "customer_id" customer_id id,
    "username" username text,
    "name" name text,
    "detail" detail text,
    "ring_method" ring_method word,
    "status" status word,
    "permission" permission permission,
    "tag_ids" tag_ids literal,
    "tm_create" tm_create time,
    "tm_update" tm_update time,
    "tm_delete" tm_delete time,
    "direct_id" direct_id id,
    "direct_hash" direct_hash text,
}

/// What lists may be filtered by. `tag_ids` is left to the service.
pub const FILTERS: Keys = Keys {
    keys: &[
        ("id", Kind::Id),
        ("customer_id", Kind::Id),
        ("username", Kind::Text),
        ("name", Kind::Text),
        ("ring_method", Kind::Text),
        ("status", Kind::Text),
        ("deleted", Kind::Deleted),
    ],
    manner: Manner::Lenient,
};

/// The agent by its id, deleted or not, with its addresses.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn get(db: &dyn Database, id: AgentId) -> Result<Option<Agent>, Error> {
    let agent = SELECT.one(db, "id = ?", vec![Value::uuid(id)]).await?;
    with_addresses(db, agent.into_iter().collect())
        .await
        .map(|agents| agents.into_iter().next())
}

/// The agent of a customer that owns an address: type and target exactly.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn by_address(
    db: &dyn Database,
    customer: CustomerId,
    address: &Address,
) -> Result<Option<Agent>, Error> {
    let sql = "SELECT agent_id FROM agent_addresses \
        WHERE customer_id = ? AND type = ? AND target = ? LIMIT 1";
    let params = vec![
        Value::uuid(customer),
        address.kind.as_str().into(),
        address.target.as_str().into(),
    ];
    let rows = db.query(sql, params).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let agent = get(db, row.id("agent_id")?).await?;
    Ok(agent.filter(|agent| agent.tm_delete.is_none()))
}

/// One page with addresses, newest first.
///
/// # Errors
///
/// As [`Database::query`].
pub async fn list(db: &dyn Database, filter: &Filter, page: &Page) -> Result<Vec<Agent>, Error> {
    let agents = SELECT.page(db, filter, page, Order::Newest).await?;
    with_addresses(db, agents).await
}

/// A new agent, as given, with its addresses. An address that another agent of
/// the customer has is a duplicate.
#[must_use]
pub fn insert(agent: &Agent, now: Timestamp) -> Vec<Statement> {
    let mut statements = vec![Statement::insert(TABLE, values(agent))];
    statements.extend(insert_addresses(
        agent.id,
        agent.customer_id,
        &agent.addresses,
        now,
    ));
    statements
}

/// Whether the agent can take a call.
#[must_use]
pub fn set_status(id: AgentId, status: &Status, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE agent_agents SET status = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![status.as_str().into(), now.into(), Value::uuid(id)],
    )
}

/// From one status to another: of two callers that want the same available
/// agent one gets it.
#[must_use]
pub fn change_status(id: AgentId, from: &Status, to: &Status, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE agent_agents SET status = ?, tm_update = ? \
         WHERE id = ? AND status = ? AND tm_delete IS NULL",
        vec![
            to.as_str().into(),
            now.into(),
            Value::uuid(id),
            from.as_str().into(),
        ],
    )
}

/// Other addresses in place of the former ones.
#[must_use]
pub fn set_addresses(
    id: AgentId,
    customer: CustomerId,
    addresses: &[Address],
    now: Timestamp,
) -> Vec<Statement> {
    let mut statements = vec![
        Statement::one(
            "UPDATE agent_agents SET tm_update = ? WHERE id = ? AND tm_delete IS NULL",
            vec![now.into(), Value::uuid(id)],
        ),
        delete_addresses(id),
    ];
    statements.extend(insert_addresses(id, customer, addresses, now));
    statements
}

/// The tags.
#[must_use]
pub fn set_tags(id: AgentId, tags: &[TagId], now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE agent_agents SET tag_ids = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
        vec![Value::json(tags), now.into(), Value::uuid(id)],
    )
}

/// Name, detail and how the addresses are dialed, as given.
#[must_use]
pub fn update(agent: &Agent, now: Timestamp) -> Statement {
    Statement::one(
        "UPDATE agent_agents SET name = ?, detail = ?, ring_method = ?, tm_update = ? \
         WHERE id = ? AND tm_delete IS NULL",
        vec![
            agent.name.as_str().into(),
            agent.detail.as_str().into(),
            agent.ring_method.as_str().into(),
            now.into(),
            Value::uuid(agent.id),
        ],
    )
}

/// Soft delete; once. The addresses become free for other agents.
#[must_use]
pub fn delete(id: AgentId, now: Timestamp) -> Vec<Statement> {
    vec![
        Statement::one(
            "UPDATE agent_agents SET tm_delete = ?, tm_update = ? WHERE id = ? AND tm_delete IS NULL",
            vec![now.into(), now.into(), Value::uuid(id)],
        ),
        delete_addresses(id),
    ]
}

fn delete_addresses(id: AgentId) -> Statement {
    Statement::any(
        "DELETE FROM agent_addresses WHERE agent_id = ?",
        vec![Value::uuid(id)],
    )
}

fn insert_addresses(
    agent: AgentId,
    customer: CustomerId,
    addresses: &[Address],
    now: Timestamp,
) -> impl Iterator<Item = Statement> {
    (0_i64..).zip(addresses).map(move |(index, address)| {
        let columns = vec![
            // The row's id is derived, so that the same input writes the same rows.
            ("id", Value::uuid(row_id(agent, index))),
            ("agent_id", Value::uuid(agent)),
            ("customer_id", Value::uuid(customer)),
            ("type", address.kind.as_str().into()),
            ("target", address.target.as_str().into()),
            ("target_name", address.target_name.as_str().into()),
            ("name", address.name.as_str().into()),
            ("detail", address.detail.as_str().into()),
            ("idx", Value::Int(index)),
            ("tm_create", now.into()),
        ];
        Statement::insert("agent_addresses", columns)
    })
}

fn row_id(agent: AgentId, index: i64) -> Uuid {
    Uuid::from_u128(
        Uuid::from(agent)
            .as_u128()
            .wrapping_add(1 + index.unsigned_abs() as u128),
    )
}

async fn with_addresses(db: &dyn Database, mut agents: Vec<Agent>) -> Result<Vec<Agent>, Error> {
    if agents.is_empty() {
        return Ok(agents);
    }
    let marks = vec!["?"; agents.len()].join(", ");
    let sql = format!(
        "SELECT agent_id, type, target, target_name, name, detail FROM agent_addresses \
         WHERE agent_id IN ({marks}) ORDER BY agent_id, idx"
    );
    let ids = agents.iter().map(|agent| Value::uuid(agent.id)).collect();
    let mut found: BTreeMap<AgentId, Vec<Address>> = BTreeMap::new();
    for row in db.query(&sql, ids).await?.iter() {
        found
            .entry(row.id("agent_id")?)
            .or_default()
            .push(read_address(row)?);
    }
    for agent in &mut agents {
        agent.addresses = found.remove(&agent.id).unwrap_or_default();
    }
    Ok(agents)
}

fn read_address(row: Row<'_>) -> Result<Address, Error> {
    Ok(Address {
        kind: row.word("type")?,
        target: row.text("target")?,
        target_name: row.text("target_name")?,
        name: row.text("name")?,
        detail: row.text("detail")?,
    })
}
