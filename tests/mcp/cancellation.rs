//! A client that goes cancels its call.

use serde_json::json;

use crate::server::{ServerBuilder, within};

#[tokio::test]
async fn a_client_that_goes_ends_the_request_to_the_service() {
    let server = ServerBuilder::default().start().await;
    let call = server.call("wait", json!({}));
    tokio::select! {
        _ = call => panic!("the call ended"),
        () = server.parts.service.until_waiting(1) => {}
    }
    server.parts.service.until_waiting(0).await;
    let cancelled = || server.parts.calls.metrics().iter().find(|(code, _)| *code == "cancelled");
    within(async {
        while cancelled() != Some(("cancelled", 1)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(server.parts.calls.in_flight(), 0);
}
