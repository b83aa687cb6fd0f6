//! The server over standard input and output.

use std::time::Duration;

use cofferdam::caller::Caller;
use cofferdam::mcp::{Handler, serve_lines};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::server::{Parts, ServerBuilder, within};

pub(crate) struct Stdio {
    pub(crate) parts: Parts,
    input: WriteHalf<DuplexStream>,
    output: Lines<BufReader<ReadHalf<DuplexStream>>>,
    shutdown: CancellationToken,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Stdio {
    async fn start(drain: Duration) -> Self {
        Self::start_with(ServerBuilder::default(), drain).await
    }

    pub(crate) async fn start_with(builder: ServerBuilder, drain: Duration) -> Self {
        let parts = builder.parts().await;
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (read, write) = tokio::io::split(theirs);
        let handler = Handler::for_caller(
            parts.calls.clone(),
            parts.settings.call_timeout,
            CancellationToken::new(),
            Caller::local(),
        );
        let shutdown = CancellationToken::new();
        let ended = tokio::spawn(serve_lines(handler, read, write, shutdown.clone(), drain));
        let (read, input) = tokio::io::split(ours);
        Self { parts, input, output: BufReader::new(read).lines(), shutdown, ended }
    }

    pub(crate) async fn send(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Value {
        serde_json::from_str(&self.receive_text().await).unwrap()
    }

    pub(crate) async fn receive_text(&mut self) -> String {
        within(self.output.next_line()).await.unwrap().expect("the server has ended")
    }

    pub(crate) async fn initialize(&mut self) {
        let params = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        self.send(
            &json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string(),
        )
        .await;
        assert_eq!(self.receive().await["result"]["protocolVersion"], json!("2025-06-18"));
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string()).await;
    }

    pub(crate) async fn call(&mut self, id: i64, tool: &str, arguments: Value) {
        self.call_of("sample", id, tool, arguments).await;
    }

    pub(crate) async fn call_of(&mut self, module: &str, id: i64, tool: &str, arguments: Value) {
        let arguments = json!({ "module": module, "tool": tool, "account": "work", "arguments": arguments });
        let params = json!({ "name": "call_module_tool", "arguments": arguments });
        self.send(
            &json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string(),
        )
        .await;
    }
}

#[tokio::test]
async fn nonsense_is_answered_and_nothing_ends() {
    let mut stdio = Stdio::start(Duration::ZERO).await;
    stdio.send("{\"jsonrpc\":").await;
    assert_eq!(stdio.receive().await["error"]["code"], json!(-32700));
    stdio.send("").await;
    stdio
        .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {} }).to_string())
        .await;
    stdio.send(&"x".repeat(5 * 1024 * 1024)).await;
    assert_eq!(stdio.receive().await["error"]["code"], json!(-32700));
    let long = "x".repeat(9 * 1024 * 1024);
    stdio
        .send(&format!(
            "{{\"method\":\"ping\",\"params\":{{\"a\":\"{long}\"}},\"jsonrpc\":\"2.0\",\"id\":\"last\"}}"
        ))
        .await;
    let answer = stdio.receive().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("last"), &json!(-32700)), "{answer}");
    let ping = json!({ "jsonrpc": "2.0", "id": "p", "method": "ping" });
    stdio.send(&ping.to_string()).await;
    assert_eq!(stdio.receive().await["id"], json!("p"));
    stdio
        .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {} }).to_string())
        .await;
    stdio.initialize().await;
    stdio.send("[1]").await;
    assert_eq!(stdio.receive().await["error"]["code"], json!(-32600));
    stdio.call(1, "get_item", json!({ "id": "a" })).await;
    let answer = stdio.receive().await;
    assert_eq!(answer["result"]["structuredContent"], json!({ "result": { "id": "a" } }), "{answer}");
}

/// A client waits forever for a response that it cannot match.
#[tokio::test]
async fn every_request_is_answered_with_its_id_before_the_handshake_and_after() {
    let mut stdio = Stdio::start(Duration::ZERO).await;
    let no_client = json!({ "protocolVersion": "2025-06-18", "capabilities": {} });
    for initialized in [false, true] {
        if initialized {
            stdio.initialize().await;
        }
        stdio
            .send(
                &json!({ "jsonrpc": "2.0", "id": "i", "method": "initialize", "params": no_client })
                    .to_string(),
            )
            .await;
        let answer = stdio.receive().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!("i"), &json!(-32602)), "{answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("clientInfo"), "{answer}");
        for (part, code) in [
            (
                "\"params\":{\"name\":\"get_module_schema\",\"arguments\":{\"query\":\"canary\\ud83d\"}}",
                -32602,
            ),
            ("\"params\":{\"name\":\"get_module_schema\",\"arguments\":[]}", -32602),
            ("\"params\":[1]", -32602),
            ("\"method\":\"tools/call\"", -32600),
        ] {
            stdio
                .send(&format!("{{\"jsonrpc\":\"2.0\",\"method\":\"tools/call\",{part},\"id\":\"x\"}}"))
                .await;
            let answer = stdio.receive().await;
            assert_eq!(
                (&answer["id"], &answer["error"]["code"]),
                (&json!("x"), &json!(code)),
                "{part}: {answer}"
            );
            assert!(!answer.to_string().contains("canary"), "{answer}");
        }
        stdio.send("{\"jsonrpc\":\"2.0\",\"id\":18446744073709551615,\"method\":\"ping\"}").await;
        assert_eq!(stdio.receive().await["id"], json!(18446744073709551615_u64));
    }
    let params = json!({ "name": "get_module_schema", "arguments": "{\"module\": \"sample\"}" });
    stdio
        .send(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params }).to_string())
        .await;
    let answer = stdio.receive().await;
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(2), &json!(false)), "{answer}");
    assert!(answer["result"].get("resultType").is_none(), "not in this revision: {answer}");
}

