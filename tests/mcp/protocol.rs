//! What is rejected before a method runs: by HTTP method, size, JSON-RPC and revision.

use serde_json::{Value, json};

use crate::server::{ServerBuilder, TestServer, within};

#[tokio::test]
async fn only_posts_are_served() {
    let server = ServerBuilder::default().start().await;
    let url = format!("http://{}/mcp", server.address);
    for method in [reqwest::Method::GET, reqwest::Method::DELETE, reqwest::Method::PUT] {
        let answer = within(reqwest::Client::new().request(method, &url).send()).await.unwrap();
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()["allow"], "POST");
    }
}

async fn json_of(server: &TestServer, text: &str) -> (u16, Value) {
    let answer = within(server.post_text(text).send()).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn what_is_no_message_is_answered_as_json_rpc() {
    let server = ServerBuilder::default().start().await;
    let (status, answer) = json_of(&server, "{\"jsonrpc\": canary").await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32700)));
    assert!(!answer.to_string().contains("canary"));
    let (status, answer) = json_of(&server, "[]").await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32600)));
    let (status, answer) = json_of(&server, "{\"id\": 7, \"method\": 7}").await;
    assert_eq!((status, &answer["error"]["code"], &answer["id"]), (400, &json!(-32600), &json!(7)));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let server = ServerBuilder::default().start().await;
    let request = server.post_text(&" ".repeat(4 * 1024 * 1024 + 1));
    assert_eq!(within(request.send()).await.unwrap().status(), 413);
}

#[tokio::test]
async fn a_revision_that_is_not_served_is_refused_with_those_that_are() {
    let server = ServerBuilder::default().start().await;
    for revision in ["2024-11-05", "2025-03-26", "2031-01-01", "x"] {
        let list = json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" }).to_string();
        let request = server.post_text(&list).header("mcp-protocol-version", revision);
        let answer = within(request.send()).await.unwrap();
        assert_eq!(answer.status(), 400, "{revision}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], json!(-32022), "{answer}");
        assert_eq!(answer["error"]["data"]["supported"], json!(["2025-06-18", "2025-11-25", "2026-07-28"]));
        assert_eq!(answer["id"], json!(3));
    }
}

#[tokio::test]
async fn what_is_not_offered_is_not_found() {
    let server = ServerBuilder::default().start().await;
    for method in ["prompts/list", "resources/list", "resources/templates/list", "logging/setLevel"] {
        let params = if method == "logging/setLevel" { json!({ "level": "debug" }) } else { json!({}) };
        let answer: Value = within(server.post(method, params).send()).await.unwrap().json().await.unwrap();
        assert_eq!(answer["error"]["code"], json!(-32601), "{method}: {answer}");
    }
    let params =
        json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "a", "value": "b" } });
    let answer: Value =
        within(server.post("completion/complete", params).send()).await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"]["code"], json!(-32601), "{answer}");
    let params = json!({ "name": "no_such_tool", "arguments": {} });
    let answer: Value = within(server.post("tools/call", params).send()).await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"]["code"], json!(-32602), "{answer}");
}
