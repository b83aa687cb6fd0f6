//! How a service announces a next page, and which arguments fetch it.

use cofferdam_config::Diagnostics;
use jmespath::Expression;
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use url::Url;

use super::destination::same_origin;
use super::expression::compile;
use super::link_header;
use super::template::Node;
use crate::connectors::decimal::plain;
use crate::connectors::search::{Found, search};

/// How a service announces a next page, as written in a manifest: `page = { style = "link-header" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "style", rename_all = "kebab-case", deny_unknown_fields)]
pub enum PageTable {
    /// A `Link` header with `rel="next"`. Its query parameters become the arguments that they came from.
    LinkHeader {},
    /// The answer contains a cursor.
    Cursor {
        /// A JMESPath into the answer that yields the next cursor: null, false or empty at the end.
        next: String,
        /// The argument that takes the cursor.
        argument: String,
    },
    /// The caller counts items.
    Offset {
        /// A JMESPath into the answer that yields the list of items.
        items: String,
        /// The argument for the number of items to skip.
        offset: String,
        /// The argument for the number of items per page.
        limit: String,
        /// The number of items per page if the call has no such argument.
        default_limit: u64,
    },
    /// The caller counts pages, from one.
    Page {
        /// A JMESPath into the answer that yields the list of items.
        items: String,
        /// The argument for the number of the page.
        page: String,
        /// The argument for the number of items per page.
        per_page: String,
        /// The number of items per page if the call has no such argument.
        default_per_page: u64,
    },
}

/// How a service announces a next page, checked.
#[derive(Debug)]
pub(super) enum PageStyle {
    LinkHeader,
    Cursor {
        next: Expression<'static>,
        argument: String,
    },
    /// `step` says whether `counter` counts items or pages.
    Counted {
        items: Expression<'static>,
        counter: String,
        size: String,
        default_size: u64,
        step: Step,
    },
}

/// What a counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Items, from zero.
    Items,
    /// Pages, from one.
    Pages,
}

impl PageStyle {
    /// Compiles the expressions. Returns `None` if one is invalid; that is reported to `diagnostics`.
    pub(super) fn from_table(table: PageTable, diagnostics: &mut Diagnostics) -> Option<Self> {
        let counted = |items: String, counter, size, default_size, step, diagnostics: &mut Diagnostics| {
            if default_size == 0 {
                let key = if step == Step::Items { "page.default_limit" } else { "page.default_per_page" };
                diagnostics.error(key, "must not be zero", "write the number of items per page");
            }
            let items = compile("page.items", &items, diagnostics)?;
            Some(Self::Counted { items, counter, size, default_size, step })
        };
        match table {
            PageTable::LinkHeader {} => Some(Self::LinkHeader),
            PageTable::Cursor { next, argument } => {
                Some(Self::Cursor { next: compile("page.next", &next, diagnostics)?, argument })
            }
            PageTable::Offset { items, offset, limit, default_limit } => {
                counted(items, offset, limit, default_limit, Step::Items, diagnostics)
            }
            PageTable::Page { items, page, per_page, default_per_page } => {
                counted(items, page, per_page, default_per_page, Step::Pages, diagnostics)
            }
        }
    }
}

/// One page: the answer, and the call that it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page<'a> {
    /// The URL that answered.
    pub(super) url: &'a Url,
    /// The `Link` headers, scrubbed, with commas between them.
    pub(super) links: &'a str,
    /// The answer.
    pub(super) body: &'a Value,
    /// The call's arguments.
    pub(super) arguments: &'a Map<String, Value>,
    /// The tool's input schema.
    pub(super) schema: &'a Map<String, Value>,
    /// The query parameters of the request, by name.
    pub(super) query: &'a [(String, Node)],
    /// The memory that a search of the answer may use, in bytes.
    pub(super) search_bytes: u64,
}

