//! What a model gets of an answer, and a service of arguments: the value that was sent, or an error that says why not.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::canned::Canned;
use crate::results::{assert_error, error};

const JSON: &str = "200 OK\nContent-Type: application/json";
const ITEM: &str = r#"{"number":7,"title":"hello"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Removes what every result has, and checks that its text says the same.
#[track_caller]
fn content(result: &Value) -> Value {
    assert_eq!(result["isError"], json!(false), "{result}");
    let content = &result["structuredContent"];
    assert_eq!(result["content"][0]["text"], json!(content.to_string()));
    content.clone()
}

#[tokio::test]
async fn json_is_read_however_it_is_declared_and_coded() {
    let canned = Canned::start().await;
    let utf_16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(ITEM.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (head, body) in [
        (JSON, format!("\u{feff}{ITEM}").into_bytes()),
        ("200 OK\nContent-Type: text/plain", ITEM.into()),
        ("200 OK\nContent-Type: text/html", ITEM.into()),
        ("200 OK", ITEM.into()),
        (JSON, utf_16),
        ("200 OK\nContent-Type: application/json\nContent-Encoding: GZIP", gzip(ITEM.as_bytes())),
        ("200 OK\nContent-Type: application/json\nContent-Encoding: x-gzip, identity", gzip(ITEM.as_bytes())),
        (
            "200 OK\nContent-Type: application/json\nContent-Encoding: gzip, gzip",
            gzip(&gzip(ITEM.as_bytes())),
        ),
    ] {
        canned.service.respond(head, body);
        let result = canned.call("svc", "item", r#"{"number":7}"#).await;
        assert_eq!(content(&result), json!({ "result": { "number": 7, "title": "hello" } }), "{head}");
    }
    canned.service.respond(
        "200 OK\nContent-Type: application/json; charset=ISO-8859-1",
        b"{\"number\":7,\"title\":\"caf\xe9\"}",
    );
    let result = canned.call("svc", "item", r#"{"number":7}"#).await;
    assert_eq!(content(&result)["result"]["title"], json!("café"));
    assert!(canned.service.sent().has("accept-encoding: gzip"), "{:?}", canned.service.sent());
}

#[tokio::test]
async fn a_page_in_place_of_json_is_an_error_with_its_outcome() {
    let canned = Canned::start().await;
    for head in ["200 OK\nContent-Type: text/html; charset=utf-8", JSON, "200 OK"] {
        canned.service.respond(head, "<!DOCTYPE html><title>Sign in</title>");
        let read = canned.call("svc", "item", r#"{"number":7}"#).await;
        assert_error(&read, "upstream_error", "rejected", "an HTML page instead of JSON");
        let write = canned.call("svc", "add_item", "{}").await;
        assert_error(&write, "upstream_error", "unknown", "The write may have succeeded");
        let write = canned.call("svc", "write", "{}").await;
        assert_error(&write, "upstream_error", "unknown", "an HTML page");
    }
}

#[tokio::test]
async fn anything_else_is_handed_over_with_a_note_and_never_as_nulls() {
    let canned = Canned::start().await;
    for (head, body, result, says) in [
        (JSON, "", json!({ "status": 200 }), "no content"),
        ("204 No Content", "", json!({ "status": 204 }), "no content"),
        ("200 OK\nContent-Type: text/plain", "done", json!("done"), "text instead of JSON"),
        (JSON, "{number: 7}", json!("{number: 7}"), "not valid JSON"),
        (JSON, r#"{"message":"sign in"}"#, json!({ "message": "sign in" }), "none of the fields"),
        (JSON, "[]", json!([]), "none of the fields"),
        (JSON, "7", json!(7), "none of the fields"),
    ] {
        canned.service.respond(head, body);
        for tool in ["item", "add_item"] {
            let found = content(&canned.call("svc", tool, r#"{"number":7}"#).await);
            assert_eq!(found["result"], result, "{head} {body}");
            assert!(found["note"].as_str().unwrap().contains(says), "{found}");
        }
    }
    for (body, result) in [
        (r#"{"number":null,"title":null}"#, json!({ "number": null, "title": null })),
        (r#"{"number":7}"#, json!({ "number": 7, "title": null })),
        ("null", Value::Null),
    ] {
        canned.service.respond(JSON, body);
        let found = content(&canned.call("svc", "item", r#"{"number":7}"#).await);
        assert_eq!(found, json!({ "result": result }), "{body}");
    }
}

#[tokio::test]
async fn an_answer_of_another_shape_that_may_contain_secrets_is_withheld() {
    let canned = Canned::start().await;
    for (head, body) in [(JSON, r#"{"secret":"s"}"#), ("200 OK\nContent-Type: text/plain", "secret=s")] {
        canned.service.respond(head, body);
        let result = canned.call("svc", "get_secret_item", "{}").await;
        assert_error(&result, "upstream_error", "rejected", "withheld");
        assert!(!result.to_string().contains("secret="), "{result}");
    }
    canned.service.respond("204 No Content", "");
    assert_eq!(
        content(&canned.call("svc", "get_secret_item", "{}").await)["result"],
        json!({ "status": 204 })
    );
}

#[tokio::test]
async fn numbers_keep_their_digits_both_ways() {
    let canned = Canned::start().await;
    let rows = r#"[{"id":18446744073709551616,"price":1234567890123456789012345678901234567890,"rate":0.12345678901234567890123456789,"neg":-0,"one":1.0,"big":1e+400,"cents":1.10}]"#;
    canned.service.respond(JSON, rows);
    let result = canned.call("supabase_data", "select_rows", r#"{"table":"t","limit":5}"#).await;
    assert_eq!(content(&result).to_string(), format!(r#"{{"result":{rows}}}"#));
    canned.service.respond(JSON, r#"{"number":98765432109876543210.50,"title":1E5}"#);
    let result = canned.call("svc", "item", r#"{"number":7}"#).await;
    // An exponent gets its sign.
    let selected = r#"{"result":{"number":98765432109876543210.50,"title":1e+5}}"#;
    assert_eq!(content(&result).to_string(), selected);

    let payload = r#"{"id":98765432109876543210,"price":0.10000000000000000000000000000000000001,"n":42.0,"list":[-0,1.10]}"#;
    canned.service.respond(JSON, "{}");
    canned.call("svc", "write", &format!(r#"{{"payload":{payload}}}"#)).await;
    assert_eq!(String::from_utf8(canned.service.sent().body).unwrap(), payload);
    // The same, as a string that contains the arguments.
    let arguments = json!(format!(r#"{{"payload":{payload}}}"#));
    let call = json!({ "module": "svc", "tool": "write", "arguments": arguments });
    canned.server.tool("call_module_tool", call).await;
    assert_eq!(String::from_utf8(canned.service.sent().body).unwrap(), payload);
}

#[tokio::test]
async fn a_whole_number_is_an_integer_wherever_it_becomes_text() {
    let canned = Canned::start().await;
    canned.service.respond(JSON, ITEM);
    for number in ["42", "42.0", "4.2e1"] {
        let arguments = format!(r#"{{"owner":"octo","repo":"r","issue_number":{number}}}"#);
        let result = canned.call("github", "get_issue", &arguments).await;
        assert_eq!(result["isError"], json!(false), "{result}");
        assert_eq!(canned.service.sent().target(), "/repos/octo/r/issues/42", "{number}");
    }
    canned.call("svc", "item", r#"{"number":7.50,"page":2.0,"tags":[1.0,1e2,"x"],"header":-3.0}"#).await;
    let sent = canned.service.sent();
    assert_eq!(sent.target(), "/items/7.5?page=2&tags=1&tags=100&tags=x");
    assert!(sent.has("x-number: -3"), "{sent:?}");
    canned.call("svc", "add_item", r#"{"number":42.0}"#).await;
    assert_eq!(canned.service.sent().body, br#"{"number":42.0}"#, "a JSON body keeps the digits");
    let (before, huge) = (canned.service.requests(), r#"{"number":1e100000}"#);
    let result = canned.call("svc", "item", huge).await;
    assert_error(&result, "invalid_arguments", "not_sent", "exponent");
    assert_eq!(canned.service.requests(), before);
}

#[tokio::test]
async fn the_users_content_is_returned_exactly() {
    let canned = Canned::start().await;
    let package = "{\n  \"name\": \"x\",\n  \"price\": 1.10,\n  \"dup\": 1,\n  \"dup\": 2\n}\n";
    let raw = "200 OK\nContent-Type: application/vnd.github.raw+json; charset=utf-8";
    let arguments = r#"{"owner":"octo","repo":"r","path":"VERSION"}"#;
    for text in [package, "42\n", "<!DOCTYPE html>", "null", "", " \n", "\u{feff}x\r\n"] {
        canned.service.respond(raw, text);
        let result = canned.call("github", "get_file_contents", arguments).await;
        assert_eq!(content(&result), json!({ "result": text }));
    }
    canned.service.respond("200 OK\nContent-Type: image/png", b"\x89PNG\0");
    let result = canned.call("svc", "file", r#"{"path":"a.png"}"#).await;
    let png = json!({ "media_type": "image/png", "bytes": 5, "base64": "iVBORwA=" });
    assert_eq!(content(&result), json!({ "result": png }));
}

#[tokio::test]
async fn an_answer_is_whole_or_an_error() {
    let canned = Canned::start().await;
    let two = [gzip(b"first half, "), gzip(b"second half")].concat();
    let coded = "200 OK\nContent-Type: text/plain\nContent-Encoding: gzip";
    canned.service.respond(coded, &two);
    assert_eq!(
        content(&canned.call("svc", "get", "{}").await),
        json!({ "result": "first half, second half" })
    );
    let whole = gzip(ITEM.as_bytes());
    let cut = &whole[..whole.len() - 4];
    let trailing = [&whole[..], b"garbage"].concat();
    let json_coded = "200 OK\nContent-Type: application/json\nContent-Encoding: gzip";
    for (head, body) in [
        (coded, &two[..two.len() - 1]),
        (json_coded, cut),
        (json_coded, &trailing[..]),
        ("200 OK\nContent-Type: application/json\nContent-Encoding: deflate", b"\x78\x9c\xab\x56"),
        (JSON, br#"{"number":7,"ti"#),
    ] {
        canned.service.respond(head, body);
        let read = canned.call("svc", "get", "{}").await;
        assert_error(&read, "upstream_unreachable", "rejected", "is incomplete");
        let write = canned.call("svc", "add_item", "{}").await;
        assert_error(&write, "upstream_unreachable", "unknown", "The write may have succeeded");
    }
    for raw in [
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"number\":7}",
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{\"number\":7}\r\n",
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"number\":7",
    ] {
        canned.service.respond_raw(raw.as_bytes());
        let result = canned.call("svc", "add_item", "{}").await;
        assert_eq!(error(&result)["outcome"], json!("unknown"), "{raw}: {result}");
    }
    canned.service.respond("200 OK\nContent-Encoding: br", ITEM);
    let result = canned.call("svc", "add_item", "{}").await;
    assert_error(&result, "upstream_error", "unknown", "content coding `br`");
}

#[tokio::test]
async fn the_details_of_an_error_reach_the_model() {
    let canned = Canned::start().await;
    let arguments = r#"{"owner":"octo","repo":"r","title":"t","head":"x","base":"main"}"#;
    for (body, says) in [
        (
            r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"No commits between main and x"}]}"#,
            "No commits between main and x",
        ),
        (
            r#"{"message":"Repository rule violations found","errors":["Name must match feature/*"]}"#,
            "found: Name must match feature/*",
        ),
    ] {
        canned.service.respond("422 Unprocessable Entity\nContent-Type: application/json", body);
        let result = canned.call("github", "create_pull_request", arguments).await;
        assert_error(&result, "upstream_error", "rejected", says);
    }
}

#[tokio::test]
async fn a_rate_limit_is_told_from_a_missing_right() {
    let canned = Canned::start().await;
    let arguments = r#"{"owner":"octo","repo":"r","title":"t"}"#;
    let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}"#;
    for (head, body, code, seconds) in [
        ("403 Forbidden\nx-ratelimit-remaining: 4980", secondary, "rate_limited", json!(60)),
        (
            "403 Forbidden\nx-ratelimit-remaining: 4980\nx-ratelimit-reset: 99999999999",
            secondary,
            "rate_limited",
            json!(60),
        ),
        ("403 Forbidden\nRetry-After: 7", secondary, "rate_limited", json!(7)),
        ("429 Too Many Requests\nRetry-After: 299.4", "{}", "rate_limited", json!(300)),
        ("429 Too Many Requests\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT", "{}", "rate_limited", json!(0)),
        ("403 Forbidden", r#"{"message":"Resource not accessible"}"#, "upstream_error", Value::Null),
    ] {
        canned.service.respond(&format!("{head}\nContent-Type: application/json"), body);
        let result = canned.call("github", "create_issue", arguments).await;
        assert_error(&result, code, "rejected", "");
        assert_eq!(error(&result)["retry_after_seconds"], seconds, "{head}: {result}");
    }
}

#[tokio::test]
async fn slashes_at_the_ends_of_a_path_are_taken_off_or_named() {
    let canned = Canned::start().await;
    canned.service.respond(JSON, r#"[{"path":"a","type":"file","size":1,"sha":"s"}]"#);
    for (path, target) in [
        ("/README.md", "/repos/octo/r/contents/README.md"),
        ("src/", "/repos/octo/r/contents/src"),
        ("/", "/repos/octo/r/contents"),
    ] {
        let arguments = json!({ "owner": "octo", "repo": "r", "path": path }).to_string();
        for tool in ["list_directory", "get_file_contents"] {
            let result = canned.call("github", tool, &arguments).await;
            assert_eq!(result["isError"], json!(false), "{path}: {result}");
            assert_eq!(canned.service.sent().target(), target, "{path}");
        }
    }
    let before = canned.service.requests();
    let result = canned.call("svc", "file", r#"{"path":"a//b"}"#).await;
    assert_error(&result, "invalid_arguments", "not_sent", "two slashes");
    let result = canned.call("svc", "write_file", r#"{"path":"/"}"#).await;
    assert_error(&result, "invalid_arguments", "not_sent", "`/` alone");
    assert_eq!(canned.service.requests(), before);
}

#[tokio::test]
async fn a_next_page_among_many_header_fields_is_found() {
    let canned = Canned::start().await;
    let fields: String = (0..200).map(|n| format!("X-Proxy-{n}: {n}\n")).collect();
    let link =
        "Link: </items/7?page=1>; rel=\"prev first\", </items/7?page=3>; title=\"a, b\"; rel=\"next last\"";
    canned.service.respond(&format!("{JSON}\n{fields}{link}"), ITEM);
    let found = content(&canned.call("svc", "item", r#"{"number":7,"page":2}"#).await);
    assert_eq!(found["next"], json!({ "number": 7, "page": 3 }));
}
