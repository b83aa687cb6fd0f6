//! How the server ends: it drains, and finishes or cancels the calls in flight.

use std::time::Duration;

use serde_json::json;

use crate::server::{ServerBuilder, within};

#[tokio::test]
async fn a_shutdown_lets_what_is_in_flight_finish_or_cancels_it() {
    let mut builder = ServerBuilder::default();
    builder.settings.shutdown_timeout = Duration::from_millis(200);
    let server = builder.start().await;
    let call = server.call("wait", json!({}));
    let stop = async {
        server.parts.service.until_waiting(1).await;
        server.shutdown.cancel();
    };
    let (result, ()) = tokio::join!(call, stop);
    assert_eq!(result["structuredContent"]["error"]["code"], json!("cancelled"), "{result}");
    within(server.ended).await.unwrap();
}

#[tokio::test]
async fn while_it_drains_the_server_takes_nothing_new_and_is_not_ready() {
    let mut builder = ServerBuilder::default();
    builder.settings.shutdown_timeout = Duration::from_secs(3600);
    let server = builder.start().await;
    let call = server.call("wait", json!({}));
    let drain = async {
        server.parts.service.until_waiting(1).await;
        server.shutdown.cancel();
        let ready = format!("http://{}/readyz", server.admin);
        let draining = async {
            loop {
                let answer = reqwest::get(&ready).await.unwrap();
                if answer.status() == 503 {
                    break answer.text().await.unwrap();
                }
            }
        };
        assert!(within(draining).await.contains("draining"));
        let healthz = format!("http://{}/healthz", server.address);
        within(async { while reqwest::get(&healthz).await.is_ok() {} }).await;
    };
    tokio::select! {
        _ = call => panic!("the call ended"),
        () = drain => {}
    }
    // Its client has gone with the select, so nothing is in flight any more.
    within(server.ended).await.unwrap();
}

#[tokio::test]
async fn until_its_drain_delay_is_over_the_server_serves_on_unready_and_asks_clients_to_leave() {
    let mut builder = ServerBuilder::default();
    builder.settings.drain_delay = Duration::from_secs(3600);
    let server = builder.start().await;
    let arguments = json!({ "module": "sample", "tool": "get_item", "arguments": { "id": "1" } });
    let call = || {
        let params = json!({ "name": "call_module_tool", "arguments": arguments.clone() });
        within(server.post("tools/call", params).send())
    };
    assert_eq!(call().await.unwrap().headers().get("connection"), None);
    server.shutdown.cancel();
    for address in [server.address, server.admin] {
        let ready = format!("http://{address}/readyz");
        let draining = async {
            loop {
                let answer = reqwest::get(&ready).await.unwrap();
                if answer.status() == 503 {
                    break answer.text().await.unwrap();
                }
            }
        };
        assert!(within(draining).await.contains("draining"));
    }
    let answer = call().await.unwrap();
    assert_eq!(answer.headers()["connection"], "close");
    assert!(answer.text().await.unwrap().contains("\"isError\":false"));
    assert!(!server.ended.is_finished());
}
