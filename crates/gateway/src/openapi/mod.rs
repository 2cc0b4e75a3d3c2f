//! The description of the API, OpenAPI 3.1, built from the tables of
//! [`crate::resources`]: what is in a table is described, and nothing else.
//!
//! What is answered is described by the models ([`rows`]), or by an example
//! (`examples.json`) from which the schema follows. Why it is built by hand is in
//! `docs/decisions/openapi-from-the-tables.md`.

mod page;
mod rows;
mod schema;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use trunkline_bus::Method;

use crate::codes;
use crate::config::Config;
use crate::pages;
use crate::resources::{self, Act, Filter, FilterKind, ListOf, Resource, Route};
use crate::respond::JSON;

/// The document, and the page for people, made once.
#[derive(Default)]
pub(crate) struct Description {
    json: OnceLock<String>,
    page: OnceLock<String>,
}

impl Description {
    /// `/openapi.json`.
    pub(crate) fn json(&self, config: &Config) -> Response {
        let text = self.json.get_or_init(|| document(config).to_string());
        let mut response = (StatusCode::OK, text.clone()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("max-age=60"),
        );
        response
    }

    /// `/docs`.
    pub(crate) fn page(&self, config: &Config) -> Response {
        let body = self.page.get_or_init(|| page::body(config));
        pages::html(StatusCode::OK, "HTTP API", body)
    }
}

/// The whole document.
pub(crate) fn document(config: &Config) -> Value {
    let examples = examples();
    let mut paths = Map::new();
    let mut tags = Vec::new();
    let mut seen = BTreeSet::new();
    for resource in resources::all() {
        if seen.insert(tag(resource)) {
            tags.push(json!({"name": tag(resource), "description": about(resource)}));
        }
        for route in resource.routes {
            let path = paths
                .entry(route.path)
                .or_insert_with(|| json!({}))
                .as_object_mut();
            let operation = operation(resource, route, &examples, config);
            if let Some(path) = path {
                path.insert(route.method.as_str().to_lowercase(), operation);
            }
        }
    }
    paths.extend(open_paths());
    tags.push(json!({"name": "health", "description": "For monitoring; without a token."}));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trunkline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Call control and campaigns for Asterisk. A token fixes the customer; what is another customer's is answered like what does not exist. Lists are pages: `next_page_token` leads to the next. Errors are `{\"error\":{\"code\",\"message\",\"field\"?,\"docs\"}}`; `docs` is the path of a page that says what to do.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "tags": tags,
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "A token of `/v1/tokens`."}},
            "schemas": schema::components(&examples),
            "responses": responses(),
        },
    })
}

/// What is served without a token.
fn open_paths() -> Map<String, Value> {
    let open = |summary: &str, kind: &str, more: &[(u16, &str)]| {
        let content = json!({kind: {"schema": if kind == "application/json" { json!({"type": "object"}) } else { json!({"type": "string"}) }}});
        let mut answers = Map::new();
        answers.insert(
            "200".to_owned(),
            json!({"description": "As asked for.", "content": content}),
        );
        for (status, text) in more {
            answers.insert(
                status.to_string(),
                json!({"description": text, "content": content}),
            );
        }
        json!({"get": {"summary": summary, "operationId": summary.to_lowercase().replace([' ', '.', ','], "_"), "tags": ["health"], "security": [], "responses": answers}})
    };
    let mut paths = Map::new();
    paths.insert(
        "/healthz".to_owned(),
        open("The process lives", "application/json", &[]),
    );
    let ready = [(503, "Not yet, or a part is away; `parts` says which.")];
    paths.insert(
        "/readyz".to_owned(),
        open("Requests can be served", "application/json", &ready),
    );
    paths.insert(
        "/openapi.json".to_owned(),
        open("This description", "application/json", &[]),
    );
    paths.insert(
        "/docs".to_owned(),
        open("This description for people", "text/html", &[]),
    );
    paths.insert(
        "/docs/errors".to_owned(),
        open("All codes of errors", "text/html", &[]),
    );
    let mut page = open(
        "What a code of an error means",
        "text/html",
        &[(404, "There is no such code.")],
    );
    let names: Vec<&str> = codes::CODES.iter().map(|code| code.name).collect();
    page["get"]["parameters"] = json!([{"name": "code", "in": "path", "required": true, "schema": {"type": "string", "enum": names}}]);
    paths.insert("/docs/errors/{code}".to_owned(), page);
    paths
}

fn operation(resource: &Resource, route: &Route, examples: &Value, config: &Config) -> Value {
    let fields = route.fields();
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": summary(resource, route),
        "tags": [tag(resource)],
        "parameters": parameters(route, config),
        "responses": answers(resource, route, examples),
    });
    if route.operators_only {
        operation["description"] = json!("For operators only.");
    }
    if matches!(route.method, Method::Post | Method::Put) && !fields.is_empty() {
        let required = fields.iter().any(|field| field.required);
        operation["requestBody"] = json!({
            "required": required,
            "content": {"application/json": {"schema": schema::of_fields(fields, config)}},
        });
    }
    operation
}

