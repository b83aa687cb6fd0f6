use serde_json::json;

use super::super::arguments::DeclaredArgument;
use super::*;

fn settings(extra: Value) -> HttpSettings {
    let mut table = json!({ "base_url": "https://api.example.com/v1" });
    table.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let credential = serde_json::from_value(json!({ "kind": "bearer" })).unwrap();
    HttpSettings::from_table(serde_json::from_value(table).unwrap(), &credential).unwrap()
}

fn template(request: Value, arguments: &[&str]) -> RequestTemplate {
    let declared: Vec<DeclaredArgument<'_>> =
        arguments.iter().map(|name| DeclaredArgument { name, required: true }).collect();
    let credential = serde_json::from_value(json!({ "kind": "bearer" })).unwrap();
    RequestTemplate::from_table(serde_json::from_value(request).unwrap(), &declared, &credential).unwrap()
}

fn build(
    request: Value,
    declared: &[&str],
    extra: Value,
    arguments: Value,
) -> Result<PreparedRequest, CallFailure> {
    let settings = settings(extra);
    template(request, declared).build(settings.base_url().unwrap(), &settings, arguments.as_object().unwrap())
}

fn body(request: Value, declared: &[&str], arguments: Value) -> String {
    let built = build(request, declared, json!({}), arguments).unwrap();
    String::from_utf8(built.body.unwrap().to_vec()).unwrap()
}

