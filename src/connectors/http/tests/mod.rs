//! The connector against real services on loopback.

mod canary;
mod exchange;
mod memory;
mod names;
mod service;

use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{Secret, SecretString, Stage, Version};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::broker::{Credential, Derived};
use crate::connectors::{Answer, CallFailure, Connector, Effects, Outcome, SideEffect, WorkerPool};

/// A service with one operation, and what a call of it needs.
struct Fixture {
    service: Service,
    operation: Arc<Operation>,
    endpoint: Endpoint,
    credential: Credential,
    connector: HttpConnector,
    arguments: Value,
    timeout: Duration,
}

/// Makes a fixture of `parts`; every key but `request` may be absent.
fn fixture(base_url: &str, parts: Value) -> Fixture {
    let part = |key: &str, absent: Value| parts.get(key).cloned().unwrap_or(absent);
    let mut http = json!({ "base_url": base_url });
    http.as_object_mut().unwrap().extend(part("http", json!({})).as_object().unwrap().clone());
    let spec = serde_json::from_value(part("credential", json!({ "kind": "bearer" }))).unwrap();
    let settings = HttpSettings::from_table(serde_json::from_value(http).unwrap(), &spec).unwrap();
    let properties = part("properties", json!({}));
    let declared: Vec<DeclaredArgument<'_>> = properties
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, schema)| DeclaredArgument { name, required: schema["required"] == true })
        .collect();
    let request = RequestTemplate::from_table(
        serde_json::from_value(part("request", Value::Null)).unwrap(),
        &declared,
        &spec,
    )
    .unwrap();
    let operation = Operation {
        request,
        effects: Effects {
            side_effect: serde_json::from_value::<SideEffect>(part("side_effect", json!("none"))).unwrap(),
            idempotent: false,
            concurrency_safe: true,
        },
        answer: match part("answer", json!("declared")).as_str().unwrap() {
            "json" => AnswerFormat::Json,
            "opaque" => AnswerFormat::Opaque,
            _ => AnswerFormat::Declared,
        },
        input_schema: Arc::new(json!({ "properties": properties }).as_object().unwrap().clone()),
    };
    let endpoint = Endpoint { base_url: settings.base_url().unwrap().clone(), insecure_http: false };
    let fields = part("secret", json!({ "token": "hunter22hunter22" }));
    let fields = fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, text)| (name.parse().unwrap(), SecretString::from(text.as_str().unwrap())))
        .collect();
    Fixture {
        service: Service {
            title: "Svc".into(),
            settings: Arc::new(settings),
            credential: spec,
            clients: Clients::new("svc", 2),
            workers: WorkerPool::new("svc"),
        },
        operation: Arc::new(operation),
        endpoint,
        credential: Credential {
            module: "svc".into(),
            account: "default".into(),
            stage: Stage::Current,
            secret: Secret { fields, version: Version::new("1"), valid_for: None, lease: None },
            lease: None,
            derived: Derived::default(),
        },
        connector: HttpConnector::new(),
        arguments: part("arguments", json!({})),
        timeout: Duration::from_secs(20),
    }
}

impl Fixture {
    async fn call(&self) -> Result<Answer, CallFailure> {
        self.timeout_of(self.timeout).await
    }

    async fn timeout_of(&self, timeout: Duration) -> Result<Answer, CallFailure> {
        let arguments = self.arguments.as_object().unwrap();
        let deadline = Instant::now() + timeout;
        let Self { service, operation, endpoint, credential, .. } = self;
        self.connector.call(service, operation, endpoint, arguments, credential, deadline).await
    }
}

/// A fixture of `GET path`.
fn read(base_url: &str, path: &str) -> Fixture {
    fixture(base_url, json!({ "request": { "method": "GET", "path": path } }))
}

/// A fixture of `POST path` that writes.
fn write(base_url: &str, path: &str) -> Fixture {
    fixture(
        base_url,
        json!({ "request": { "method": "POST", "path": path, "body": { "k": 1 } }, "side_effect": "write" }),
    )
}