impl PageStyle {
    /// The arguments that fetch the page after `page`: those of the call, with the changed ones replaced. Returns
    /// `None` if there is no further page, or if no declared argument fetches it.
    pub(super) fn next(&self, page: &Page<'_>) -> Option<Map<String, Value>> {
        let changes = match self {
            Self::LinkHeader => page.linked()?,
            Self::Cursor { next, argument } => vec![(argument.as_str(), page.cursor(next)?)],
            Self::Counted { items, counter, size, default_size, step } => {
                let count = u64::try_from(page.search(items)?.length()?).ok()?;
                if count == 0 || count < page.number(size).unwrap_or(*default_size) {
                    return None;
                }
                let next = match step {
                    Step::Items => page.number(counter).unwrap_or(0).checked_add(count)?,
                    Step::Pages => page.number(counter).unwrap_or(1).checked_add(1)?,
                };
                vec![(counter.as_str(), Value::from(next))]
            }
        };
        let mut arguments = page.arguments.clone();
        for (name, value) in changes.into_iter().filter(|(name, _)| page.declares(name).is_some()) {
            arguments.insert(name.to_owned(), value);
        }
        Some(arguments).filter(|arguments| arguments != page.arguments)
    }
}

impl<'a> Page<'a> {
    fn declares(&self, argument: &str) -> Option<&'a Value> {
        self.schema.get("properties")?.get(argument)
    }

    fn number(&self, argument: &str) -> Option<u64> {
        let Value::Number(number) = self.arguments.get(argument)? else { return None };
        plain(number)?.parse().ok()
    }

    fn search<'p>(&'p self, expression: &'p Expression<'static>) -> Option<Found<'p>> {
        search(expression, self.body, self.search_bytes).ok()
    }

    fn cursor(&self, next: &Expression<'static>) -> Option<Value> {
        let cursor = self.search(next).filter(Found::is_scalar)?.to_value();
        Some(cursor).filter(|cursor| match cursor {
            Value::String(text) => !text.is_empty(),
            Value::Number(_) => true,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
        })
    }

    /// The arguments in the query of the `next` link. `None` if the link leads to another origin.
    fn linked(&self) -> Option<Vec<(&'a str, Value)>> {
        let target = self.url.join(link_header::target(self.links, "next")?).ok()?;
        if !same_origin(self.url, &target) {
            return None;
        }
        let changes = self.query.iter().filter_map(|(wire, node)| {
            let Node::Argument(name) = node else { return None };
            let mut values = target.query_pairs().filter(|(key, _)| key == wire.as_str());
            // A list comes back as it was sent. No service counts pages with one.
            let (Some((_, text)), None) = (values.next(), values.next()) else { return None };
            Some((name.as_str(), self.typed(name, &text)?))
        });
        Some(changes.collect())
    }

    /// `text` as a value of the type that the schema declares for the argument. `None` if it is not of that type.
    fn typed(&self, argument: &str, text: &str) -> Option<Value> {
        let types = self.declares(argument)?.get("type");
        let is = |name: &str| match types {
            Some(Value::String(one)) => one == name,
            Some(Value::Array(several)) => several.iter().any(|one| one == name),
            _ => false,
        };
        if types.is_none() || is("string") {
            return Some(Value::from(text));
        }
        if is("integer") || is("number") {
            let number: Number = text.parse().ok()?;
            let integer = plain(&number).is_some_and(|text| !text.contains('.'));
            return Some(Value::Number(number)).filter(|_| integer || is("number"));
        }
        is("boolean").then(|| text.parse::<bool>().ok().map(Value::from)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Case {
        style: Value,
        links: &'static str,
        body: Value,
        arguments: Value,
    }

    fn next(case: Case) -> Option<Value> {
        let schema = json!({ "properties": {
            "page": { "type": "integer" }, "limit": { "type": "integer" }, "state": { "type": "string" },
            "cursor": { "type": "string" }, "labels": { "type": "array" },
        }});
        let style =
            PageStyle::from_table(serde_json::from_value(case.style).unwrap(), &mut Diagnostics::new())
                .unwrap();
        let query = [("page", "page"), ("per_page", "limit"), ("state", "state"), ("label", "labels")]
            .map(|(wire, name)| (wire.to_owned(), Node::Argument(name.to_owned())));
        let page = Page {
            url: &Url::parse("https://api.example.com/v1/items?page=1").unwrap(),
            links: case.links,
            body: &case.body,
            arguments: case.arguments.as_object().unwrap(),
            schema: schema.as_object().unwrap(),
            query: &query,
            search_bytes: 1024,
        };
        style.next(&page).map(Value::Object)
    }

    fn linked(links: &'static str, arguments: Value) -> Option<Value> {
        next(Case { style: json!({ "style": "link-header" }), links, body: json!([]), arguments })
    }

    #[test]
    fn a_next_link_becomes_arguments_under_their_own_names_and_types() {
        let links = r#"<https://api.example.com/v1/items?page=1>; rel="prev", <https://api.example.com/repositories/7/items?page=3&per_page=50&state=open&access_token=x&label=a&label=b>; rel="next""#;
        let arguments = json!({ "state": "open", "labels": ["a", "b"], "page": 2 });
        assert_eq!(
            linked(links, arguments),
            Some(json!({ "state": "open", "labels": ["a", "b"], "page": 3, "limit": 50 }))
        );
        assert_eq!(linked("</v1/items?page=2>; rel=next", json!({})), Some(json!({ "page": 2 })));
        assert_eq!(linked("</v1/items?page=2>; rel=\"next last\"", json!({})), Some(json!({ "page": 2 })));
        let large = linked("</v1/items?page=98765432109876543210>; rel=next", json!({})).unwrap();
        assert_eq!(large.to_string(), r#"{"page":98765432109876543210}"#);
    }

    #[test]
    fn a_link_to_another_origin_or_to_the_same_page_is_ignored() {
        assert_eq!(linked(r#"<https://evil.example/v1/items?page=2>; rel="next""#, json!({})), None);
        assert_eq!(linked(r#"<http://api.example.com/v1/items?page=2>; rel="next""#, json!({})), None);
        assert_eq!(linked(r#"<https://api.example.com/?page=2>; rel="last""#, json!({})), None);
        assert_eq!(linked(r#"<https://api.example.com/?after=xyz>; rel="next""#, json!({ "page": 1 })), None);
        assert_eq!(linked(r#"<https://api.example.com/?page=two>; rel="next""#, json!({})), None);
        assert_eq!(linked("garbage <", json!({})), None);
    }

    #[test]
    fn a_cursor_becomes_its_argument() {
        let style = json!({ "style": "cursor", "next": "meta.next", "argument": "cursor" });
        let case = |body| Case { style: style.clone(), links: "", body, arguments: json!({ "state": "x" }) };
        assert_eq!(
            next(case(json!({ "meta": { "next": "c2" } }))),
            Some(json!({ "state": "x", "cursor": "c2" }))
        );
        for end in
            [json!({}), json!({ "meta": { "next": null } }), json!({ "meta": { "next": "" } }), json!("text")]
        {
            assert_eq!(next(case(end)), None);
        }
    }

    #[test]
    fn a_cursor_without_a_declared_argument_is_not_offered() {
        let style = json!({ "style": "cursor", "next": "next", "argument": "undeclared" });
        assert_eq!(next(Case { style, links: "", body: json!({ "next": "x" }), arguments: json!({}) }), None);
    }

    #[test]
    fn counters_advance_while_pages_are_full() {
        let offset = json!({ "style": "offset", "items": "items", "offset": "page", "limit": "limit", "default_limit": 2 });
        let pages = json!({ "style": "page", "items": "@", "page": "page", "per_page": "limit", "default_per_page": 2 });
        let case = |style: &Value, body, arguments| Case { style: style.clone(), links: "", body, arguments };
        assert_eq!(
            next(case(&offset, json!({ "items": [1, 2] }), json!({ "page": 4 }))),
            Some(json!({ "page": 6 }))
        );
        let float = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(
            next(case(&offset, json!({ "items": [1, 2, 3] }), float(r#"{ "page": 4.0, "limit": 3.0 }"#))),
            Some(float(r#"{ "page": 7, "limit": 3.0 }"#))
        );
        assert_eq!(next(case(&offset, json!({ "items": [1] }), json!({}))), None);
        assert_eq!(next(case(&offset, json!({ "items": [1, 2] }), json!({ "limit": 3 }))), None);
        assert_eq!(next(case(&pages, json!([1, 2]), json!({}))), Some(json!({ "page": 2 })));
        assert_eq!(next(case(&pages, json!([]), json!({ "limit": 0 }))), None);
    }
}