/// `post_v1_calls_id_hangup`.
fn operation_id(route: &Route) -> String {
    let path = route.path.replace(['{', '}'], "").replace('/', "_");
    format!("{}{path}", route.method.as_str().to_lowercase())
}

fn tag(resource: &Resource) -> &'static str {
    resource.path.rsplit('/').next().unwrap_or_default()
}

fn about(resource: &Resource) -> &'static str {
    match tag(resource) {
        "campaigns" => "Lists of people that are called, in a pace and with rules.",
        "campaigncalls" => "Attempts of campaigns to reach a person.",
        "outplans" => "How often and how long a campaign tries each number.",
        "outdials" => "Lists of people.",
        "outdialtargets" => "The people in a list, with up to five numbers each.",
        "flows" => "What happens on a call: actions, one after the other.",
        "activeflows" => "Flows that run.",
        "variables" => "Variables of a flow that runs.",
        "calls" => "Calls, incoming and outgoing.",
        "recordings" => "Recordings of calls.",
        "outbound_configs" => "What a customer may dial, and how.",
        "asterisks" => "The Asterisks that are connected.",
        "customers" => "Customers, and how many calls they may make.",
        "accounts" => "Accounts of customers.",
        "numbers" => "Telephone numbers of customers.",
        "routes" => "Which provider carries which calls.",
        "providers" => "Who carries calls; for operators.",
        "agents" => "People who take calls.",
        "tokens" => "Access to this API.",
        "events" => "What happens, as it happens.",
        "parked" => "Messages that could not be handled; for operators.",
        "trunks" => "SIP trunks.",
        "phones" => "SIP phones.",
        _ => "",
    }
}

/// What a route does, in a sentence.
pub(super) fn summary(resource: &Resource, route: &Route) -> String {
    if !route.about.is_empty() {
        return route.about.to_owned();
    }
    let noun = resource.noun;
    let part = route.path.split('/').nth(4).unwrap_or_default();
    let part = part.replace('_', " ");
    match route.act {
        Act::List {
            customer: ListOf::Row,
            ..
        } => format!("The {part} of one {noun}, newest first."),
        Act::List { .. } => format!("A page of {noun}s, newest first."),
        Act::Create(_) => format!("Makes a new {noun}."),
        Act::Get => format!("One {noun}."),
        Act::GetPart => format!("The {part} of one {noun}."),
        Act::Update(_) if part.is_empty() => {
            format!("Changes a {noun}. Fields that are left out stay as they are.")
        }
        Act::Update(_) | Act::UpdatePart(_) => {
            format!("Changes the {part} of a {noun}. Fields that are left out stay as they are.")
        }
        Act::Do(_) if route.method == Method::Put && part.is_empty() => {
            format!("Changes a {noun}.")
        }
        Act::Do(_) if route.method == Method::Put => format!("Sets the {part} of a {noun}."),
        Act::Do(_) => format!("{noun}: {part}."),
        Act::Delete => format!("Removes a {noun}."),
        Act::Own(_) => format!("{noun}: {part}"),
    }
}

