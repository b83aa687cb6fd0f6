//! The connector: one call, from arguments and a credential to an answer.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use cofferdam_config::size;
use reqwest::Response;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::auth::AppliedAuth;
use super::body;
use super::error_response::{ERROR_BYTES, ERROR_TIME, ErrorResponse};
use super::exchange::{Exchange, links, transport_failure};
use super::page::Page;
use super::service::{Endpoint, Operation, Service};
use super::trust::Trust;
use crate::broker::Credential;
use crate::connectors::answer::Answer;
use crate::connectors::connector::Connector;
use crate::connectors::failure::CallFailure;
use crate::connectors::outcome::Outcome;
use crate::connectors::scrub::Scrubber;

/// Calls services over HTTP, each module with its own pooled connections.
pub struct HttpConnector {
    trust: Trust,
}

impl fmt::Debug for HttpConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnector").finish_non_exhaustive()
    }
}

impl Default for HttpConnector {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpConnector {
    /// A connector without connections. Opens none before the first call.
    pub fn new() -> Self {
        Self { trust: Trust::new() }
    }
}

impl Connector for HttpConnector {
    type Service = Service;
    type Operation = Operation;
    type Endpoint = Endpoint;

    /// Sends one request and reads its answer. Follows a redirect of a read within its origin.
    async fn call(
        &self,
        service: &Service,
        operation: &Arc<Operation>,
        endpoint: &Endpoint,
        arguments: &Map<String, Value>,
        credential: &Credential,
        deadline: Instant,
    ) -> Result<Answer, CallFailure> {
        let started = Instant::now();
        let call = Call { service, operation, endpoint, arguments };
        let answer = call.run(&self.trust, credential, deadline).await;
        tracing::debug!(
            module = credential.module,
            account = credential.account,
            ok = answer.is_ok(),
            ms = started.elapsed().as_millis(),
            "called"
        );
        answer
    }
}

/// What one call is about.
struct Call<'a> {
    service: &'a Service,
    operation: &'a Arc<Operation>,
    endpoint: &'a Endpoint,
    arguments: &'a Map<String, Value>,
}

impl Call<'_> {
    async fn run(
        &self,
        trust: &Trust,
        credential: &Credential,
        deadline: Instant,
    ) -> Result<Answer, CallFailure> {
        let Service { title, settings, .. } = self.service;
        let auth = AppliedAuth::new(&self.service.credential, credential)?;
        let scrubber = Arc::new(auth.scrubber(credential));
        let now = Instant::now();
        let deadline = deadline.min(now + settings.limits.calls.timeout);
        if deadline <= now {
            return Err(CallFailure::timeout(title, Outcome::NotSent));
        }
        let exchange = async {
            let request = self.operation.request.build(&self.endpoint.base_url, settings, self.arguments)?;
            let exchange = Exchange {
                clients: &self.service.clients,
                trust,
                deadline,
                title,
                effects: self.operation.effects,
                insecure_http: self.endpoint.insecure_http,
                auth: &auth,
            };
            let (response, url) = exchange.send(&request).await?;
            if response.status().is_success() {
                self.answer(response, url, &scrubber).await
            } else {
                Err(self.error_response(response, &scrubber).await)
            }
        };
        timeout_at(deadline, exchange)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(CallFailure::timeout(title, Outcome::after_sending(self.operation.effects)))
            })
            .map_err(|failure| failure.scrubbed(&scrubber))
    }

    /// Reads and scrubs a successful answer.
    async fn answer(
        &self,
        response: Response,
        url: Url,
        scrubber: &Arc<Scrubber>,
    ) -> Result<Answer, CallFailure> {
        let (title, effects) = (&self.service.title, self.operation.effects);
        let (status, headers) = (response.status(), response.headers().clone());
        let limit = self.service.settings.limits.answer_bytes;
        let bytes = body::read(response, limit)
            .await
            .map_err(|error| transport_failure(title, &error, effects))?
            .ok_or_else(|| CallFailure::too_large(title, &size::format(limit), effects))?;
        let (settings, scrubber) = (Arc::clone(&self.service.settings), Arc::clone(scrubber));
        let (operation, arguments) = (Arc::clone(self.operation), self.arguments.clone());
        let (length, links) = (bytes.len(), links(&headers));
        let work = move || {
            let body = body::value(status, &headers, &bytes, &scrubber);
            let page = Page {
                url: &url,
                links: &scrubber.text(&links),
                body: &body,
                arguments: &arguments,
                schema: &operation.input_schema,
                query: &operation.request.query,
            };
            let next = settings.page.as_ref().and_then(|style| style.next(&page)).map(|mut next| {
                scrubber.object(&mut next);
                next
            });
            Answer { body, next, bytes: length }
        };
        self.service.workers.run(length, work).await.ok_or_else(|| CallFailure::unprocessed(title, effects))
    }

    /// What an error response means. It stays an error even if its body does not arrive.
    async fn error_response(&self, response: Response, scrubber: &Arc<Scrubber>) -> CallFailure {
        let (title, effects) = (&self.service.title, self.operation.effects);
        let (status, headers) = (response.status(), response.headers().clone());
        let body = timeout(ERROR_TIME, body::read(response, ERROR_BYTES)).await;
        let body = body.ok().and_then(Result::ok).flatten();
        let (settings, scrubber) = (Arc::clone(&self.service.settings), Arc::clone(scrubber));
        let (length, service) = (body.as_ref().map_or(0, Vec::len), title.clone());
        let work = move || {
            let response =
                ErrorResponse { title: &service, status, headers: &headers, body: body.as_deref(), effects };
            response.failure(&settings, &scrubber, SystemTime::now())
        };
        self.service
            .workers
            .run(length, work)
            .await
            .unwrap_or_else(|| CallFailure::unprocessed(title, effects))
    }
}
