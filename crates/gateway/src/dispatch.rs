//! Carrying a route of the table out: check, translate, ask the role, answer.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};
use trunkline_bus::{Method, Request as RpcRequest};
use uuid::Uuid;

use crate::api_error::ApiError;
use crate::auth::Caller;
use crate::body::{self, Object};
use crate::field::Field;
use crate::list;
use crate::owner::{require_operator, row_of_caller};
use crate::resources::{Act, Filter, ListOf, Owner, Resource, Route};
use crate::respond;
use crate::server::Gateway;

/// A request that matched a route of the table.
pub(crate) struct Matched<'g> {
    pub(crate) gateway: &'g Arc<Gateway>,
    pub(crate) caller: Caller,
    pub(crate) request_id: String,
    pub(crate) resource: &'static Resource,
    pub(crate) route: &'static Route,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// Whole; empty where the route takes none.
    pub(crate) body: Bytes,
}

/// Carries out what a route of the table says.
pub(crate) async fn dispatch(matched: Matched<'_>) -> Result<Response, ApiError> {
    let route = matched.route;
    if route.operators_only {
        require_operator(matched.gateway, matched.caller)?;
    }
    match route.act {
        Act::List { filters, customer } => matched.list(filters, customer).await,
        Act::Create(fields) => {
            let given = matched.read(fields)?;
            matched.create(given).await
        }
        Act::Get => {
            matched.refuse_query()?;
            matched
                .row()
                .await
                .map(|row| respond::one(Value::Object(row)))
        }
        Act::GetPart => {
            matched.refuse_query()?;
            matched.row().await?;
            matched.send(matched.request()?).await
        }
        Act::Update(fields) => {
            let given = matched.read(fields)?;
            let row = matched.row().await?;
            matched
                .send(matched.request()?.json(&complete(given, &row, fields)))
                .await
        }
        Act::UpdatePart(fields) => {
            let given = matched.read(fields)?;
            matched.row().await?;
            let part = matched.part().await?;
            matched
                .send(matched.request()?.json(&complete(given, &part, fields)))
                .await
        }
        Act::Do(fields) => {
            let given = matched.read(fields)?;
            matched.row().await?;
            matched.send(matched.request()?.json(&given)).await
        }
        Act::Delete => {
            matched.refuse_query()?;
            matched.row().await?;
            matched.send(matched.request()?).await
        }
        Act::Own(own) => (own.run)(matched).await,
    }
}

/// Fields that were left out keep the value that the row has.
fn complete(mut given: Object, row: &Object, fields: &[Field]) -> Object {
    for field in fields {
        if let Some(value) = row.get(field.name) {
            given.entry(field.name).or_insert_with(|| value.clone());
        }
    }
    given
}

