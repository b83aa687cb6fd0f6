//! How calls end that do not end by themselves.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Setup, within};

#[tokio::test]
async fn a_client_that_goes_ends_the_request_to_the_service() {
    let server = Setup::default().http().await;
    let call = server.desk("wait", json!({}));
    tokio::select! {
        _ = call => panic!("the call ended"),
        () = server.parts.service.until_waiting(1) => {}
    }
    server.parts.service.until_waiting(0).await;
    let cancelled = || server.parts.calls.counts().read().find(|(code, _)| *code == "cancelled");
    within(async {
        while cancelled() != Some(("cancelled", 1)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(server.parts.calls.in_flight(), 0);
}

#[tokio::test]
async fn a_shutdown_lets_what_is_in_flight_finish_or_cancels_it() {
    let mut setup = Setup::default();
    setup.settings.shutdown_timeout = Duration::from_millis(200);
    let server = setup.http().await;
    let call = server.desk("wait", json!({}));
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
    let mut setup = Setup::default();
    setup.settings.shutdown_timeout = Duration::from_secs(3600);
    let server = setup.http().await;
    let call = server.desk("wait", json!({}));
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
    let mut setup = Setup::default();
    setup.settings.drain_delay = Duration::from_secs(3600);
    let server = setup.http().await;
    let arguments = json!({ "module": "desk", "tool": "get_item", "arguments": { "id": "1" } });
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

#[tokio::test]
async fn a_flood_is_answered_to_the_last_call() {
    let mut setup = Setup::default();
    setup.settings.max_calls = 8;
    let server = setup.http().await;
    let calls = (0..200).map(|_| server.desk("get_item", json!({ "id": "1" })));
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
