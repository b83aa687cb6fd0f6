use serde_json::json;

use super::*;

fn problems(table: Value, declared: &[(&str, bool)], credential: Value) -> Vec<(String, String)> {
    let declared: Vec<DeclaredArgument<'_>> =
        declared.iter().map(|&(name, required)| DeclaredArgument { name, required }).collect();
    let credential = serde_json::from_value(credential).unwrap();
    RequestTemplate::from_table(serde_json::from_value(table).unwrap(), &declared, &credential)
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|diagnostic| (diagnostic.key, diagnostic.message.to_string()))
        .collect()
}

fn keys(table: Value, declared: &[(&str, bool)]) -> Vec<String> {
    problems(table, declared, json!({ "kind": "bearer" })).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn a_good_request_has_no_problems() {
    let table = json!({
        "method": "POST",
        "path": "/repos/{owner}/contents/{path*}",
        "query": ["state", { "per_page": "{limit}", "v": 2 }],
        "headers": { "accept": "application/json", "x-note": "{note}" },
        "body": { "title": "{title}", "nested": { "id": "{id}" } },
    });
    let declared = [
        ("owner", true),
        ("path", true),
        ("state", false),
        ("limit", false),
        ("note", false),
        ("title", true),
        ("id", false),
    ];
    assert_eq!(keys(table, &declared), Vec::<String>::new());
}

#[test]
fn all_problems_are_reported_with_their_keys() {
    let table = json!({
        "method": "FETCH",
        "path": "/{a}/../{gone}",
        "query": { "deep": { "x": "{b}" }, "n": { "k": 1 } },
        "headers": { "Host": "elsewhere", "x-line": "a\nb", "content-type": "{c}" },
        "body": ["a", 5],
    });
    assert_eq!(
        keys(table, &[("a", true), ("b", false), ("c", false), ("unused", false)]),
        [
            "method",
            "path",
            "path",
            "query.deep",
            "query.n",
            "headers.Host",
            "headers.content-type",
            "headers.x-line",
            "body",
            "body",
            "body",
            ""
        ]
    );
}

#[test]
fn the_credentials_own_names_are_refused() {
    let table = json!({ "method": "GET", "path": "/", "query": { "API_KEY": "{q}" } });
    let found =
        problems(table, &[("q", false)], json!({ "kind": "query", "params": { "api_key": "{token}" } }));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, "query.API_KEY");
    let table = json!({ "method": "GET", "path": "/", "headers": { "X-Key": "{q}" } });
    let found =
        problems(table, &[("q", false)], json!({ "kind": "header", "headers": { "x-key": "{token}" } }));
    assert_eq!(found[0].0, "headers.X-Key");
}

#[test]
fn a_read_has_no_body_and_a_name_is_defined_once() {
    assert_eq!(keys(json!({ "method": "GET", "path": "/", "body": ["a"] }), &[("a", false)]), ["body"]);
    assert_eq!(
        keys(json!({ "method": "GET", "path": "/", "query": ["a", { "a": 1 }] }), &[("a", false)]),
        ["query.a"]
    );
    assert_eq!(keys(json!({ "method": "POST", "path": "/", "body": "text" }), &[]), ["body"]);
}

#[test]
fn an_unknown_key_is_refused() {
    let table = json!({ "method": "GET", "path": "/", "params": {} });
    assert!(serde_json::from_value::<RequestTable>(table).is_err());
}

#[test]
fn a_request_reads_from_toml_as_it_is_documented() {
    let table: RequestTable = toml::from_str(
        r#"
        method = "POST"
        path = "/repos/{owner}/contents/{path*}"
        query = ["state", { per_page = "{limit}", v = 2 }]
        body = { title = "{title}", parent = { id = "{id}" } }
        "#,
    )
    .unwrap();
    let declared = ["owner", "path", "state", "limit", "title", "id"]
        .map(|name| DeclaredArgument { name, required: true });
    let credential = serde_json::from_value(json!({ "kind": "bearer" })).unwrap();
    let template = RequestTemplate::from_table(table, &declared, &credential).unwrap();
    let query: Vec<&str> = template.query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(query, ["state", "per_page", "v"]);
    assert_eq!(template.query[2].1, Node::Constant(json!(2)));
}
