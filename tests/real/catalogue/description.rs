//! Whether a request fits an API's OpenAPI description: its path, its parameters and its body.
//!
//! Prism checks most of this, but accepts some invalid bodies and every unknown name. A service ignores an unknown name at
//! best, so here it is a problem.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::request::Request;

/// An OpenAPI description, 3.0 or 3.1.
pub(crate) struct Description {
    document: Value,
}

/// The operation that a request is for.
pub(crate) struct Operation<'a> {
    description: &'a Description,
    /// The template of its path, `repos`, `{owner}`, …
    template: Vec<&'a str>,
    parameters: Vec<&'a Value>,
    operation: &'a Value,
}

impl Description {
    /// Reads a description.
    pub(crate) fn load(file: &Path) -> Self {
        Self { document: serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap() }
    }

    /// Every operation: its method, its path and its description.
    fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
            let operations = methods.as_object().unwrap().iter();
            operations
                .filter(|(method, _)| method.as_str() != "parameters")
                .map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        })
    }

    /// The operation of `request`: of those that fit, the one with the fewest parameters in its path.
    pub(crate) fn operation(&self, request: &Request) -> Option<Operation<'_>> {
        let fits = |template: &[&str]| {
            template.len() == request.path.len()
                && template
                    .iter()
                    .zip(&request.path)
                    .all(|(part, sent)| if is_parameter(part) { !sent.is_empty() } else { part == sent })
        };
        let found = self.operations().filter_map(|(method, path, operation)| {
            let template: Vec<&str> = path.trim_start_matches('/').split('/').collect();
            let same = method.eq_ignore_ascii_case(&request.method) && fits(&template);
            same.then_some((template, path, operation))
        });
        let (template, path, operation) =
            found.max_by_key(|(template, ..)| template.iter().filter(|part| !is_parameter(part)).count())?;
        let shared = &self.document["paths"][path]["parameters"];
        let parameters = [shared, &operation["parameters"]];
        let parameters =
            parameters.iter().filter_map(|list| list.as_array()).flatten().map(|one| self.resolved(one));
        Some(Operation { description: self, template, parameters: parameters.collect(), operation })
    }

    /// The target of a `$ref`, or the value itself.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(target) => self.document.pointer(target.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// The errors of `value` by `schema`.
    fn schema_errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = jsonschema::draft202012::new(&self.bundled(schema)).unwrap();
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// A schema with everything that it refers to, as JSON Schema 2020-12.
    fn bundled(&self, schema: &Value) -> Value {
        let mut bundle = modern(schema);
        let mut seen = BTreeSet::new();
        let mut pending = targets(&bundle);
        while let Some(target) = pending.pop() {
            if !seen.insert(target.clone()) {
                continue;
            }
            let found = modern(self.document.pointer(target.trim_start_matches('#')).unwrap());
            pending.extend(targets(&found));
            let mut node = &mut bundle;
            for part in target.trim_start_matches("#/").split('/') {
                node = &mut node[part];
            }
            *node = found;
        }
        bundle
    }
}

