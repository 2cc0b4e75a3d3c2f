//! Carrying a route of the table out: check, translate, ask the role, answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
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
use crate::server::Gateway;
use crate::{respond, results, targets};

/// A request that matched a route of the table.
struct Matched<'g> {
    gateway: &'g Gateway,
    caller: Caller,
    request_id: String,
    resource: &'static Resource,
    route: &'static Route,
    uri: Uri,
}

/// Carries out what a route of the table says.
pub(crate) async fn dispatch(
    gateway: &Arc<Gateway>,
    caller: Caller,
    resource: &'static Resource,
    route: &'static Route,
    request_id: String,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let matched = Matched {
        gateway,
        caller,
        request_id,
        resource,
        route,
        uri: parts.uri,
    };
    if route.operators_only {
        require_operator(gateway, caller)?;
    }
    match route.act {
        Act::List { filters, customer } => matched.list(filters, customer).await,
        Act::Create(fields) => {
            let given = matched.read(&parts.headers, body, fields).await?;
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
            let given = matched.read(&parts.headers, body, fields).await?;
            let row = matched.row().await?;
            matched
                .send(matched.request()?.json(&complete(given, &row, fields)))
                .await
        }
        Act::UpdatePart(fields) => {
            let given = matched.read(&parts.headers, body, fields).await?;
            matched.row().await?;
            let part = matched.part().await?;
            matched
                .send(matched.request()?.json(&complete(given, &part, fields)))
                .await
        }
        Act::Do(fields) => {
            let given = matched.read(&parts.headers, body, fields).await?;
            matched.row().await?;
            matched.send(matched.request()?.json(&given)).await
        }
        Act::AddTargets => {
            matched.refuse_query()?;
            let config = &gateway.config;
            let limit = config.bulk_body_limit_bytes;
            let bytes = body::receive(&parts.headers, body, limit, config).await?;
            let targets = targets::read(&bytes, caller.0)?;
            matched.row().await?;
            matched.send(matched.request()?.json(&targets)).await
        }
        Act::Results => {
            matched.row().await?;
            let (id, request_id) = (matched.id()?, matched.request_id.clone());
            results::answer(Arc::clone(gateway), caller.0, id, request_id, &matched.uri).await
        }
        Act::Delete => {
            matched.refuse_query()?;
            matched.row().await?;
            matched.send(matched.request()?).await
        }
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
    async fn read(
        &self,
        headers: &axum::http::HeaderMap,
        body: Body,
        fields: &'static [Field],
    ) -> Result<Object, ApiError> {
        self.refuse_query()?;
        let config = &self.gateway.config;
        let bytes = body::receive(headers, body, config.body_limit_bytes, config).await?;
        let given = body::read(&bytes, fields, self.caller.0)?;
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
    fn refuse_query(&self) -> Result<(), ApiError> {
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

    /// The id in the path.
    fn id(&self) -> Result<Uuid, ApiError> {
        let text = self.uri.path().split('/').nth(3).unwrap_or_default();
        Uuid::try_parse(text).map_err(|_| ApiError::no_such(self.resource.noun, text))
    }

    /// The row in the path, which is the caller's.
    async fn row(&self) -> Result<Object, ApiError> {
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
    fn request(&self) -> Result<RpcRequest, ApiError> {
        Ok(self.request_to(self.route.path.replace("{id}", &self.id()?.to_string())))
    }

    fn request_to(&self, uri: impl Into<String>) -> RpcRequest {
        let request = self.gateway.rpc.request(self.route.method, uri);
        RpcRequest {
            request_id: self.request_id.clone(),
            ..request
        }
    }

    async fn create(&self, mut given: Object) -> Result<Response, ApiError> {
        if self.resource.owner != Owner::Shared {
            given.insert("customer_id".to_owned(), json!(self.caller.0));
        }
        self.send(self.request_to(self.route.path).json(&given))
            .await
    }

    async fn send(&self, request: RpcRequest) -> Result<Response, ApiError> {
        let answer = self.ask(&request).await?;
        if answer.is_null() && matches!(self.route.act, Act::Delete) {
            // The reference's way of refusing (chapter 05 A.4): 200 and null.
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

    async fn ask(&self, request: &RpcRequest) -> Result<Value, ApiError> {
        let Resource {
            service, tag, noun, ..
        } = *self.resource;
        let answer = self.gateway.ask(service, request, tag).await;
        answer.map_err(|error| ApiError::of_rpc(error, service, noun, self.route.hint))
    }
}
