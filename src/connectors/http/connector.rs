//! The connector: one call, from arguments and a credential to an answer.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cofferdam_config::size;
use http::StatusCode;
use reqwest::Response;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::auth::PreparedCredential;
use super::body::{self, ReadError, Refusal};
use super::coding::UnreadableCoding;
use super::error_response::{ERROR_BYTES, ERROR_NODES, ERROR_TIME, ErrorResponse};
use super::exchange::{Exchange, links, transport_failure};
use super::page::Page;
use super::payload::{Unusable, payload};
use super::service::{AnswerFormat, Endpoint, Operation, Service};
use super::trust::Trust;
use crate::broker::Credential;
use crate::connectors::answer::Answer;
use crate::connectors::connector::Connector;
use crate::connectors::failure::CallFailure;
use crate::connectors::outcome::Outcome;
use crate::connectors::scrub::Scrubber;
use crate::connectors::search;
use crate::memory_budget::MemoryBudget;

/// How long an answer waits for memory to be decoded in, while other answers have it.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// Calls services over HTTP, each module with its own pooled connections.
pub struct HttpConnector {
    trust: Trust,
    memory: MemoryBudget,
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
        Self { trust: Trust::new(), memory: MemoryBudget::default() }
    }

    /// The same connector with this memory for answers.
    #[must_use]
    pub fn with_memory(self, memory: MemoryBudget) -> Self {
        Self { memory, ..self }
    }

    /// The memory for answers, which is part of that for requests and answers.
    pub fn memory(&self) -> &MemoryBudget {
        &self.memory
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
        let (memory, module) = (&self.memory, Arc::from(credential.module.as_str()));
        let call = Call { service, operation, endpoint, arguments, memory, module };
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
    memory: &'a MemoryBudget,
    /// The module, whose share of the memory the answer takes.
    module: Arc<str>,
}

