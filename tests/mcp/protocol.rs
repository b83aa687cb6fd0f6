//! What is rejected before a method runs: by HTTP method, size, JSON-RPC and revision.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

/// Also with an ID that rmcp cannot hold, and with strings that no parser reads.
#[tokio::test]
async fn every_request_is_answered_with_its_id() {
    let server = ServerBuilder::default().start().await;
    let call = |argument: &str| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",\"params\":{{\"name\":\"get_module_schema\",\"arguments\":\
             {{\"query\":{argument}}}}},\"id\":\"x\"}}"
        )
    };
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for text in [
        call("\"canary\\ud83d\""),
        call("\"canary\n\""),
        call(&deep),
        "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/list\",\"params\":[1]}".to_owned(),
        "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/list\",\"params\":{\"_meta\":3}}".to_owned(),
    ] {
        let (status, answer) = json_of(&server, &text).await;
        assert_eq!(
            (status, &answer["error"]["code"], &answer["id"]),
            (200, &json!(-32602), &json!("x")),
            "{answer}"
        );
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    let body = b"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/list\",\"params\":{\"cursor\":\"\xff\"}}";
    let answer = within(server.post_text("").body(body.as_slice()).send()).await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["id"], json!(5));
    for id in ["1.5", "18446744073709551615"] {
        let (status, answer) =
            json_of(&server, &format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}")).await;
        assert_eq!((status, answer["id"].to_string().as_str()), (400, id), "{answer}");
    }
    let (status, answer) = json_of(&server, "{\"id\":7,\"method\":\"ping\"}").await;
    assert_eq!((status, &answer["error"]["code"], &answer["id"]), (400, &json!(-32600), &json!(7)));
    let (status, answer) = json_of(&server, "").await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(-32700)));
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_named_in_every_revision() {
    let server = ServerBuilder::default().start().await;
    for (method, params, says) in [
        (
            "tools/call",
            json!({ "name": "get_module_schema", "arguments": [] }),
            "`arguments` must be an object",
        ),
        (
            "tools/call",
            json!({ "name": "get_module_schema", "arguments": "canary" }),
            "a string that is not JSON",
        ),
        ("tools/call", json!({ "arguments": {} }), "`name` is missing"),
        (
            "initialize",
            json!({ "protocolVersion": "2025-06-18", "capabilities": {} }),
            "`clientInfo` is missing",
        ),
    ] {
        let answer = within(server.post(method, params.clone()).send()).await.unwrap();
        assert_eq!(answer.status(), 200, "{params}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32602), &json!(1)), "{answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(says) && !message.contains("canary"), "{message}");
    }
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (arguments, code) in
        [(json!([]), json!(-32602)), (json!("{"), json!(-32602)), (json!("{}"), Value::Null)]
    {
        let params = json!({ "name": "get_module_schema", "arguments": arguments, "_meta": meta });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
        let request = server
            .post_text(&body)
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "get_module_schema");
        let answer = within(request.send()).await.unwrap();
        assert_eq!(answer.status(), 200, "{arguments}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["error"]["code"], code, "{answer}");
        if code.is_null() {
            assert_eq!(answer["result"]["resultType"], json!("complete"), "{answer}");
        }
    }
}

#[tokio::test]
async fn arguments_that_are_absent_null_or_empty_are_one_thing() {
    let server = ServerBuilder::default().start().await;
    let expected = server.tool("get_module_schema", json!({})).await;
    assert_eq!(expected["isError"], json!(false), "{expected}");
    for none in [Value::Null, json!(""), json!(" "), json!("null"), json!("{}")] {
        assert_eq!(server.tool("get_module_schema", none.clone()).await, expected, "{none}");
    }
    let sent =
        json!({ "module": "sample", "tool": "get_item", "account": "work", "arguments": { "id": "a" } });
    let expected = server.tool("call_module_tool", sent.clone()).await;
    assert_eq!(expected["isError"], json!(false), "{expected}");
    assert_eq!(server.tool("call_module_tool", json!(sent.to_string())).await, expected);
    for none in [json!(""), json!("null")] {
        let nested = json!({ "module": "sample", "tool": "fail", "account": "work", "arguments": none });
        let answer = server.tool("call_module_tool", nested).await;
        assert_eq!(
            answer["structuredContent"]["error"]["code"],
            json!("upstream_error"),
            "it was called: {answer}"
        );
    }
}

#[tokio::test]
async fn whoever_accepts_json_is_served() {
    let server = ServerBuilder::default().start().await;
    for (accept, status) in [
        (None, 200),
        (Some("*/*"), 200),
        (Some("application/json, text/*"), 200),
        (Some("application/json"), 200),
        (Some("application/*;q=0.5"), 200),
        (Some("text/html"), 406),
        (Some("*/*, application/json;q=0"), 406),
    ] {
        assert_eq!(within(status_of_list(&server, accept)).await, status, "{accept:?}");
    }
}

/// The status of `tools/list` with this `Accept`, sent by hand: reqwest adds one to a request that has none.
async fn status_of_list(server: &TestServer, accept: Option<&str>) -> u16 {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string();
    let accept = accept.map_or_else(String::new, |accept| format!("accept: {accept}\r\n"));
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: Application/JSON; charset=UTF-8\r\n{accept}\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
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