impl Operation<'_> {
    /// The problems of `request`; empty if it fits.
    pub(crate) fn problems(&self, request: &Request) -> Vec<String> {
        let mut problems = self.path_problems(request);
        problems.extend(self.query_problems(request));
        problems.extend(self.header_problems(request));
        problems.extend(self.body_problems(request));
        problems
    }

    /// Variants of `request` that are invalid in one point, each with a name.
    pub(crate) fn invalid_variants(&self, request: &Request) -> Vec<(String, Request)> {
        let mut variants = vec![
            ("another path".to_owned(), request.with(|r| r.path.insert(0, "invalid".into()))),
            (
                "an unknown parameter".to_owned(),
                request.with(|r| r.query.push(("invalid".into(), "1".into()))),
            ),
        ];
        for parameter in self.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            if parameter["required"] == true {
                variants.push((format!("no `{name}`"), request.with(|r| r.query.retain(|(n, _)| n != name))));
            }
            let schema = self.description.resolved(&parameter["schema"]);
            let typed = matches!(schema["type"].as_str(), Some("integer" | "boolean" | "number"));
            if typed || schema["enum"].is_array() {
                let changed = request.with(|r| {
                    r.query
                        .iter_mut()
                        .filter(|(n, _)| n == name)
                        .for_each(|(_, text)| *text = "invalid".into());
                });
                variants.push((format!("a wrong `{name}`"), changed));
            }
        }
        if let (Some(body), Some(schema)) = (&request.body, self.body_schema()) {
            variants.push(("a string as body".to_owned(), request.with(|r| r.body = Some(json!("invalid")))));
            for name in self.required(schema) {
                let without =
                    request.with(|r| _ = r.body.as_mut().unwrap().as_object_mut().unwrap().remove(&name));
                variants.push((format!("no `{name}`"), without));
            }
            let described = body.as_object().into_iter().flatten();
            for (name, value) in described.filter(|(name, _)| self.restricts(schema, name)) {
                let wrong = if value.is_object() { json!("invalid") } else { json!({ "invalid": true }) };
                variants.push((
                    format!("a wrong `{name}`"),
                    request.with(|r| r.body.as_mut().unwrap()[name] = wrong),
                ));
            }
        }
        variants.retain(|(_, changed)| changed != request);
        variants
    }

    fn parameters(&self, location: &str) -> impl Iterator<Item = &Value> {
        self.parameters.iter().copied().filter(move |parameter| parameter["in"] == location)
    }

    fn path_problems(&self, request: &Request) -> Vec<String> {
        let parts = self.template.iter().enumerate().filter(|(_, part)| is_parameter(part));
        parts
            .flat_map(|(at, part)| {
                let name = part.trim_matches(['{', '}']);
                let Some(parameter) = self.parameters("path").find(|parameter| parameter["name"] == name)
                else {
                    return vec![format!("path: `{name}` is not described")];
                };
                self.text_errors(parameter, &request.segment(at))
            })
            .collect()
    }

    fn query_problems(&self, request: &Request) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, _) in &request.query {
            if !self.parameters("query").any(|parameter| parameter["name"] == *name) {
                problems.push(format!("query: `{name}` is not described"));
            }
        }
        for parameter in self.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            let sent: Vec<&str> =
                request.query.iter().filter(|(n, _)| n == name).map(|(_, text)| text.as_str()).collect();
            if sent.is_empty() {
                if parameter["required"] == true {
                    problems.push(format!("query: `{name}` is missing"));
                }
                continue;
            }
            let schema = self.description.resolved(&parameter["schema"]);
            if schema["type"] == "array" {
                let whole = parameter["explode"] != false;
                let strings: Vec<&str> =
                    if whole { sent } else { sent.iter().flat_map(|text| text.split(',')).collect() };
                let values: Vec<Value> = strings
                    .iter()
                    .map(|text| typed(self.description.resolved(&schema["items"]), text))
                    .collect();
                problems.extend(self.description.schema_errors(schema, &json!(values)));
            } else if sent.len() > 1 {
                problems.push(format!("query: `{name}` comes {} times", sent.len()));
            } else {
                problems.extend(self.text_errors(parameter, sent[0]));
            }
        }
        problems
    }

    fn header_problems(&self, request: &Request) -> Vec<String> {
        self.parameters("header")
            .flat_map(|parameter| {
                let name = parameter["name"].as_str().unwrap().to_lowercase();
                match request.headers.get(&name) {
                    Some(text) => self.text_errors(parameter, text),
                    None if parameter["required"] == true => vec![format!("header: `{name}` is missing")],
                    None => Vec::new(),
                }
            })
            .collect()
    }

    fn body_problems(&self, request: &Request) -> Vec<String> {
        match (&request.body, self.body_schema()) {
            (Some(body), Some(schema)) => {
                let mut problems = self.description.schema_errors(schema, body);
                if let (Some(names), Some(sent)) = (self.names(schema), body.as_object()) {
                    let unknown = sent.keys().filter(|name| !names.contains(*name));
                    problems.extend(unknown.map(|name| format!("body: `{name}` is not described")));
                }
                problems
            }
            (Some(_), None) => vec!["body: there is none in the description".to_owned()],
            (None, Some(_)) if self.operation["requestBody"]["required"] == true => {
                vec!["body: is missing".to_owned()]
            }
            (None, _) => Vec::new(),
        }
    }

    fn body_schema(&self) -> Option<&Value> {
        let body = self.description.resolved(&self.operation["requestBody"]);
        let schema = body.pointer("/content/application~1json/schema")?;
        Some(self.description.resolved(schema))
    }

    /// The names at the top of a body's schema; `None` if it accepts any name.
    fn names(&self, schema: &Value) -> Option<BTreeSet<String>> {
        let schema = self.description.resolved(schema);
        let open = schema.get("additionalProperties").is_some_and(|more| *more != false);
        let mut names = BTreeSet::new();
        let mut described = false;
        if let Some(properties) = schema["properties"].as_object() {
            described = true;
            names.extend(properties.keys().cloned());
        }
        for branch in ["oneOf", "anyOf", "allOf"].iter().filter_map(|key| schema[*key].as_array()).flatten() {
            // A branch that only lists required names has no properties.
            if let Some(more) = self.names(branch) {
                described = true;
                names.extend(more);
            }
        }
        (described && !open).then_some(names)
    }

    /// Whether a body's schema restricts the value of `name`.
    fn restricts(&self, schema: &Value, name: &str) -> bool {
        let schema = self.description.resolved(schema);
        let own = schema["properties"][name].as_object().is_some_and(|said| !said.is_empty());
        let branches = ["oneOf", "anyOf", "allOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
        own || branches.into_iter().any(|branch| self.restricts(branch, name))
    }

    fn required(&self, schema: &Value) -> Vec<String> {
        let required = schema["required"].as_array().into_iter().flatten();
        required.map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    fn text_errors(&self, parameter: &Value, text: &str) -> Vec<String> {
        let schema = self.description.resolved(&parameter["schema"]);
        let name = parameter["name"].as_str().unwrap();
        let errors = self.description.schema_errors(schema, &typed(schema, text));
        errors.into_iter().map(|error| format!("`{name}`{error}")).collect()
    }
}

fn is_parameter(part: &str) -> bool {
    part.starts_with('{')
}

/// A string as the type that its schema names, or as a string if it cannot be parsed so.
fn typed(schema: &Value, text: &str) -> Value {
    let parsed = match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
        _ => None,
    };
    // `oneOf` an integer or a string: an integer if it can be parsed.
    let either = schema["oneOf"].is_array().then(|| text.parse::<i64>().ok().map(Value::from)).flatten();
    parsed.or(either).unwrap_or_else(|| Value::from(text))
}

/// A schema of OpenAPI 3.0 or 3.1 as JSON Schema 2020-12: `nullable` becomes a type.
fn modern(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let mut map: Map<String, Value> =
                map.iter().map(|(name, value)| (name.clone(), modern(value))).collect();
            if map.get("nullable") == Some(&Value::Bool(true)) {
                if let Some(kind @ Value::String(_)) = map.get("type").cloned() {
                    map.insert("type".to_owned(), json!([kind, "null"]));
                }
                if let Some(Value::Array(values)) = map.get_mut("enum") {
                    values.push(Value::Null);
                }
            }
            Value::Object(map)
        }
        Value::Array(list) => list.iter().map(modern).collect(),
        other => other.clone(),
    }
}

/// The targets of the `$ref`s of a schema.
fn targets(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(targets)).collect()
        }
        Value::Array(list) => list.iter().flat_map(targets).collect(),
        _ => Vec::new(),
    }
}
