//! What is repaired, and what must stay as it was sent.

use serde_json::{Map, Value, json};

use super::*;
use crate::broker::PathTemplate;
use crate::manifest::ManifestLibrary;
use crate::profile::{AccountEntry, ModuleEntry, ToolFilter};

const MANIFEST: &str = r#"
format = 1
name = "shop"
version = "1.0.0"
title = "Shop"
description = "A shop"
http = { base_url = "https://shop.example" }
credential = { kind = "bearer" }

[[tools]]
name = "add_order"
description = "Add an order"
side_effect = "write"
request = { method = "POST", path = "/orders", body = ["count", "price", "gift", "note", "items", "address", "size", "open"] }
input.required = ["count"]
input.properties.count = { type = "integer", description = "How many" }
input.properties.price = { type = "number", description = "The price" }
input.properties.gift = { type = "boolean", description = "Whether it is a gift" }
input.properties.note = { type = "string", description = "A note" }
input.properties.items = { type = "array", items = { type = "string" }, description = "What" }
input.properties.address = { type = "object", required = ["city"], properties = { city = { type = "string" }, zip_code = { type = ["integer", "null"] }, floor = { type = "integer" } }, additionalProperties = false, description = "Where to" }
input.properties.size = { enum = ["S", "M", 42], description = "The size" }
input.properties.open = { type = "object", description = "Anything" }

[[tools]]
name = "find_account"
description = "Find an account"
side_effect = "none"
request = { method = "GET", path = "/accounts", query = ["account", "name", "input"] }
input.properties.account = { type = "string", description = "Its number" }
input.properties.name = { type = "string", description = "Its name" }
input.properties.input = { type = "string", description = "What was typed" }

[[tools]]
name = "choose"
description = "Choose one or several"
side_effect = "none"
request = { method = "POST", path = "/choose", body = ["either", "any"] }
input.properties.either = { anyOf = [{ type = "integer" }, { type = "array", items = { type = "integer" } }], description = "One or several" }
input.properties.any = { type = "array", description = "Anything" }
"#;