/// The parameters of a route: the id, the query, and headers.
pub(super) fn parameters(route: &Route, config: &Config) -> Vec<Value> {
    let mut parameters = Vec::new();
    for name in route.path.split('/').filter_map(|part| {
        part.strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'))
    }) {
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}));
    }
    let (filters, paged, deleted): (&[Filter], bool, bool) = match route.act {
        Act::List { filters, customer } => (filters, customer.is_paged(), customer.knows_deleted()),
        Act::Own(own) => (own.query, false, false),
        Act::Create(_)
        | Act::Get
        | Act::GetPart
        | Act::Update(_)
        | Act::UpdatePart(_)
        | Act::Do(_)
        | Act::Delete => (&[], false, false),
    };
    parameters.extend(filters.iter().map(|filter| query(filter, config)));
    if deleted {
        parameters.push(json!({"name": "deleted", "in": "query", "description": "Rows that were deleted, in place of those that were not.", "schema": {"type": "boolean"}}));
    }
    if paged {
        for kind in [FilterKind::PageSize, FilterKind::PageToken] {
            parameters.push(query(&Filter { name: "", kind }, config));
        }
    }
    if route.method == Method::Post {
        parameters.push(json!({"name": "Idempotency-Key", "in": "header", "description": "A repetition with the same key and body is not carried out again and gets the first answer.", "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}}));
    }
    parameters
}

fn query(filter: &Filter, config: &Config) -> Value {
    let (name, schema, about) = match filter.kind {
        FilterKind::Id => (
            filter.name,
            json!({"type": "string", "format": "uuid"}),
            "Only those with this.",
        ),
        FilterKind::Text => (
            filter.name,
            json!({"type": "string"}),
            "Only those with this.",
        ),
        FilterKind::PageSize => (
            "page_size",
            json!({"type": "integer", "minimum": 1, "maximum": config.page_size_max, "default": config.page_size}),
            "Rows of a page, about: rows of one moment are never parted.",
        ),
        FilterKind::PageToken => (
            "page_token",
            json!({"type": "string", "format": "date-time"}),
            "`next_page_token` of the page before.",
        ),
    };
    json!({"name": name, "in": "query", "description": about, "schema": schema})
}

/// What a route answers.
fn answers(resource: &Resource, route: &Route, examples: &Value) -> Value {
    let (row, example) = schema::answer(resource, route, examples);
    let mut content = Map::new();
    let kinds: &[&str] = match route.act {
        Act::Own(own) => own.answers,
        Act::List { .. }
        | Act::Create(_)
        | Act::Get
        | Act::GetPart
        | Act::Update(_)
        | Act::UpdatePart(_)
        | Act::Do(_)
        | Act::Delete => &["application/json"],
    };
    for kind in kinds {
        let described = if *kind == "application/json" {
            let mut described = json!({"schema": row});
            if let Some(example) = &example {
                described["example"] = example.clone();
            }
            described
        } else {
            json!({"schema": {"type": "string"}})
        };
        content.insert((*kind).to_owned(), described);
    }
    let mut answers = json!({"200": {"description": "Done.", "content": content}});
    let mut refused = vec![400, 401, 403, 404, 429, 431, 500, 502, 503, 504];
    if matches!(route.method, Method::Post | Method::Put) {
        refused.extend([402, 408, 413, 415, 422]);
    }
    if route.method != Method::Get {
        refused.push(409);
    }
    for status in refused {
        answers[status.to_string()] = json!({"$ref": format!("#/components/responses/{status}")});
    }
    answers
}

/// The errors, each once.
fn responses() -> Value {
    let described = [
        (
            400,
            "A field, a parameter or the body is wrong.",
            "INVALID_ARGUMENT",
        ),
        (
            401,
            "The token is missing, unknown, expired or revoked.",
            "UNAUTHENTICATED",
        ),
        (402, "The account has no balance.", "PAYMENT_REQUIRED"),
        (403, "For operators only.", "PERMISSION_DENIED"),
        (
            404,
            "There is no such row, or it is another customer's.",
            "NOT_FOUND",
        ),
        (408, "The body did not arrive in time.", "BODY_TIMEOUT"),
        (
            409,
            "It cannot be done in this state.",
            "FAILED_PRECONDITION",
        ),
        (413, "The body is too large.", "BODY_TOO_LARGE"),
        (
            415,
            "The body is not announced as JSON.",
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            422,
            "The idempotency key was used for another request.",
            "IDEMPOTENCY_KEY_REUSED",
        ),
        (
            429,
            "Too much at once; `Retry-After` says when to try again.",
            "RATE_LIMITED",
        ),
        (431, "The headers are too large.", "HEADERS_TOO_LARGE"),
        (500, "The role could not do it.", "INTERNAL"),
        (
            502,
            "The role's answer cannot be read.",
            "UNREADABLE_ANSWER",
        ),
        (
            503,
            "The role is away or busy; nothing was done.",
            "UNAVAILABLE",
        ),
        (
            504,
            "The role did not answer in time; it may have been done.",
            "TIMEOUT",
        ),
    ];
    let mut responses = Map::new();
    for (status, about, code) in described {
        let example = json!({"error": {"code": code, "message": about, "docs": format!("/docs/errors/{code}")}});
        let mut response = json!({
            "description": about,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}, "example": example}},
        });
        if status == 429 {
            response["headers"] =
                json!({"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}});
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

/// An example of what each path answers, by path, or by method and path.
fn examples() -> Value {
    let mut examples: Value =
        serde_json::from_str(include_str!("examples.json")).unwrap_or_default();
    for row in rows::all() {
        examples[row.key] = row.example;
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_every_description_is_a_route() {
        let document = document(&Config::default());
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.to_uppercase()))
            })
            .collect();
        let mut routes: BTreeSet<(String, String)> = resources::all()
            .flat_map(|resource| resource.routes)
            .map(|route| (route.path.to_owned(), route.method.as_str().to_owned()))
            .collect();
        routes.extend(crate::server::OPEN.map(|path| (path.to_owned(), "GET".to_owned())));
        assert_eq!(described, routes);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_id_is_one_operation() {
        let document = document(&Config::default());
        let mut ids = BTreeSet::new();
        let mut left = vec![&document];
        while let Some(value) = left.pop() {
            match value {
                Value::Object(entries) => {
                    if let Some(reference) = entries.get("$ref") {
                        let pointer = reference.as_str().unwrap().trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{pointer}");
                    }
                    if let Some(id) = entries.get("operationId") {
                        assert!(ids.insert(id.as_str().unwrap()), "{id}");
                    }
                    left.extend(entries.values());
                }
                Value::Array(items) => left.extend(items),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }
}
