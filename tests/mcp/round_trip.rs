//! Any JSON that a model may send reaches a service exactly, and any JSON answer reaches the model exactly.
//!
//! The service returns what it is sent, so one call goes both ways. JSON is compared as text: a parser that loses
//! something loses it on both sides.

use std::fmt::Write as _;

use crate::canned::{Canned, CannedService};
use crate::results::error;
use crate::server::within;

/// The deepest payload: a parser takes 127 levels, of which the message and its arguments need four.
const DEEPEST: usize = 123;

/// JSON as `serde_json` writes it: without white space, and with as few escapes as possible.
struct Generator(fastrand::Rng);

impl Generator {
    fn value(&mut self, depth: usize, out: &mut String) {
        match self.0.u8(..if depth == 0 { 4 } else { 7 }) {
            0 => out.push_str(["null", "true", "false"][self.0.usize(..3)]),
            1 | 2 => self.number(out),
            3 => self.string("", out),
            4 | 5 => {
                out.push('{');
                for at in 0..self.length() {
                    out.push_str(if at > 0 { "," } else { "" });
                    // All keys of an object differ.
                    self.string(&at.to_string(), out);
                    out.push(':');
                    self.value(depth - 1, out);
                }
                out.push('}');
            }
            _ => {
                out.push('[');
                for at in 0..self.length() {
                    out.push_str(if at > 0 { "," } else { "" });
                    self.value(depth - 1, out);
                }
                out.push(']');
            }
        }
    }

    fn length(&mut self) -> usize {
        [0, 1, 2, 3, 8][self.0.usize(..5)]
    }

    fn number(&mut self, out: &mut String) {
        out.push_str(if self.0.bool() { "-" } else { "" });
        let whole = self.digits(true);
        out.push_str(&whole);
        if self.0.bool() {
            let fraction = self.digits(false);
            let _ = write!(out, ".{fraction}");
        }
        if self.0.u8(..4) == 0 {
            let exponent = self.digits(false);
            let _ = write!(out, "e{}{exponent}", if self.0.bool() { '-' } else { '+' });
        }
    }

    /// Digits of any number; without a leading zero if `whole`.
    fn digits(&mut self, whole: bool) -> String {
        let count = [1, 2, 5, 16, 19, 20, 40, 400][self.0.usize(..8)];
        let mut digits: String = (0..count).map(|_| char::from(self.0.u8(b'0'..=b'9'))).collect();
        if whole {
            digits = digits.trim_start_matches('0').to_owned();
        }
        if digits.is_empty() { "0".to_owned() } else { digits }
    }

    fn string(&mut self, prefix: &str, out: &mut String) {
        let mut text = prefix.to_owned();
        for _ in 0..[0, 1, 5, 40][self.0.usize(..4)] {
            text.push(match self.0.u8(..6) {
                0 => char::from(self.0.u8(..0x20)),
                1 => ['"', '\\', '/', '\u{7f}', '\u{2028}', '\u{feff}', '\u{fffd}', '\u{10ffff}']
                    [self.0.usize(..8)],
                2 => self.0.char(..),
                _ => self.0.char('a'..='z'),
            });
        }
        out.push_str(&serde_json::to_string(&text).unwrap());
    }
}

/// Payloads of every kind: random ones, the deepest, and the longest number.
fn payloads() -> Vec<String> {
    let mut generator = Generator(fastrand::Rng::with_seed(11));
    let mut payloads = vec![
        format!("{}{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST)),
        format!("{}7{}", "{\"a\":".repeat(DEEPEST), "}".repeat(DEEPEST)),
        "9".repeat(20_000),
        format!("0.{}1", "0".repeat(20_000)),
    ];
    for _ in 0..200 {
        let mut payload = String::new();
        generator.value(4, &mut payload);
        // Larger answers are refused.
        if payload.len() < 40 * 1024 {
            payloads.push(payload);
        }
    }
    payloads
}

fn message(id: usize, payload: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"call_module_tool","arguments":{{"module":"svc","tool":"write","arguments":{{"payload":{payload}}}}}}}}}"#
    )
}

/// Checks both ways of a call: what the service got, and what the model gets, as a value and as text.
#[track_caller]
fn assert_exact(payload: &str, service: &CannedService, response: &str) {
    let sent = String::from_utf8(service.sent().body).unwrap();
    assert!(sent == payload, "the service got {sent}\ninstead of {payload}");
    let value = format!(r#""structuredContent":{{"result":{payload}}}"#);
    assert!(response.contains(&value), "{response}\nhas no {value}");
    let text = serde_json::to_string(&format!(r#"{{"result":{payload}}}"#)).unwrap();
    assert!(response.contains(&text), "{response}\nhas no {text}");
}

#[tokio::test]
async fn any_json_makes_the_round_trip_over_http() {
    let canned = Canned::start().await;
    let payloads = payloads();
    assert!(payloads.len() > 150, "{}", payloads.len());
    for (id, payload) in payloads.iter().enumerate() {
        let request =
            canned.server.post_text(&message(id, payload)).header("mcp-protocol-version", "2025-11-25");
        let response = within(request.send()).await.unwrap().text().await.unwrap();
        assert_exact(payload, &canned.service, &response);
    }
}

#[tokio::test]
async fn any_json_makes_the_round_trip_on_stdio() {
    let (mut stdio, service) = Canned::stdio().await;
    stdio.initialize().await;
    for (id, payload) in payloads().iter().enumerate() {
        stdio.send(&message(id + 1, payload)).await;
        let response = stdio.receive_text().await;
        assert_exact(payload, &service, &response);
    }
}

/// A key with which `serde_json` marks values of its own types. What has one would become something else.
#[tokio::test]
async fn json_that_would_not_make_the_round_trip_is_refused() {
    let canned = Canned::start().await;
    let reserved = r#"{"$serde_json::private::Number":"7"}"#;
    let request = canned.server.post_text(&message(1, reserved)).header("mcp-protocol-version", "2025-11-25");
    let response = within(request.send()).await.unwrap().text().await.unwrap();
    assert!(response.contains(r#""error""#) && canned.service.requests() == 0, "{response}");
    canned.service.respond("200 OK\nContent-Type: application/json", reserved);
    let result = canned.call("svc", "get", "{}").await;
    assert_eq!(error(&result)["code"], serde_json::json!("answer_too_large"), "{result}");
}
