//! Pages for people: self-contained HTML without scripts, made from the tables
//! and from the documents of the errors.

use std::fmt::Write as _;

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::codes;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}\
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f3f4f6;border-radius:4px}code{padding:1px 4px}pre{padding:.75rem;overflow-x:auto}\
pre code{padding:0}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;border-bottom:1px solid #d8dce2;padding:.3rem .6rem .3rem 0}\
a{color:#0b57a4}h2{margin-top:2.5rem;border-top:2px solid #d8dce2;padding-top:1rem}h3{margin-top:1.6rem}summary{cursor:pointer;padding:.25rem 0}\
.m{display:inline-block;min-width:4.2em;font-weight:600}.o{color:#8a4b00}";

/// What explains an error.
pub(crate) async fn error_page(Path(name): Path<String>) -> Response {
    match codes::find(&name) {
        Some(code) => html(
            StatusCode::OK,
            code.name,
            &format!(
                "{}<p><a href=\"/docs/errors\">All errors</a></p>",
                rendered(code.page)
            ),
        ),
        None => html(
            StatusCode::NOT_FOUND,
            "Not found",
            "<h1>No such error</h1><p><a href=\"/docs/errors\">All errors</a></p>",
        ),
    }
}

/// All errors.
pub(crate) async fn error_index() -> Response {
    let mut body = "<h1>Errors</h1><p>Every error of the API is <code>{\"error\":{\"code\",\"message\",\"field\"?,\"docs\"}}</code>.</p><ul>".to_owned();
    for code in codes::CODES {
        let _ = write!(
            body,
            "<li><a href=\"/docs/errors/{0}\">{0}</a></li>",
            code.name
        );
    }
    body.push_str("</ul>");
    html(StatusCode::OK, "Errors", &body)
}

/// A whole page.
pub(crate) fn html(status: StatusCode, title: &str, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{} · Trunkline</title><style>{STYLE}</style></head><body>{body}</body></html>\n",
        escaped(title)
    );
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let policy = HeaderValue::from_static(policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Text as it stands in HTML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// The little of Markdown that our pages of errors use: headings, paragraphs,
/// bold, code, and links, which lead nowhere from here and stay as text.
fn rendered(markdown: &str) -> String {
    let mut page = String::new();
    for block in markdown.split("\n\n").map(str::trim) {
        match block.strip_prefix("# ") {
            Some(title) => _ = write!(page, "<h1>{}</h1>", escaped(title)),
            None => _ = write!(page, "<p>{}</p>", inline(block)),
        }
    }
    page
}

/// Bold, code and links of one paragraph.
pub(crate) fn inline(text: &str) -> String {
    let mut line = String::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            let _ = write!(line, "<code>{}</code>", escaped(part));
            continue;
        }
        for (at, part) in without_links(part).split("**").enumerate() {
            let (open, close) = if at % 2 == 1 {
                ("<b>", "</b>")
            } else {
                ("", "")
            };
            let _ = write!(line, "{open}{}{close}", escaped(part));
        }
    }
    line
}

fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((label, tail)) = after.split_once("](") else {
            plain.push('[');
            rest = after;
            continue;
        };
        plain.push_str(label);
        rest = tail.split_once(')').map_or("", |(_, tail)| tail);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_never_html() {
        let page = rendered("# A <b>\n\nsee [api](x.md) and `<i>`, **now** [1] & <script>");
        assert_eq!(
            page,
            "<h1>A &lt;b&gt;</h1><p>see api and <code>&lt;i&gt;</code>, <b>now</b> [1] &amp; &lt;script&gt;</p>"
        );
    }
}
