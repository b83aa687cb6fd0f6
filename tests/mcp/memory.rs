//! What answers and requests take in memory is bounded before they are decoded.

use serde_json::{Value, json};

use crate::results::{assert_error, error};
use crate::server::{ServerBuilder, within};

const MIB: u64 = 1024 * 1024;

/// A list of so many zeros, as text.
fn zeros(count: usize) -> String {
    format!("[{}]", vec!["0"; count].join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_would_take_too_much_memory_is_not_decoded() {
    let server = ServerBuilder::default().start().await;
    for (shape, says) in
        [("values", "250000 values"), ("objects", "once decoded"), ("wide", "too much memory")]
    {
        let result = server.call("read_shape", json!({ "shape": shape })).await;
        assert_error(&result, "answer_too_large", "rejected", says);
    }
    assert_eq!(server.call("get_item", json!({ "id": "1" })).await["isError"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_memory_may_be_asked_for_again() {
    let mut builder = ServerBuilder::default();
    builder.settings.memory_budget = 16 * MIB;
    let server = builder.start().await;
    let result = server.call("read_shape", json!({ "shape": "text" })).await;
    assert_error(&result, "rate_limited", "rejected", "memory_budget");
    assert_eq!(error(&result)["retry_after_seconds"], json!(1));
    assert_eq!(server.call("get_item", json!({ "id": "1" })).await["isError"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_too_many_values_is_refused_with_its_id() {
    let server = ServerBuilder::default().start().await;
    for (values, status, says) in [(50_001, 413, "50000 values"), (20_000, 400, "`method` is missing")] {
        let text = format!("{{\"id\": 7, \"method\": 3, \"params\": {}}}", zeros(values));
        let response = within(server.post_text(&text).send()).await.unwrap();
        assert_eq!(response.status(), status);
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["id"], json!(7), "{body}");
        assert!(body["error"]["message"].as_str().unwrap().contains(says), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_request_is_served() {
    let server = ServerBuilder::default().start().await;
    let result = server.call("add_item", json!({ "title": "x".repeat(3 * MIB as usize) })).await;
    assert_eq!(result["isError"], json!(false), "{result}");
}

/// As a string they were one value of the request.
#[tokio::test(flavor = "multi_thread")]
async fn arguments_in_a_string_have_the_same_bounds() {
    let server = ServerBuilder::default().start().await;
    let many = format!("{{\"title\": {}}}", zeros(50_001));
    let sent = json!({ "module": "sample", "tool": "add_item", "account": "work", "arguments": many });
    let result = server.tool("call_module_tool", sent).await;
    assert_error(&result, "invalid_arguments", "not_sent", "50000 values");
    let large = json!({ "title": "x".repeat(MIB as usize) }).to_string();
    let sent = json!({ "module": "sample", "tool": "add_item", "account": "work", "arguments": large });
    let result = server.tool("call_module_tool", sent).await;
    assert_eq!(result["isError"], json!(false), "{result}");
}
