//! `call`, through a service on loopback that checks its token.

use std::net::Ipv4Addr;

use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};

use crate::site::{Site, TWO_VAULTS};

/// A service that lets `Bearer good` in, and repeats the header as a careless one would.
async fn service() -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route(
        "/tickets",
        get(|headers: HeaderMap| async move {
            let sent = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
            match sent {
                "Bearer limited-token" => {
                    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "42")]).into_response()
                }
                "Bearer good-token-1" => Json(json!({ "tickets": 3, "sent": sent })).into_response(),
                _ => (StatusCode::UNAUTHORIZED, Json(json!({ "message": "bad token" }))).into_response(),
            }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

async fn call(token: Option<&str>, args: &'static [&'static str]) -> crate::site::Ended {
    let base_url = service().await;
    let site = Site::new(TWO_VAULTS);
    site.serve_from(&base_url);
    let site = match token {
        Some(token) => site.with_variable("TICKETS_TOKEN", token),
        None => site,
    };
    // The command blocks; the service runs beside it.
    tokio::task::block_in_place(|| site.run(args))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_printed_without_the_token() {
    let ended = call(Some("good-token-1"), &["call", "tickets", "list"]).await.expect(0);
    let answer: Value = ended.json();
    assert_eq!(answer["tickets"], 3);
    assert!(!ended.stdout.contains("good-token-1"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_ends_with_1_and_its_code() {
    let ended = call(Some("bad-token-2"), &["call", "tickets", "list", "--json"]).await.expect(1);
    assert_eq!(ended.json()["error"]["code"], "credential_rejected", "{ended:#?}");
    assert!(!ended.stderr.contains("bad-token-2"), "{ended:#?}");
}

/// Hosts that pass on the text alone know nothing of `retry_after_seconds`.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_says_when_to_try_again() {
    let ended = call(Some("limited-token"), &["call", "tickets", "list"]).await.expect(1);
    assert!(
        ended.stderr.contains("rate_limited") && ended.stderr.contains("Try again in 42 s."),
        "{ended:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_token_ends_with_1_and_names_the_variable() {
    let ended = call(None, &["call", "tickets", "list"]).await.expect(1);
    assert!(ended.stderr.contains("credential_missing"), "{ended:#?}");
    assert!(ended.stderr.contains("TICKETS_TOKEN"), "{ended:#?}");
    // Its vault cannot be written: the command would be refused.
    assert!(!ended.stderr.contains("secret set"), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_end_with_1_and_show_the_schema() {
    let args = &["call", "tickets", "list", "{\"limit\": \"many\"}", "--json"];
    let ended = call(Some("good-token-1"), args).await.expect(1);
    let error = &ended.json()["error"];
    assert_eq!(error["code"], "invalid_arguments");
    assert!(error["schema"]["properties"]["limit"].is_object(), "{error:#}");
}

#[test]
fn an_unknown_tool_ends_with_1() {
    let ended = Site::new(TWO_VAULTS).run(&["call", "tickets", "lisst", "--json"]).expect(1);
    assert_eq!(ended.json()["error"]["code"], "unknown_tool");
}
