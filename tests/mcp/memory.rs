//! What answers and requests take in memory is bounded before they are decoded.

use std::time::Duration;

use serde_json::{Value, json};

use crate::results::{assert_error, error};
use crate::server::{ServerBuilder, TOKEN, within};
use crate::stdio::Stdio;

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

/// A server with these modules beside `sample`.
fn with_modules(names: &[&str]) -> ServerBuilder {
    let mut builder = ServerBuilder::default();
    builder.modules.extend(names.iter().map(|name| ((*name).to_owned(), vec!["work"])));
    builder
}

/// The text of a large argument.
fn large() -> String {
    "x".repeat((2 * MIB + 100_000) as usize)
}

/// The calls of five modules hold five bodies' worth of arguments. Five bodies would be more than one caller may have.
#[tokio::test(flavor = "multi_thread")]
async fn large_calls_that_hang_hold_no_bodies() {
    let modules = ["b", "c", "d", "e"];
    let server = with_modules(&modules).start().await;
    let mut hanging = Vec::new();
    for module in ["sample"].into_iter().chain(modules) {
        server.parts.vault.put(&format!("{module}/work"), [("token", TOKEN)]);
        let mut call = Box::pin(server.call_of(module, "wait_to_add", json!({ "title": large() })));
        tokio::select! {
            refused = &mut call => panic!("{module}: {refused}"),
            () = server.parts.service.until_waiting(hanging.len() + 1) => hanging.push(call),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_calls_that_hang_use_up_the_memory_of_their_own_module() {
    let server = with_modules(&["other"]).start().await;
    server.parts.vault.put("other/work", [("token", TOKEN)]);
    let mut hanging = Vec::new();
    let refused = loop {
        let call = server.call("wait_to_add", json!({ "title": large() }));
        let mut call = Box::pin(call);
        tokio::select! {
            refused = &mut call => break refused,
            () = server.parts.service.until_waiting(hanging.len() + 1) => hanging.push(call),
        }
    };
    assert!(!hanging.is_empty());
    assert_error(&refused, "rate_limited", "not_sent", "Other modules are unaffected");
    let title = json!({ "title": large() });
    let result = server.call_of("other", "add_item", title.clone()).await;
    assert_eq!(result["isError"], json!(false), "{result}");
    // What they held is given back.
    drop(hanging);
    server.parts.service.until_waiting(0).await;
    let result = server.call("add_item", title).await;
    assert_eq!(result["isError"], json!(false), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_do_those_of_a_client_on_stdio() {
    let mut stdio = Stdio::start_with(with_modules(&["other"]), Duration::ZERO).await;
    stdio.parts.vault.put("other/work", [("token", TOKEN)]);
    stdio.initialize().await;
    let service = stdio.parts.service.clone();
    let mut hanging = 0;
    let refused = loop {
        stdio.call(1 + hanging, "wait_to_add", json!({ "title": large() })).await;
        let expected = usize::try_from(hanging + 1).unwrap();
        tokio::select! {
            refused = stdio.receive() => break refused,
            () = service.until_waiting(expected) => hanging += 1,
        }
    };
    assert_ne!(hanging, 0);
    assert_error(&refused["result"], "rate_limited", "not_sent", "Other modules are unaffected");
    stdio.call_of("other", 100, "add_item", json!({ "title": large() })).await;
    let served = stdio.receive().await;
    assert_eq!((&served["id"], &served["result"]["isError"]), (&json!(100), &json!(false)), "{served}");
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