#[tokio::test]
async fn a_byte_order_mark_before_a_message_is_ignored() {
    let mut stdio = Stdio::start(Duration::ZERO).await;
    stdio.send(&format!("\u{feff}{}", json!({ "jsonrpc": "2.0", "id": "p", "method": "ping" }))).await;
    assert_eq!(stdio.receive().await["id"], json!("p"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_too_many_values_is_refused_with_its_id() {
    let mut stdio = Stdio::start(Duration::ZERO).await;
    stdio.initialize().await;
    let values = vec!["0"; 50_001].join(",");
    stdio.send(&format!("{{\"id\": \"a\", \"method\": \"ping\", \"params\": [{values}]}}")).await;
    let refused = stdio.receive().await;
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("a"), &json!(-32600)), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("50000 values"), "{refused}");
    // Large notifications have no response, and large calls are served.
    stdio
        .send(&format!(
            "{{\"jsonrpc\": \"2.0\", \"method\": \"x\", \"params\": {{\"a\": \"{}\"}}}}",
            "x".repeat(100_000)
        ))
        .await;
    stdio.call(1, "add_item", json!({ "title": "x".repeat(300_000) })).await;
    let served = stdio.receive().await;
    assert_eq!((&served["id"], &served["result"]["isError"]), (&json!(1), &json!(false)), "{served}");
}

#[tokio::test]
async fn a_cancelled_call_ends_at_the_service_and_gets_no_answer() {
    let mut stdio = Stdio::start(Duration::ZERO).await;
    stdio.initialize().await;
    stdio.call(1, "wait", json!({})).await;
    stdio.parts.service.until_waiting(1).await;
    let params = json!({ "requestId": 1, "reason": "changed my mind" });
    stdio
        .send(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": params }).to_string())
        .await;
    stdio.parts.service.until_waiting(0).await;
    stdio.call(2, "get_item", json!({ "id": "b" })).await;
    assert_eq!(stdio.receive().await["id"], json!(2));
}

#[tokio::test]
async fn an_id_that_is_in_use_is_refused_and_nothing_waits_for_its_call() {
    let mut stdio = Stdio::start(Duration::ZERO).await;
    stdio.initialize().await;
    stdio.call(1, "wait", json!({})).await;
    stdio.parts.service.until_waiting(1).await;
    stdio.call(1, "get_item", json!({ "id": "a" })).await;
    let answer = stdio.receive().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32600)), "{answer}");
    stdio.send(&json!({ "jsonrpc": "2.0", "id": "p", "method": "ping" }).to_string()).await;
    assert_eq!(stdio.receive().await["id"], json!("p"));
    stdio.call(2, "get_item", json!({ "id": "b" })).await;
    assert_eq!(stdio.receive().await["id"], json!(2));
}

#[tokio::test]
async fn a_client_that_closes_its_end_still_gets_what_it_asked_for() {
    let mut stdio = Stdio::start(Duration::from_secs(3600)).await;
    stdio.initialize().await;
    stdio.call(1, "get_item", json!({ "id": "a" })).await;
    stdio.input.shutdown().await.unwrap();
    assert_eq!(stdio.receive().await["id"], json!(1));
    within(stdio.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shutdown_cancels_what_does_not_finish_in_time() {
    let mut stdio = Stdio::start(Duration::from_millis(100)).await;
    stdio.initialize().await;
    stdio.call(1, "wait", json!({})).await;
    stdio.parts.service.until_waiting(1).await;
    stdio.shutdown.cancel();
    let answer = stdio.receive().await;
    assert_eq!(answer["result"]["structuredContent"]["error"]["code"], json!("cancelled"), "{answer}");
    within(stdio.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_stateless_revision_needs_no_handshake() {
    let mut stdio = Stdio::start(Duration::ZERO).await;
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": meta } });
    stdio.send(&list.to_string()).await;
    let answer = stdio.receive().await;
    assert_eq!(answer["result"]["tools"][0]["name"], json!("get_module_schema"), "{answer}");
}
