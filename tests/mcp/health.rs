//! Health routes and metrics.

use cofferdam_vault::ErrorKind;
use cofferdam_vault::testkit::{Calls as VaultCalls, Fault};
use serde_json::{Value, json};

use crate::server::{ServerBuilder, within};

async fn get(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let answer = within(reqwest::get(format!("http://{address}{path}"))).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn everyone_sees_counts_and_the_operator_sees_names() {
    let server = ServerBuilder::default().start().await;
    assert_eq!(get(server.address, "/healthz").await, (200, "ok\n".into()));
    let (status, text) = get(server.address, "/readyz").await;
    assert_eq!(status, 200);
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({ "status": "ready", "vaults": { "ready": 1, "degraded": 0, "down": 0 } })
    );
    let (status, text) = get(server.admin, "/readyz").await;
    assert_eq!(status, 200);
    let details: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(details["vaults"][0]["name"], json!("sample-vault"));
    assert_eq!(details["vaults"][0]["backend"], json!("memory"));
    assert_eq!(details["modules"][0]["vault"], json!("sample-vault"));
    assert!(details["modules"][0]["since"].as_str().unwrap().ends_with('Z'), "{details}");
    assert_eq!(get(server.address, "/metrics").await.0, 404, "metrics are the operator's");
}

#[tokio::test]
async fn with_every_vault_down_the_server_is_not_ready_but_lives() {
    let server = ServerBuilder::default().start().await;
    server.parts.faults.set(VaultCalls::All, Fault::vault(ErrorKind::Unavailable));
    while get(server.address, "/readyz").await.0 == 200 {
        server.call("get_item", json!({ "id": "1" })).await;
    }
    let (_, text) = get(server.address, "/readyz").await;
    assert!(text.contains("\"down\":1") && !text.contains("sample"), "{text}");
    let (status, text) = get(server.admin, "/readyz").await;
    assert_eq!(status, 503);
    let details: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(details["vaults"][0]["state"], json!("down"));
    assert!(details["vaults"][0]["reason"].is_string(), "{details}");
    assert_eq!(get(server.address, "/healthz").await.0, 200);
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let server = ServerBuilder::default().start().await;
    server.call("get_item", json!({ "id": "1" })).await;
    server.call("no_such_tool", json!({})).await;
    let (_, text) = get(server.admin, "/metrics").await;
    for line in [
        "cofferdam_calls_total{code=\"ok\"} 1",
        "cofferdam_calls_total{code=\"unknown_tool\"} 1",
        "cofferdam_calls_total{code=\"internal\"} 0",
        "cofferdam_calls_in_flight 0",
        "cofferdam_vault_state{vault=\"sample-vault\",backend=\"memory\",state=\"ready\"} 1",
        "cofferdam_vault_state{vault=\"sample-vault\",backend=\"memory\",state=\"down\"} 0",
    ] {
        assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
    }
}
