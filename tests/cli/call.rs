//! `call`, through a service on loopback that checks its token.

use std::net::Ipv4Addr;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};

use cofferdam_testing::{CommandOutput, TWO_VAULTS, TestEnv};

/// A service that accepts `Bearer good-token-1`, and repeats the header as a careless one would.
async fn service() -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route(
        "/tickets",
        get(|headers: HeaderMap, uri: Uri| async move {
            let sent = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
            match sent {
                "Bearer limited-token" => {
                    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "42")]).into_response()
                }
                "Bearer exact-token-1" => {
                    let query = uri.query().unwrap_or_default();
                    let body = format!(r#"{{"id":12345678901234567890123,"rate":1.10,"query":"{query}"}}"#);
                    ([(CONTENT_TYPE, "application/json")], body).into_response()
                }
                "Bearer good-token-1" => Json(json!({ "tickets": 3, "sent": sent })).into_response(),
                _ => (StatusCode::UNAUTHORIZED, Json(json!({ "message": "bad token" }))).into_response(),
            }
        }),
    );
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

async fn call(token: Option<&str>, args: &[&str]) -> CommandOutput {
    let base_url = service().await;
    let env = TestEnv::new(TWO_VAULTS);
    env.call_service(&base_url);
    let env = match token {
        Some(token) => env.with_variable("TICKETS_TOKEN", token),
        None => env,
    };
    // The command blocks this thread; the service runs on another one.
    tokio::task::block_in_place(|| env.run(args))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_printed_without_the_token() {
    let output = call(Some("good-token-1"), &["call", "tickets", "list"]).await.expect(0);
    let answer: Value = output.json();
    assert_eq!(answer["tickets"], 3);
    assert!(!output.stdout.contains("good-token-1"), "{output:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_keep_their_digits_and_a_whole_one_is_an_integer() {
    let text = &["call", "tickets", "list", r#"{"limit": 42.0}"#];
    let json = &["call", "tickets", "list", r#"{"limit": 42.0}"#, "--json"];
    for args in [&text[..], &json[..]] {
        let output = call(Some("exact-token-1"), args).await.expect(0).stdout;
        for written in [r#""id": 12345678901234567890123"#, r#""rate": 1.10"#, r#""query": "limit=42""#] {
            assert!(output.contains(written), "{written} is not in {output}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_ends_with_1_and_its_code() {
    let output = call(Some("bad-token-2"), &["call", "tickets", "list", "--json"]).await.expect(1);
    assert_eq!(output.json()["error"]["code"], "credential_rejected", "{output:#?}");
    assert!(!output.stderr.contains("bad-token-2"), "{output:#?}");
}

/// Some hosts pass on only the text, without `retry_after_seconds`.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_says_when_to_try_again() {
    let output = call(Some("limited-token"), &["call", "tickets", "list"]).await.expect(1);
    assert!(
        output.stderr.contains("rate_limited") && output.stderr.contains("Try again in 42 s."),
        "{output:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_token_ends_with_1_and_names_the_variable() {
    let output = call(None, &["call", "tickets", "list"]).await.expect(1);
    assert!(output.stderr.contains("credential_missing"), "{output:#?}");
    assert!(output.stderr.contains("TICKETS_TOKEN"), "{output:#?}");
    // Its vault cannot be written: the command would be refused.
    assert!(!output.stderr.contains("secret set"), "{output:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_end_with_1_and_show_the_schema() {
    let args = &["call", "tickets", "list", "{\"limit\": \"many\"}", "--json"];
    let output = call(Some("good-token-1"), args).await.expect(1);
    let error = &output.json()["error"];
    assert_eq!(error["code"], "invalid_arguments");
    assert!(error["schema"]["properties"]["limit"].is_object(), "{error:#}");
}

#[test]
fn an_unknown_tool_ends_with_1() {
    let output = TestEnv::new(TWO_VAULTS).run(&["call", "tickets", "lisst", "--json"]).expect(1);
    assert_eq!(output.json()["error"]["code"], "unknown_tool");
}
