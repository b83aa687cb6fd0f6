//! A tool's `request`: as written in a manifest, and checked against the arguments that the tool declares.

use std::collections::BTreeMap;

use cofferdam_config::{Diagnostics, quote, text};
use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{Checker, DeclaredArgument, Position};
use super::headers;
use super::path::PathTemplate;
use super::template::Node;
use crate::broker::CredentialSpec;

/// A tool's `request`, as written in a manifest.
///
/// `query` and `body` are a list, a table, or a list that contains tables:
///
/// ```toml
/// query = ["state", "labels"]                                  # arguments under their own names
/// query = { state = "{state}", per_page = "{limit}", v = "2" } # renamed on the wire, and a constant
/// body = ["title", { parent = { page_id = "{page}" } }]        # both
/// body = "{payload}"                                           # one argument is the whole body
/// ```
///
/// A string that is one placeholder becomes the argument with its JSON type, and `"{text|base64}"` a string in
/// Base64. A placeholder inside a longer string (`"repo:{repo} {terms}"`) becomes a string, and its argument must be
/// required. A literal brace is doubled. An absent argument is omitted, and so is a table or list of absent arguments
/// only. `null` is sent in a JSON body, and omitted elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTable {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// The path below the base URL: `/repos/{owner}/{repo}/contents/{path*}`. `{path*}` may contain slashes.
    pub path: String,
    /// The query parameters. None if absent.
    pub query: Option<Value>,
    /// Headers of this tool, which override those of the module: constants or strings with placeholders. None if
    /// absent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body. None if absent.
    pub body: Option<Value>,
    /// The format of the body. `"json"` if absent.
    #[serde(default)]
    pub body_format: BodyFormat,
}

/// The format of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// A tool's `request`, checked against the arguments it declares.
#[derive(Debug)]
pub struct RequestTemplate {
    pub(super) method: Method,
    pub(super) path: PathTemplate,
    /// Name and value, as sent.
    pub(super) query: Vec<(String, Node)>,
    pub(super) headers: Vec<(HeaderName, Node)>,
    pub(super) body: Option<Node>,
    pub(super) body_format: BodyFormat,
}

impl RequestTemplate {
    /// Checks a tool's `request`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it. Keys are relative to the `request` table. An argument that is declared and not
    /// used is reported at the empty key.
    pub fn from_table(
        table: RequestTable,
        declared: &[DeclaredArgument<'_>],
        credential: &CredentialSpec,
    ) -> Result<Self, Diagnostics> {
        let mut checker = Checker::new(declared);
        let method = method(&table.method, &mut checker);
        let path = PathTemplate::parse(&table.path, &mut checker);
        let query = table.query.as_ref().map(|v| pairs(v, "query", &mut checker)).unwrap_or_default();
        for (name, node) in &query {
            check_query(name, node, credential, &mut checker);
        }
        let headers = headers(&table.headers, credential, &mut checker);
        let body = table.body.as_ref().map(|value| body(value, table.body_format, &mut checker));
        if body.is_some() && matches!(method, Method::GET | Method::HEAD) {
            checker.error(
                "body",
                text!("is not allowed with the method {}", quote::string(method.as_str())),
                "move it to `query`, or use another method",
            );
        }
        let diagnostics = checker.finish();
        if diagnostics.is_empty() {
            Ok(Self { method, path, query, headers, body, body_format: table.body_format })
        } else {
            Err(diagnostics)
        }
    }
}

fn method(text: &str, checker: &mut Checker<'_>) -> Method {
    match text {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => {
            checker.error(
                "method",
                text!("unknown method {}", quote::string(text)),
                "write GET, HEAD, POST, PUT, PATCH or DELETE",
            );
            Method::GET
        }
    }
}

/// The names and values of a list, a table, or a list that contains tables.
fn pairs(value: &Value, key: &'static str, checker: &mut Checker<'_>) -> Vec<(String, Node)> {
    let mut pairs: Vec<(String, Node)> = Vec::new();
    let items = match value {
        Value::Array(items) => items.iter().collect(),
        table => vec![table],
    };
    for item in items {
        match item {
            Value::String(name) if value.is_array() && !name.is_empty() && !name.contains(['{', '}']) => {
                checker.uses(key, name, Position::Whole);
                pairs.push((name.clone(), Node::Argument(name.clone())));
            }
            Value::Object(table) => {
                for (name, value) in table {
                    let node = Node::parse(value, &format!("{key}.{name}"), checker);
                    pairs.push((name.clone(), node));
                }
            }
            _ => checker.error(
                key,
                "must be a list of arguments or a table",
                text!("write `{key} = [\"argument\", {{ name = \"{{argument}}\" }}]`"),
            ),
        }
    }
    for (i, (name, _)) in pairs.iter().enumerate() {
        if pairs.iter().take(i).any(|(earlier, _)| earlier == name) {
            checker.error(format!("{key}.{name}"), "is defined twice", "define each name once");
        }
    }
    pairs
}

fn check_query(name: &str, node: &Node, credential: &CredentialSpec, checker: &mut Checker<'_>) {
    let key = format!("query.{name}");
    if let CredentialSpec::Query { params } = credential
        && params.keys().any(|own| own.eq_ignore_ascii_case(name))
    {
        checker.error(&key, "carries the credential", "leave it to `[credential]`");
    }
    check_flat(&key, node, checker);
}

/// A query and a form contain strings, numbers, booleans and lists of them.
fn check_flat(key: &str, node: &Node, checker: &mut Checker<'_>) {
    let flat = match node {
        Node::Constant(Value::Array(items)) => items.iter().all(|item| !item.is_array() && !item.is_object()),
        Node::Constant(value) => !value.is_object(),
        Node::Array(nodes) => nodes.iter().all(|node| !matches!(node, Node::Object(_) | Node::Array(_))),
        Node::Argument(_) | Node::Base64(_) | Node::Text(_) => true,
        Node::Object(_) => false,
    };
    if !flat {
        checker.error(key, "is nested, which a query or a form cannot carry", "give each value its own name");
    }
}

fn headers(
    table: &BTreeMap<String, String>,
    credential: &CredentialSpec,
    checker: &mut Checker<'_>,
) -> Vec<(HeaderName, Node)> {
    let mut headers = Vec::new();
    for (name, text) in table {
        let key = format!("headers.{name}");
        let node = Node::parse(&Value::String(text.clone()), &key, checker);
        if let Node::Constant(Value::String(constant)) = &node
            && headers::value(constant).is_none()
        {
            checker.error(&key, "contains a character that a header cannot carry", "use visible ASCII");
        }
        match headers::for_manifest(name, credential) {
            Ok(header) if header == CONTENT_TYPE && !matches!(node, Node::Constant(_)) => {
                checker.error(&key, "is set by an argument", "set `body_format` instead");
            }
            Ok(header) => headers.push((header, node)),
            Err(why) => checker.error(&key, why, "remove it"),
        }
    }
    headers
}

fn body(value: &Value, format: BodyFormat, checker: &mut Checker<'_>) -> Node {
    if let Value::String(_) = value {
        let node = Node::parse(value, "body", checker);
        if !matches!(node, Node::Argument(_)) {
            checker.error(
                "body",
                "must not be a constant string",
                "write `body = \"{argument}\"`, a list or a table",
            );
        }
        return node;
    }
    let pairs = pairs(value, "body", checker);
    if format == BodyFormat::Form {
        for (name, node) in &pairs {
            check_flat(&format!("body.{name}"), node, checker);
        }
    }
    Node::Object(pairs)
}

#[cfg(test)]
mod tests;