impl Matched<'_> {
    /// The fields of the body.
    pub(crate) fn read(&self, fields: &'static [Field]) -> Result<Object, ApiError> {
        self.refuse_query()?;
        let given = body::read(&self.body, fields, self.caller.0, &self.gateway.config)?;
        for field in fields {
            let Some(key) = given
                .get(field.name)
                .and_then(|value| field.reserved(value))
            else {
                continue;
            };
            require_operator(self.gateway, self.caller).map_err(|error| ApiError {
                field: Some(format!("{}.{key}", field.name)),
                ..error
            })?;
        }
        Ok(given)
    }

    /// Only lists have parameters.
    pub(crate) fn refuse_query(&self) -> Result<(), ApiError> {
        match self.uri.query().filter(|query| !query.is_empty()) {
            None => Ok(()),
            Some(query) => {
                let name = query.split(['=', '&']).next().unwrap_or_default();
                Err(ApiError::field(
                    name,
                    format!("there is no parameter `{name}` here"),
                ))
            }
        }
    }

    /// The parameters of a route of the gateway's own.
    pub(crate) fn query_of(&self) -> &'static [Filter] {
        match self.route.act {
            Act::Own(own) => own.query,
            Act::List { filters, .. } => filters,
            Act::Create(_)
            | Act::Get
            | Act::GetPart
            | Act::Update(_)
            | Act::UpdatePart(_)
            | Act::Do(_)
            | Act::Delete => &[],
        }
    }

    /// The id in the path.
    pub(crate) fn id(&self) -> Result<Uuid, ApiError> {
        let text = self.uri.path().split('/').nth(3).unwrap_or_default();
        Uuid::try_parse(text).map_err(|_| ApiError::no_such(self.resource.noun, text))
    }

    /// The row in the path, which is the caller's.
    pub(crate) async fn row(&self) -> Result<Object, ApiError> {
        row_of_caller(self.gateway, self.caller, self.resource, self.id()?).await
    }

    /// What belongs to the row in the path, as it is.
    async fn part(&self) -> Result<Object, ApiError> {
        let request = self.request()?;
        let answer = self
            .ask(&RpcRequest {
                method: Method::Get.as_str().to_owned(),
                ..request
            })
            .await?;
        serde_json::from_value(answer).map_err(|_| self.unreadable())
    }

    /// The request to the role: same method, same path, the id in lower case.
    pub(crate) fn request(&self) -> Result<RpcRequest, ApiError> {
        Ok(self.request_to(self.route.path.replace("{id}", &self.id()?.to_string())))
    }

    pub(crate) fn request_to(&self, uri: impl Into<String>) -> RpcRequest {
        let request = self.gateway.rpc.request(self.route.method, uri);
        RpcRequest {
            request_id: self.request_id.clone(),
            ..request
        }
    }

    pub(crate) async fn create(&self, mut given: Object) -> Result<Response, ApiError> {
        if self.resource.owner != Owner::Shared {
            given.insert("customer_id".to_owned(), json!(self.caller.0));
        }
        self.send(self.request_to(self.route.path).json(&given))
            .await
    }

    pub(crate) async fn send(&self, request: RpcRequest) -> Result<Response, ApiError> {
        let answer = self.ask(&request).await?;
        if answer.is_null() && matches!(self.route.act, Act::Delete) {
            // A campaign-manager of the reference refuses so (chapter 05 A.4): 200
            // and null.
            let hint = self.route.hint;
            let message = if hint.is_empty() {
                "it cannot be deleted in this state"
            } else {
                hint
            };
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "FAILED_PRECONDITION",
                message,
            ));
        }
        Ok(respond::one(answer))
    }

    async fn list(&self, filters: &'static [Filter], of: ListOf) -> Result<Response, ApiError> {
        let asked = list::read(&self.uri, filters, of, self.caller.0, &self.gateway.config)?;
        let mut path = self.route.path.to_owned();
        if of == ListOf::Row {
            self.row().await?;
            path = path.replace("{id}", &self.id()?.to_string());
        }
        if of == ListOf::Everybody {
            let request = self.request_to(path);
            return Ok(respond::page(self.rows(&request).await?, ""));
        }
        // One more than wanted shows where the page may end.
        let mut rows = asked.page_size + 1;
        loop {
            let query = asked.query(rows);
            let query = if of == ListOf::CustomerInQuery {
                format!("customer_id={}&{query}", self.caller.0)
            } else {
                query
            };
            let request = self.request_to(format!("{path}?{query}"));
            let found = self.rows(&request.json(&asked.filters)).await?;
            if let Some((page, token)) = list::cut(found, asked.page_size, rows) {
                return Ok(respond::page(page, &token));
            }
            rows = rows.saturating_mul(4).min(list::MOST_ROWS);
        }
    }

    async fn rows(&self, request: &RpcRequest) -> Result<Vec<Value>, ApiError> {
        let answer = self.ask(request).await?;
        if answer.is_null() {
            return Ok(Vec::new());
        }
        serde_json::from_value(answer).map_err(|_| self.unreadable())
    }

    fn unreadable(&self) -> ApiError {
        let message = format!(
            "the answer of {} cannot be read",
            self.resource.service.name()
        );
        ApiError::new(StatusCode::BAD_GATEWAY, "UNREADABLE_ANSWER", message)
    }

    pub(crate) async fn ask(&self, request: &RpcRequest) -> Result<Value, ApiError> {
        let Resource {
            service, tag, noun, ..
        } = *self.resource;
        let usual = self.gateway.config.request_timeout();
        let patience = self.route.patience.unwrap_or(usual);
        let answer = self
            .gateway
            .ask_within(service, request, tag, patience)
            .await;
        answer.map_err(|error| ApiError::of_rpc(error, service, noun, self.route.hint))
    }
}
