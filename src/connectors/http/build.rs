//! A template and arguments become a request, still without its credential.

use bytes::Bytes;
use cofferdam_config::size;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};
use url::Url;

use super::destination::{check_host, same_origin};
use super::encode::push_pair;
use super::headers;
use super::request::{BodyFormat, RequestTemplate};
use super::settings::{Arrays, HttpSettings};
use super::template::{Node, Part, Target, invalid, scalar_text};
use crate::connectors::failure::CallFailure;

/// A request without its credential.
pub(super) struct PreparedRequest {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl RequestTemplate {
    /// The request of one call.
    ///
    /// # Errors
    ///
    /// [`CallFailure::InvalidArguments`] if an argument cannot be put where the template has it,
    /// [`CallFailure::Unreachable`] if `base` may not be called.
    pub(super) fn build(
        &self,
        base: &Url,
        settings: &HttpSettings,
        arguments: &Map<String, Value>,
    ) -> Result<PreparedRequest, CallFailure> {
        let url = self.url(base, settings.arrays, arguments)?;
        let mut headers = settings.headers.clone();
        for (name, node) in &self.headers {
            let Some(value) = node.render(arguments, Target::Text)? else { continue };
            let value = scalar_text(&value).and_then(|text| headers::value(&text)).ok_or_else(|| {
                let argument = first_argument(node).unwrap_or(name.as_str());
                invalid(argument, "must be one line of visible ASCII, because it is sent in a header")
            })?;
            headers.insert(name.clone(), value);
        }
        let body = self.body(settings, arguments)?;
        if body.is_some() && !headers.contains_key(CONTENT_TYPE) {
            let kind = match self.body_format {
                BodyFormat::Json => "application/json",
                BodyFormat::Form => "application/x-www-form-urlencoded",
            };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Ok(PreparedRequest { method: self.method.clone(), url, headers, body })
    }

    fn url(&self, base: &Url, arrays: Arrays, arguments: &Map<String, Value>) -> Result<Url, CallFailure> {
        check_host(base).map_err(|why| {
            CallFailure::unreachable(format!(
                "the service is not called: its `base_url` {why}; tell the user to correct it"
            ))
        })?;
        let reads = matches!(self.method, Method::GET | Method::HEAD);
        let path = self.path.render(arguments, reads)?;
        let mut path = format!("{}{path}", base.path().trim_end_matches('/'));
        if path.is_empty() {
            path.push('/');
        }
        let mut query = String::new();
        for (name, node) in &self.query {
            push_values(&mut query, name, node, arrays, arguments)?;
        }
        let query = Some(query).filter(|query| !query.is_empty());
        let mut url = base.clone();
        url.set_path(&path);
        url.set_query(query.as_deref());
        // Each part was checked on its own. This checks the whole, as the `url` crate normalised it.
        if same_origin(&url, base) && url.path() == path && url.query() == query.as_deref() {
            Ok(url)
        } else {
            Err(CallFailure::InvalidArguments {
                message: "the arguments would change where the request goes; send plain names and values"
                    .into(),
            })
        }
    }

    fn body(
        &self,
        settings: &HttpSettings,
        arguments: &Map<String, Value>,
    ) -> Result<Option<Bytes>, CallFailure> {
        let Some(node) = &self.body else { return Ok(None) };
        let bytes = match self.body_format {
            BodyFormat::Json => {
                let value = match (node.render(arguments, Target::Json)?, node) {
                    (Some(value), _) => value,
                    (None, Node::Argument(_)) => return Ok(None),
                    (None, _) => Value::Object(Map::new()),
                };
                value.to_string()
            }
            BodyFormat::Form => form(node, settings.arrays, arguments)?,
        };
        let limit = settings.limits.request_bytes;
        if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
            Ok(Some(bytes.into()))
        } else {
            Err(CallFailure::InvalidArguments {
                message: format!(
                    "the arguments make a request larger than {}; send less",
                    size::format(limit)
                ),
            })
        }
    }
}

fn form(node: &Node, arrays: Arrays, arguments: &Map<String, Value>) -> Result<String, CallFailure> {
    let mut out = String::new();
    match node {
        Node::Object(entries) => {
            for (name, node) in entries {
                push_values(&mut out, name, node, arrays, arguments)?;
            }
        }
        _ => {
            let argument = first_argument(node).unwrap_or("body");
            match node.render(arguments, Target::Text)? {
                None => {}
                Some(Value::Object(entries)) => {
                    for (name, value) in entries {
                        push_value(&mut out, &name, &value, arrays, argument)?;
                    }
                }
                Some(_) => {
                    return Err(invalid(argument, "must be an object, because it is the body of a form"));
                }
            }
        }
    }
    Ok(out)
}

fn push_values(
    out: &mut String,
    name: &str,
    node: &Node,
    arrays: Arrays,
    arguments: &Map<String, Value>,
) -> Result<(), CallFailure> {
    match node.render(arguments, Target::Text)? {
        Some(value) => push_value(out, name, &value, arrays, first_argument(node).unwrap_or(name)),
        None => Ok(()),
    }
}

/// Appends `name=value` to `out`. A list is repeated or joined by commas, and `null` is omitted.
fn push_value(
    out: &mut String,
    name: &str,
    value: &Value,
    arrays: Arrays,
    argument: &str,
) -> Result<(), CallFailure> {
    let nested = || invalid(argument, "must not be nested, because a query or a form cannot carry that");
    let items = match value {
        Value::Null => return Ok(()),
        Value::Array(items) => items,
        scalar => {
            push_pair(out, name, &scalar_text(scalar).ok_or_else(nested)?);
            return Ok(());
        }
    };
    let strings: Vec<String> =
        items.iter().map(|item| scalar_text(item).ok_or_else(nested)).collect::<Result<_, _>>()?;
    match arrays {
        Arrays::Repeat => strings.iter().for_each(|text| push_pair(out, name, text)),
        Arrays::Comma if strings.iter().any(|text| text.contains(',')) => {
            return Err(invalid(
                argument,
                "must not contain an element with a comma, because commas separate the elements",
            ));
        }
        Arrays::Comma if strings.is_empty() => {}
        Arrays::Comma => push_pair(out, name, &strings.join(",")),
    }
    Ok(())
}

/// The argument that a message about `node` names.
fn first_argument(node: &Node) -> Option<&str> {
    match node {
        Node::Constant(_) => None,
        Node::Argument(name) | Node::Base64(name) => Some(name),
        Node::Text(parts) => parts.iter().find_map(Part::argument),
        Node::Object(entries) => entries.iter().find_map(|(_, node)| first_argument(node)),
        Node::Array(nodes) => nodes.iter().find_map(first_argument),
    }
}

#[cfg(test)]
mod tests;
