//! A tool's `request`: as it is written, and checked against the arguments that the tool declares.

use std::collections::BTreeMap;

use http::header::CONTENT_TYPE;
use http::{HeaderName, Method};
use serde::Deserialize;
use serde_json::Value;

use super::check::{Checker, Place};
use super::finding::Finding;
use super::headers;
use super::path::PathTemplate;
use super::template::Node;
use crate::broker::CredentialSpec;

/// A tool's `request`, as it is written.
///
/// `query` and `body` take a list, a table, or a list with tables in it:
///
/// ```toml
/// query = ["state", "labels"]                                  # arguments under their own names
/// query = { state = "{state}", per_page = "{limit}", v = "2" } # renamed on the wire, and a constant
/// body = ["title", { parent = { page_id = "{page}" } }]        # both
/// body = "{payload}"                                           # one argument is the whole body
/// ```
///
/// A text that is one placeholder takes the argument with its JSON type, and `"{text|base64}"` takes a text in Base64; a
/// placeholder inside a longer text (`"repo:{repo} {terms}"`) takes it as text, and its argument must be required. A brace that stands for itself is
/// doubled. An absent argument is left out, and so is a table or list that held nothing but absent arguments.
/// `null` is sent in a JSON body, and left out elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTable {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Where below the base address: `/repos/{owner}/{repo}/contents/{path*}`. `{path*}` may hold slashes.
    pub path: String,
    /// The query's parameters. None where absent.
    pub query: Option<Value>,
    /// Headers of this tool, over those of the module: a constant or a text with placeholders. None where absent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body. None where absent.
    pub body: Option<Value>,
    /// How the body is written. `"json"` where absent.
    #[serde(default)]
    pub body_format: BodyFormat,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// An argument that a tool declares in its input schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredArgument<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether a call must carry it.
    pub required: bool,
}

/// A tool's `request`, checked against the arguments it declares.
#[derive(Debug)]
pub struct RequestTemplate {
    pub(super) method: Method,
    pub(super) path: PathTemplate,
    /// Wire name and value.
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
    /// Everything that is wrong with it at once; keys are those inside the `request` table. An argument that is
    /// declared and not used is reported at the empty key.
    pub fn from_table(
        table: RequestTable,
        declared: &[DeclaredArgument<'_>],
        credential: &CredentialSpec,
    ) -> Result<Self, Vec<Finding>> {
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
            checker.finding(
                "body",
                format!("is given for the method {method}, which has none"),
                "move it to `query`, or use another method",
            );
        }
        let findings = checker.finish();
        if findings.is_empty() {
            Ok(Self { method, path, query, headers, body, body_format: table.body_format })
        } else {
            Err(findings)
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
            checker.finding(
                "method",
                format!("`{text}` is none of the methods"),
                "write GET, HEAD, POST, PUT, PATCH or DELETE",
            );
            Method::GET
        }
    }
}

/// The names on the wire with their values, from a list, a table, or a list with tables in it.
fn pairs(value: &Value, key: &str, checker: &mut Checker<'_>) -> Vec<(String, Node)> {
    let mut pairs: Vec<(String, Node)> = Vec::new();
    let items = match value {
        Value::Array(items) => items.iter().collect(),
        table => vec![table],
    };
    for item in items {
        match item {
            Value::String(name) if value.is_array() && !name.is_empty() && !name.contains(['{', '}']) => {
                checker.uses(key, name, Place::Whole);
                pairs.push((name.clone(), Node::Argument(name.clone())));
            }
            Value::Object(table) => {
                for (name, value) in table {
                    let node = Node::parse(value, &format!("{key}.{name}"), checker);
                    pairs.push((name.clone(), node));
                }
            }
            _ => checker.finding(
                key,
                "is neither a list of arguments nor a table",
                format!("write `{key} = [\"argument\", {{ name = \"{{argument}}\" }}]`"),
            ),
        }
    }
    for (i, (name, _)) in pairs.iter().enumerate() {
        if pairs.iter().take(i).any(|(earlier, _)| earlier == name) {
            checker.finding(format!("{key}.{name}"), "stands there twice", "give each name once");
        }
    }
    pairs
}

fn check_query(name: &str, node: &Node, credential: &CredentialSpec, checker: &mut Checker<'_>) {
    let key = format!("query.{name}");
    if let CredentialSpec::Query { params } = credential
        && params.keys().any(|own| own.eq_ignore_ascii_case(name))
    {
        checker.finding(&key, "carries the credential", "leave it to `[credential]`");
    }
    check_flat(&key, node, checker);
}

/// A query and a form hold texts, numbers, booleans and lists of them.
fn check_flat(key: &str, node: &Node, checker: &mut Checker<'_>) {
    let flat = match node {
        Node::Constant(Value::Array(items)) => items.iter().all(|item| !item.is_array() && !item.is_object()),
        Node::Constant(value) => !value.is_object(),
        Node::Array(nodes) => nodes.iter().all(|node| !matches!(node, Node::Object(_) | Node::Array(_))),
        Node::Argument(_) | Node::Base64(_) | Node::Text(_) => true,
        Node::Object(_) => false,
    };
    if !flat {
        checker.finding(
            key,
            "is nested, which a query or a form cannot carry",
            "write each value under a name of its own",
        );
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
            checker.finding(&key, "holds a character that a header cannot carry", "use visible ASCII");
        }
        match headers::settable(name, credential) {
            Ok(header) if header == CONTENT_TYPE && !matches!(node, Node::Constant(_)) => {
                checker.finding(
                    &key,
                    "is set by an argument",
                    "let `body_format` say how the body is written",
                );
            }
            Ok(header) => headers.push((header, node)),
            Err(why) => checker.finding(&key, why, "leave it out"),
        }
    }
    headers
}

fn body(value: &Value, format: BodyFormat, checker: &mut Checker<'_>) -> Node {
    if let Value::String(_) = value {
        let node = Node::parse(value, "body", checker);
        if !matches!(node, Node::Argument(_)) {
            checker.finding("body", "is a text", "write `body = \"{argument}\"`, a list or a table");
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
