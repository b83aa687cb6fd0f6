//! Plain calls are answered without rmcp, and must be answered as it answers them.

use cofferdam::http::Server;
use cofferdam::mcp::Handler;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::server::{ServerBuilder, within};

const CALL: &str = r#""method":"tools/call""#;

/// Messages that are calls, nearly calls, and none.
fn messages() -> Vec<String> {
    let item =
        json!({ "module": "sample", "tool": "get_item", "account": "work", "arguments": { "id": "a" } });
    let get_item = json!({ "name": "call_module_tool", "arguments": item }).to_string();
    let schema = |rest: &str| format!(r#"{{"name":"get_module_schema"{rest}}}"#);
    let with_id = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},{CALL},"params":{get_item}}}"#);
    let with_params = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,{CALL},"params":{params}}}"#);
    let ids = [
        "1",
        "0",
        "-7",
        "\"x\"",
        "\"\\u00e9\"",
        "1.0",
        "1e2",
        "1.5",
        "9223372036854775807",
        "1e400",
        "null",
        "{}",
    ];
    let nested =
        |depth| schema(&format!(r#","arguments":{{"query":{}{}}}"#, "[".repeat(depth), "]".repeat(depth)));
    let params = [
        schema(""),
        schema(r#","arguments":null"#),
        schema(r#","arguments":{}"#),
        schema(r#","arguments":{"module":"sample"}"#),
        schema(r#","arguments":{"module":"sample","module":7}"#),
        schema(r#","arguments":{"modul":"sample"}"#),
        schema(r#","arguments":"{}""#),
        schema(r#","arguments":"{""#),
        schema(r#","arguments":[]"#),
        schema(r#","arguments":{"query":1.50}"#),
        schema(r#","arguments":{"query":"\ud83d"}"#),
        schema(r#","arguments":{"$serde_json::private::Number":"7"}"#),
        nested(100),
        nested(200),
        schema(r#","_meta":{}"#),
        schema(r#","_meta":{"progressToken":7}"#),
        schema(r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#),
        schema(r#","_meta":{"io.modelcontextprotocol/protocolVersion":7}"#),
        schema(r#","_meta":null"#),
        schema(r#","_meta":3"#),
        schema(r#","task":{}"#),
        schema(r#","requestState":"x""#),
        schema(r#","inputResponses":{}"#),
        schema(r#","name":"call_module_tool""#),
        r#"{"name":"no_such_tool"}"#.to_owned(),
        r#"{"name":"call_module_tool","arguments":{"module":"none","tool":"none"}}"#.to_owned(),
        r#"{"name":7}"#.to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
    ];
    let others = [
        format!(r#"{{ "params" : {get_item} , "id" : 1 , "method":"tools\/call", "jsonrpc":"2.0" }}"#),
        format!(r#"{{"jsonrpc":"2.0",{CALL},"params":{get_item}}}"#),
        format!(r#"{{"jsonrpc":"1.0","id":1,{CALL},"params":{get_item}}}"#),
        format!(r#"{{"id":1,{CALL},"params":{get_item}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,{CALL}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"id":2,{CALL},"params":{get_item}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{}},{CALL},"params":{get_item}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,"other":{{}},{CALL},"params":{get_item}}}"#),
        format!(r#"{{"jsonrpc":"2.0","id":1,{CALL},"params":{get_item}}} x"#),
        format!(r#"[{{"jsonrpc":"2.0","id":1,{CALL},"params":{get_item}}}]"#),
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned(),
    ];
    ids.iter()
        .map(|id| with_id(id))
        .chain(params.iter().map(|params| with_params(params)))
        .chain(others)
        .collect()
}

/// Headers that each message is sent with.
const HEADERS: [&[(&str, &str)]; 8] = [
    &[("mcp-protocol-version", "2025-11-25")],
    &[("mcp-protocol-version", "2025-06-18")],
    &[
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "get_module_schema"),
    ],
    &[("mcp-protocol-version", "1999-01-01")],
    &[],
    &[("accept", "*/*")],
    &[("accept", "text/html")],
    &[("content-type", "text/plain")],
];

#[tokio::test]
async fn a_call_has_the_response_that_rmcp_gives_it() {
    let direct = ServerBuilder::default().start().await;
    let parts = &direct.parts;
    let stop = CancellationToken::new();
    let handler = Handler::for_http(parts.calls.clone(), parts.settings.call_timeout, stop.clone());
    let rmcp = Server::bind_with_handler(handler, &parts.settings, &parts.access, parts.calls.clone(), stop)
        .await
        .unwrap();
    let addresses = [direct.address, rmcp.address()];
    let _running = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(rmcp.run(CancellationToken::new())));
    let client = reqwest::Client::new();
    let mut successes = 0;
    for message in messages() {
        for headers in HEADERS {
            let mut responses = Vec::new();
            for address in addresses {
                let mut request = client.post(format!("http://{address}/mcp")).body(message.clone());
                if !headers.iter().any(|(name, _)| *name == "content-type") {
                    request = request.header(CONTENT_TYPE, "application/json");
                }
                if !headers.iter().any(|(name, _)| *name == "accept") {
                    request = request.header(ACCEPT, "application/json, text/event-stream");
                }
                let request =
                    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
                let response = within(request.send()).await.unwrap();
                let content_type = response.headers().get(CONTENT_TYPE).cloned();
                responses.push((response.status(), content_type, response.text().await.unwrap()));
            }
            assert_eq!(responses[0], responses[1], "{message} with {headers:?}");
            let answer: Value = serde_json::from_str(&responses[0].2).unwrap_or_default();
            successes += usize::from(answer["result"]["isError"] == json!(false));
        }
    }
    assert!(successes > 50, "only {successes} calls succeeded");
}
