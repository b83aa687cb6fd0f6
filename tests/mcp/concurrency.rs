//! Many calls at once, and more than the server runs at once.

use serde_json::json;

use crate::server::{ServerBuilder, within};

#[tokio::test]
async fn beyond_the_limit_of_concurrent_calls_one_more_is_rate_limited() {
    let mut builder = ServerBuilder::default();
    builder.settings.max_calls = 1;
    let server = builder.start().await;
    let first = server.call("wait", json!({}));
    let second = async {
        server.parts.service.until_waiting(1).await;
        server.call("get_item", json!({ "id": "1" })).await
    };
    let second = tokio::select! {
        _ = first => panic!("the first call ended"),
        second = within(second) => second,
    };
    let error = &second["structuredContent"]["error"];
    assert_eq!((&error["code"], &error["outcome"]), (&json!("rate_limited"), &json!("not_sent")), "{second}");
    assert!(error["message"].as_str().unwrap().contains("its maximum"), "{second}");
    assert_eq!(error["retry_after_seconds"], json!(1));
}

#[tokio::test]
async fn a_flood_is_answered_to_the_last_call() {
    let mut builder = ServerBuilder::default();
    builder.settings.max_calls = 8;
    let server = builder.start().await;
    let calls = (0..200).map(|_| server.call("get_item", json!({ "id": "1" })));
    let results = within(futures_util::future::join_all(calls)).await;
    let (mut ok, mut limited) = (0, 0);
    for result in results {
        match result["structuredContent"]["error"]["code"].as_str() {
            None => ok += 1,
            Some("rate_limited") => limited += 1,
            Some(other) => panic!("{other}"),
        }
    }
    assert_eq!(ok + limited, 200);
    assert!(ok >= 8, "only {ok} were answered");
}