#[test]
fn everything_lands_where_the_template_says() {
    let request = json!({
        "method": "PATCH",
        "path": "/items/{id}",
        "query": ["state", { "per_page": "{limit}", "v": "2" }],
        "headers": { "x-note": "n={note}", "accept": "text/plain" },
        "body": ["title", { "meta": { "tags": "{tags}", "kind": "k" } }],
    });
    let arguments =
        json!({ "id": 7, "state": "a&b", "limit": 3, "note": "x", "title": "T", "tags": ["p", null] });
    let headers = json!({ "headers": { "accept": "application/json", "x-all": "1" } });
    let built =
        build(request, &["id", "state", "limit", "note", "title", "tags"], headers, arguments).unwrap();
    assert_eq!(built.method, Method::PATCH);
    assert_eq!(built.url.as_str(), "https://api.example.com/v1/items/7?state=a%26b&per_page=3&v=2");
    assert_eq!(built.headers["x-note"], "n=x");
    assert_eq!(built.headers["accept"], "text/plain");
    assert_eq!(built.headers["x-all"], "1");
    assert_eq!(built.headers[CONTENT_TYPE], "application/json");
    assert_eq!(built.body.unwrap(), r#"{"title":"T","meta":{"tags":["p",null],"kind":"k"}}"#);
}

#[test]
fn absent_is_left_out_and_null_is_sent_in_a_json_body_alone() {
    let request = json!({ "method": "POST", "path": "/", "query": ["q"], "body": ["a", "b"] });
    let built = build(request, &["q", "a", "b"], json!({}), json!({ "q": null, "a": null })).unwrap();
    assert_eq!(built.url.query(), None);
    assert_eq!(built.body.unwrap(), r#"{"a":null}"#);
}

#[test]
fn one_argument_can_be_the_whole_body() {
    let request = json!({ "method": "POST", "path": "/x", "body": "{payload}" });
    assert_eq!(body(request.clone(), &["payload"], json!({ "payload": [1, "two"] })), r#"[1,"two"]"#);
    assert!(build(request, &["payload"], json!({}), json!({})).unwrap().body.is_none());
}

#[test]
fn a_form_is_flat_and_encoded() {
    let request = json!({ "method": "POST", "path": "/x", "body": ["a", { "n": 1 }], "body_format": "form" });
    assert_eq!(body(request.clone(), &["a"], json!({ "a": ["x=y", "p&q"] })), "a=x%3Dy&a=p%26q&n=1");
    let built = build(request.clone(), &["a"], json!({}), json!({})).unwrap();
    assert_eq!(built.headers[CONTENT_TYPE], "application/x-www-form-urlencoded");
    let nested = build(request, &["a"], json!({}), json!({ "a": { "deep": 1 } }));
    assert!(matches!(nested, Err(CallFailure::InvalidArguments { .. })));
}

#[test]
fn a_list_is_repeated_or_joined() {
    let request = json!({ "method": "GET", "path": "/", "query": ["l"] });
    let query = |style: &str, list: Value| {
        build(request.clone(), &["l"], json!({ "arrays": style }), json!({ "l": list }))
            .map(|built| built.url.query().map(str::to_owned))
    };
    assert_eq!(query("repeat", json!(["a", 1])).unwrap().as_deref(), Some("l=a&l=1"));
    assert_eq!(query("comma", json!(["a", 1])).unwrap().as_deref(), Some("l=a%2C1"));
    assert_eq!(query("comma", json!([])).unwrap(), None);
    assert!(query("comma", json!(["a,b"])).is_err());
    assert!(query("repeat", json!([["nested"]])).is_err());
}

#[test]
fn an_argument_breaks_no_header() {
    let request = json!({ "method": "GET", "path": "/", "headers": { "x-note": "{note}" } });
    for bad in ["a\r\nhost: evil", "a\nb", "\u{e9}", "a\0"] {
        let refused = build(request.clone(), &["note"], json!({}), json!({ "note": bad }));
        let Err(CallFailure::InvalidArguments { message }) = refused else { panic!("{bad:?} was accepted") };
        assert!(message.contains("`note`") && !message.contains("evil"), "{message}");
    }
    assert!(build(request, &["note"], json!({}), json!({})).unwrap().headers.is_empty());
}

#[test]
fn a_body_above_the_limit_is_refused() {
    let request = json!({ "method": "POST", "path": "/", "body": ["a"] });
    let limit = json!({ "limits": { "request": "20B" } });
    assert!(build(request.clone(), &["a"], limit.clone(), json!({ "a": "xxxx" })).is_ok());
    let refused = build(request, &["a"], limit, json!({ "a": "x".repeat(20) }));
    assert!(matches!(refused, Err(CallFailure::InvalidArguments { .. })));
}

#[test]
fn a_base_address_with_a_trailing_slash_or_no_path_is_joined_once() {
    let template = template(json!({ "method": "GET", "path": "/x" }), &[]);
    let settings = settings(json!({}));
    for (base, whole) in [
        ("https://a.example", "https://a.example/x"),
        ("https://a.example/", "https://a.example/x"),
        ("https://a.example/b/", "https://a.example/b/x"),
    ] {
        let built = template.build(&Url::parse(base).unwrap(), &settings, &Map::new()).unwrap();
        assert_eq!(built.url.as_str(), whole);
    }
}

#[test]
fn a_refused_base_address_is_not_called() {
    let template = template(json!({ "method": "GET", "path": "/x" }), &[]);
    let base = Url::parse("http://169.254.169.254/latest").unwrap();
    let refused = template.build(&base, &settings(json!({})), &Map::new());
    assert!(matches!(refused, Err(CallFailure::Unreachable { .. })));
}

/// Strings of what is dangerous in a URL, and of anything else.
fn odd_text(random: &mut fastrand::Rng) -> String {
    const DANGEROUS: [&str; 24] = [
        "/",
        "\\",
        ".",
        "..",
        "%2e",
        "%2F",
        "%252e",
        "?",
        "#",
        "&",
        "=",
        "+",
        " ",
        "@",
        ":",
        "//evil.example",
        "\r\n",
        "\0",
        ";",
        "%",
        "é",
        "\u{202e}",
        "'\"<>",
        "[]{}|^`",
    ];
    let mut text = String::new();
    for _ in 0..random.usize(0..6) {
        match random.u8(0..3) {
            0 => text.push(random.char(..)),
            1 => text.push(random.alphanumeric()),
            _ => text.push_str(DANGEROUS[random.usize(0..DANGEROUS.len())]),
        }
    }
    text
}

#[test]
fn no_argument_leaves_its_place() {
    let settings = settings(json!({}));
    let request = json!({ "method": "GET", "path": "/r/{one}/c/{many*}", "query": ["q", { "fixed": "1" }] });
    let template = template(request, &["one", "many", "q"]);
    let mut random = fastrand::Rng::with_seed(7);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let (one, many, q) = (odd_text(&mut random), odd_text(&mut random), odd_text(&mut random));
        let arguments = json!({ "one": one, "many": many, "q": q });
        let built =
            match template.build(settings.base_url().unwrap(), &settings, arguments.as_object().unwrap()) {
                Ok(built) => built,
                Err(CallFailure::InvalidArguments { .. }) => continue,
                Err(other) => panic!("{other} for {arguments}"),
            };
        accepted += 1;
        // Read back as a server reads it.
        let url = Url::parse(built.url.as_str()).unwrap();
        assert_eq!(url.origin(), settings.base_url().unwrap().origin(), "{arguments}");
        assert_eq!(url, built.url);
        let segments: Vec<String> = url
            .path_segments()
            .unwrap()
            .map(|s| percent_encoding::percent_decode_str(s).decode_utf8().unwrap().into_owned())
            .collect();
        let mut expected = vec!["v1".to_owned(), "r".into(), one.clone(), "c".into()];
        // One slash at either end means nothing, and alone it is the folder above.
        let inner = many.strip_prefix('/').unwrap_or(&many);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        expected.extend(inner.split('/').filter(|_| many != "/").map(str::to_owned));
        assert_eq!(segments, expected, "{arguments}");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(pairs, [("q".to_owned(), q), ("fixed".to_owned(), "1".to_owned())], "{arguments}");
        assert_eq!(url.fragment(), None);
    }
    assert!(accepted > 2_000, "only {accepted} were accepted: the test proves little");
}
