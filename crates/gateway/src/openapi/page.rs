//! The description for people: one page, without scripts, from the same tables.

use std::fmt::Write as _;

use serde_json::Value;

use super::{about, document, parameters, summary, tag};
use crate::config::Config;
use crate::pages::{escaped, inline};
use crate::resources;

/// The page's body.
pub(super) fn body(config: &Config) -> String {
    let document = document(config);
    let mut page = String::from("<h1>Trunkline: the HTTP API</h1>");
    let intro = document["info"]["description"].as_str().unwrap_or_default();
    let _ = write!(
        page,
        "<p>{}</p><p>Machines read <a href=\"/openapi.json\"><code>/openapi.json</code></a> (OpenAPI 3.1). Every <a href=\"/docs/errors\">code of an error</a> has a page.</p>",
        inline(intro)
    );
    page.push_str("<pre><code>curl -H \"Authorization: Bearer $TRUNKLINE_TOKEN\" http://127.0.0.1:8080/v1/campaigns</code></pre><ul>");
    for resource in resources::all() {
        let _ = write!(
            page,
            "<li><a href=\"#{0}\">{0}</a> {1}</li>",
            tag(resource),
            inline(about(resource))
        );
    }
    page.push_str("</ul>");
    for resource in resources::all() {
        let _ = write!(
            page,
            "<h2 id=\"{0}\">{0}</h2><p>{1}</p>",
            tag(resource),
            inline(about(resource))
        );
        for route in resource.routes {
            let method = route.method.as_str();
            let only = if route.operators_only {
                " <span class=\"o\">operators only</span>"
            } else {
                ""
            };
            let _ = write!(
                page,
                "<details><summary><span class=\"m\">{method}</span> <code>{}</code>{only}<br>{}</summary>",
                escaped(route.path),
                inline(&summary(resource, route))
            );
            let operation = &document["paths"][route.path][method.to_lowercase()];
            let named = parameters(route, config);
            if !named.is_empty() {
                page.push_str("<table><tr><th>parameter</th><th>in</th><th>holds</th></tr>");
                for parameter in &named {
                    row(
                        &mut page,
                        parameter["name"].as_str().unwrap_or_default(),
                        parameter["in"].as_str().unwrap_or_default(),
                        &holds(&parameter["schema"]),
                    );
                }
                page.push_str("</table>");
            }
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if let Some(properties) = schema["properties"].as_object() {
                page.push_str("<table><tr><th>field</th><th></th><th>holds</th></tr>");
                for (name, field) in properties {
                    let required = schema["required"]
                        .as_array()
                        .is_some_and(|all| all.iter().any(|one| one == name));
                    row(
                        &mut page,
                        name,
                        if required { "required" } else { "" },
                        &holds(field),
                    );
                }
                page.push_str("</table>");
            }
            let example = &operation["responses"]["200"]["content"]["application/json"]["example"];
            if !example.is_null() {
                let text = serde_json::to_string_pretty(example).unwrap_or_default();
                let _ = write!(
                    page,
                    "<p>Answer:</p><pre><code>{}</code></pre>",
                    escaped(&text)
                );
            }
            page.push_str("</details>");
        }
    }
    page
}

fn row(page: &mut String, name: &str, kind: &str, holds: &str) {
    let _ = write!(
        page,
        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
        escaped(name),
        escaped(kind),
        escaped(holds)
    );
}

/// What a value may be, in few words.
fn holds(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let kind = schema["type"].as_str().unwrap_or("any");
    let mut text = match kind {
        "array" => format!("list of {}", holds(&schema["items"])),
        _ => schema["format"].as_str().unwrap_or(kind).to_owned(),
    };
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        text = format!("one of: {}", words.join(", "));
    }
    if let (Some(from), Some(to)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        let _ = write!(text, " from {from} to {to}");
    }
    if let Some(default) = schema.get("default") {
        let _ = write!(text, ", {default} unless given");
    }
    if let Some(about) = schema["description"].as_str() {
        let _ = write!(text, ". {about}");
    }
    text
}