fn registry() -> Registry {
    let manifests = ManifestLibrary::from_files([("m/shop.toml", MANIFEST)]);
    let entry = |name: &str| ModuleEntry {
        name: name.to_owned(),
        vault: "vault".into(),
        manifest: "shop".to_owned(),
        accounts: vec![AccountEntry { name: "work".into(), base_url: None }],
        base_url: None,
        path: PathTemplate::default(),
        insecure_http: false,
        tools: ToolFilter::default(),
        in_flight: None,
        queue: None,
        lookups: None,
    };
    Registry::load(&[entry("shop")], &manifests)
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

/// The arguments of `tool` after the repair.
fn arguments(tool: &str, sent: Value) -> Value {
    let sent = CallRequest {
        module: "shop".into(),
        tool: tool.into(),
        arguments: map(sent),
        account: None,
        full: false,
    };
    Value::Object(repaired(&registry(), &Caller::local(), &sent).unwrap().arguments)
}

#[test]
fn a_value_in_another_notation_becomes_the_one_that_it_says() {
    for (sent, right) in [
        (json!({ "count": "7" }), json!({ "count": 7 })),
        (json!({ "count": " -7\n" }), json!({ "count": -7 })),
        (json!({ "gift": "false" }), json!({ "gift": false })),
        (json!({ "gift": "True" }), json!({ "gift": true })),
        (json!({ "note": 7 }), json!({ "note": "7" })),
        (json!({ "note": null }), json!({})),
        (json!({ "gift": "null" }), json!({})),
        (json!({ "items": "[\"a\", \"b,c\"]" }), json!({ "items": ["a", "b,c"] })),
        (json!({ "items": "a b" }), json!({ "items": ["a b"] })),
        (json!({ "items": 7 }), json!({ "items": ["7"] })),
        (json!({ "items": "null" }), json!({ "items": ["null"] })),
        (json!({ "items": "[1, 2]" }), json!({ "items": ["1", "2"] })),
        (
            json!({ "address": "{\"city\": \"Bonn\", \"zip_code\": \"7\", \"floor\": null}" }),
            json!({ "address": { "city": "Bonn", "zip_code": 7 } }),
        ),
        (
            json!({ "address": { "city": "Bonn", "zipCode": 7 } }),
            json!({ "address": { "city": "Bonn", "zip_code": 7 } }),
        ),
        (
            json!({ "address": { "city": "Bonn", "zip_code": null } }),
            json!({ "address": { "city": "Bonn", "zip_code": null } }),
        ),
        (json!({ "size": "s" }), json!({ "size": "S" })),
        (json!({ "size": "42" }), json!({ "size": 42 })),
        (json!({ "Count": 7 }), json!({ "count": 7 })),
        (json!({ "open": "{\"a\": \"7\", \"b\": null}" }), json!({ "open": { "a": "7", "b": null } })),
    ] {
        assert_eq!(arguments("add_order", sent.clone()), right, "{sent}");
    }
}

#[test]
fn digits_are_kept() {
    for digits in ["9007199254740993", "123456789012345678901234567890", "-1"] {
        let sent = map(serde_json::from_str(&format!(r#"{{"count":"{digits}","note":{digits}}}"#)).unwrap());
        let right = format!(r#"{{"count":{digits},"note":"{digits}"}}"#);
        assert_eq!(arguments("add_order", Value::Object(sent)).to_string(), right);
    }
    for digits in ["1.10", "0.1000000000000000055511151231257827", "1e5"] {
        let price = arguments("add_order", json!({ "price": digits }))["price"].to_string();
        assert_eq!(price.replace("e+", "e"), digits);
    }
}

#[test]
fn what_fits_or_could_mean_something_else_stays() {
    for sent in [
        json!({ "note": "7", "count": 7, "items": ["7", "a,b"], "open": { "count": "7", "gift": "true", "x": null } }),
        json!({ "note": "null" }),
        json!({ "note": "[1]" }),
        json!({ "count": "7.0" }),
        json!({ "count": "07" }),
        json!({ "count": "+7" }),
        json!({ "count": "7a" }),
        json!({ "count": "" }),
        json!({ "count": true }),
        json!({ "gift": 1 }),
        json!({ "gift": "1" }),
        json!({ "gift": "yes" }),
        json!({ "note": 7.5 }),
        json!({ "note": true }),
        json!({ "note": ["a"] }),
        json!({ "items": "a,b" }),
        json!({ "items": "a;b" }),
        json!({ "items": "a\nb" }),
        json!({ "items": "['a']" }),
        json!({ "items": "" }),
        json!({ "items": { "a": 1 } }),
        json!({ "address": "Bonn" }),
        json!({ "size": "L" }),
        json!({ "size": "" }),
        json!({ "count": 7, "Count": 8 }),
        json!({ "COUNT": 7, "Count": 8 }),
        json!({ "counts": 7 }),
    ] {
        assert_eq!(arguments("add_order", sent.clone()), sent);
    }
    // A required argument is never removed, and several schemas are not guessed between.
    assert_eq!(arguments("add_order", json!({ "count": null })), json!({ "count": null }));
    for sent in [
        json!({ "either": "7" }),
        json!({ "either": null }),
        json!({ "any": 7 }),
        json!({ "any": ["7", null] }),
    ] {
        assert_eq!(arguments("choose", sent.clone()), sent);
    }
}

#[test]
fn an_argument_that_the_tool_has_is_no_field_of_the_call() {
    let sent = json!({ "account": "12", "name": "Ada", "input": "{}" });
    assert_eq!(arguments("find_account", sent.clone()), sent);
    let beside = json!({ "module": "shop", "tool": "find_account", "name": "", "input": "{}" });
    let call = from_sent(&registry(), &Caller::local(), map(beside)).unwrap();
    assert_eq!(Value::Object(call.arguments), json!({ "name": "", "input": "{}" }));
    let call = CallRequest {
        module: "shop".into(),
        tool: "add_order".into(),
        arguments: map(json!({ "count": 1, "account": "work", "full": true })),
        account: None,
        full: false,
    };
    let call = repaired(&registry(), &Caller::local(), &call).unwrap();
    assert_eq!((call.account.as_deref(), call.full, call.arguments.len()), (Some("work"), true, 1));
}

#[test]
fn two_values_for_one_thing_are_a_problem() {
    let of = |sent: Value| from_sent(&registry(), &Caller::local(), map(sent));
    let call = json!({ "module": "shop", "tool": "add_order" });
    let with = |more: Value| {
        let mut sent = map(call.clone());
        sent.extend(map(more));
        of(Value::Object(sent))
    };
    assert!(with(json!({ "count": 1, "arguments": { "count": 1 } })).is_ok());
    let twice = with(json!({ "count": 1, "arguments": { "count": 2 } })).unwrap_err();
    assert_eq!(twice, ["the argument `count` is there twice"]);
    assert!(with(json!({ "args": { "count": 1 }, "arguments": { "count": 2 } })).is_err());
    // What conflicts inside the arguments is left there, for the validator to refuse.
    let inside = with(json!({ "account": "work", "arguments": { "account": "home" } })).unwrap();
    assert_eq!(Value::Object(inside.arguments), json!({ "account": "home" }));
    let nested = with(json!({ "arguments": { "tool": "choose", "arguments": { "any": [] } } })).unwrap();
    assert_eq!((nested.tool.as_str(), nested.arguments.contains_key("tool")), ("add_order", true));
}

#[test]
fn names_are_found_as_they_may_be_spelled() {
    let registry = registry();
    for (module, tool) in [
        ("shop", "addOrder"),
        ("Shop", "add-order"),
        ("shop", "shop.add_order"),
        ("shop", "shop__add_order"),
        ("SHOP", "ADD_ORDER"),
    ] {
        let sent = CallRequest {
            module: module.into(),
            tool: tool.into(),
            arguments: Map::new(),
            account: None,
            full: false,
        };
        let call = repaired(&registry, &Caller::local(), &sent).unwrap();
        assert_eq!((call.module.as_str(), call.tool.as_str()), ("shop", "add_order"), "{module} {tool}");
    }
    for (module, tool) in
        [("shop", "add_ordr"), ("shp", "add_order"), ("shop", ""), ("shop", "order"), ("", "é")]
    {
        let sent = CallRequest {
            module: module.into(),
            tool: tool.into(),
            arguments: Map::new(),
            account: None,
            full: false,
        };
        assert!(repaired(&registry, &Caller::local(), &sent).is_none(), "{module} {tool}");
    }
    assert!(follows_a_prefix("mcp__cofferdam__call_module_tool", "call_module_tool"));
    assert!(!follows_a_prefix("recall_module_tool", "call_module_tool"));
    assert!(!follows_a_prefix("call_module_tool", "call_module_tool"));
}