impl Call<'_> {
    async fn run(
        &self,
        trust: &Trust,
        credential: &Credential,
        deadline: Instant,
    ) -> Result<Answer, CallFailure> {
        let Service { title, settings, .. } = self.service;
        let prepared = PreparedCredential::of(&self.service.credential, credential)?;
        let PreparedCredential { auth, scrubber } = prepared.as_ref();
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
                auth,
            };
            let (response, url) = exchange.send(&request).await?;
            if response.status().is_success() {
                self.answer(response, url, scrubber, deadline).await
            } else {
                Err(self.error_response(response, scrubber).await)
            }
        };
        timeout_at(deadline, exchange)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(CallFailure::timeout(title, Outcome::after_sending(self.operation.effects)))
            })
            .map_err(|failure| failure.scrubbed(scrubber))
    }

    /// Reads and scrubs a successful answer.
    async fn answer(
        &self,
        response: Response,
        url: Url,
        scrubber: &Arc<Scrubber>,
        deadline: Instant,
    ) -> Result<Answer, CallFailure> {
        let (title, effects) = (&self.service.title, self.operation.effects);
        let (status, links) = (response.status(), links(response.headers()));
        let limit = self.service.settings.limits.answer_bytes;
        let format = self.operation.answer;
        let body = body::read(response, format, limit, self.memory.bodies(), &self.module)
            .await
            .map_err(|error| self.unread(error, status, limit))?;
        let trees = self.memory.trees();
        // A quarter of the budget, which leaves most of another one for the others.
        let most = trees.capacity() / 7 * 4;
        if body.size.bytes > most {
            return Err(self.too_large_decoded(most));
        }
        let search_bytes = search::allowance(body.size.nodes);
        // Half of the time that is left, so that it is known why the call fails.
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = Instant::now() + MEMORY_WAIT.min(left / 2);
        let needed = body.memory_to_decode(search_bytes);
        let Ok(mut memory) = trees.take_by(&self.module, needed, wait).await else {
            return Err(CallFailure::no_memory(title, effects));
        };
        let (settings, scrubber) = (Arc::clone(&self.service.settings), Arc::clone(scrubber));
        let operation = Arc::clone(self.operation);
        let arguments = if settings.page.is_some() { self.arguments.clone() } else { Map::new() };
        let length = body.bytes.len();
        let work = move || {
            let (body, content) = payload(status, format, body, &scrubber, |more| memory.grow(more).is_ok())?;
            let page = Page {
                url: &url,
                links: &scrubber.text(&links),
                body: &body,
                arguments: &arguments,
                schema: &operation.input_schema,
                query: &operation.request.query,
                search_bytes,
            };
            let next = settings.page.as_ref().and_then(|style| style.next(&page)).map(|mut next| {
                scrubber.object(&mut next);
                next
            });
            Ok(Answer { body, content, next, bytes: length, search_bytes, memory })
        };
        let answer = self.service.workers.run(length, work).await;
        answer.ok_or_else(|| CallFailure::unprocessed(title, effects))?.map_err(|unusable| match unusable {
            Unusable::NoMemory => CallFailure::no_memory(title, effects),
            Unusable::Page => CallFailure::page(title, status.as_u16(), effects),
            Unusable::Incomplete => CallFailure::incomplete(title, "its JSON ends early", effects),
        })
    }

    /// Why an answer was not read.
    fn unread(&self, error: ReadError, status: StatusCode, limit: u64) -> CallFailure {
        let (title, effects) = (&self.service.title, self.operation.effects);
        match error {
            ReadError::Transport(error) => transport_failure(title, &error, effects),
            ReadError::Unreadable(UnreadableCoding(coding)) => {
                CallFailure::unreadable(title, status.as_u16(), &coding, effects)
            }
            ReadError::Corrupt => {
                CallFailure::incomplete(title, "its compressed data is cut off or corrupt", effects)
            }
            ReadError::Refused(Refusal::TooLarge) => {
                CallFailure::too_large(title, &size::format(limit), effects)
            }
            ReadError::Refused(Refusal::TooManyValues) => {
                tracing::warn!(module = %self.module, most = body::MAX_NODES, "an answer has too many values");
                CallFailure::too_large(title, &format!("{} values", body::MAX_NODES), effects)
            }
            ReadError::Refused(Refusal::NoMemory) => CallFailure::no_memory(title, effects),
        }
    }

    fn too_large_decoded(&self, most: u64) -> CallFailure {
        tracing::warn!(
            module = %self.module,
            most,
            "an answer takes too much memory once decoded: more than a quarter of `[server] memory_budget`"
        );
        CallFailure::too_large_decoded(&self.service.title, &size::format(most), self.operation.effects)
    }

    /// What an error response means. It stays an error even if its body does not arrive, or takes too much memory.
    async fn error_response(&self, response: Response, scrubber: &Arc<Scrubber>) -> CallFailure {
        let (title, effects) = (&self.service.title, self.operation.effects);
        let (status, headers) = (response.status(), response.headers().clone());
        let read =
            body::read(response, AnswerFormat::Declared, ERROR_BYTES, self.memory.bodies(), &self.module);
        let body = timeout(ERROR_TIME, read).await;
        let body = body.ok().and_then(Result::ok).filter(|body| body.size.nodes <= ERROR_NODES);
        let search_bytes = body.as_ref().map_or(0, |body| search::allowance(body.size.nodes));
        let memory = body.as_ref().and_then(|body| {
            self.memory.trees().take(&self.module, body.memory_to_decode(search_bytes)).ok()
        });
        let body = body.filter(|_| memory.is_some());
        let (settings, scrubber) = (Arc::clone(&self.service.settings), Arc::clone(scrubber));
        let (length, service) = (body.as_ref().map_or(0, |body| body.bytes.len()), title.clone());
        let work = move || {
            let _memory = memory;
            let body = body.as_ref().map(|body| body.bytes.as_slice());
            let response =
                ErrorResponse { title: &service, status, headers: &headers, body, effects, search_bytes };
            response.failure(&settings, &scrubber, SystemTime::now())
        };
        self.service
            .workers
            .run(length, work)
            .await
            .unwrap_or_else(|| CallFailure::unprocessed(title, effects))
    }
}
