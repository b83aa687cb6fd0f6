//! A call from admission to its end: the steps, in order.

use std::sync::Arc;
use std::time::Duration;

use cofferdam_config::suggestions::bounded;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::answer::CallAnswer;
use super::error::{CallError, Code, Outcome};
use super::failure::{credential_rejected, failed, no_credential};
use super::guard::{OutcomeTracker, guard};
use super::keyed_mutex::{Key, KeyedMutex, KeyedMutexGuard};
use super::metrics::CallMetrics;
use super::request::CallRequest;
use super::target::{Target, unknown_module};
use crate::broker::Broker;
use crate::caller::Caller;
use crate::connectors::http::HttpConnector;
use crate::connectors::{Answer, CallFailure, Connector as _};
use crate::memory_budget::MemoryBudget;
use crate::registry::Registry;

/// How many further credentials a rejected call tries: the secret read again, then its previous state.
const MORE_CREDENTIALS: usize = 2;

/// Runs calls: puts the registry, the broker and the connector together.
#[derive(Debug)]
pub struct Calls {
    registry: Arc<Registry>,
    broker: Arc<Broker>,
    connector: HttpConnector,
    serialized: KeyedMutex,
    permits: Semaphore,
    max_calls: usize,
    metrics: CallMetrics,
}

impl Calls {
    /// At most `max_calls` calls run at once. A further one fails with `rate_limited`; with zero, every call does.
    pub fn new(
        registry: Arc<Registry>,
        broker: Arc<Broker>,
        connector: HttpConnector,
        max_calls: usize,
    ) -> Self {
        let max_calls = max_calls.min(Semaphore::MAX_PERMITS);
        Self {
            registry,
            broker,
            connector,
            serialized: KeyedMutex::default(),
            permits: Semaphore::new(max_calls),
            max_calls,
            metrics: CallMetrics::default(),
        }
    }

    /// The modules and tools.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The source of credentials.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// The memory for requests and answers.
    pub fn memory(&self) -> &MemoryBudget {
        self.connector.memory()
    }

    /// How calls ended so far.
    pub fn metrics(&self) -> &CallMetrics {
        &self.metrics
    }

    /// How many calls are running.
    pub fn in_flight(&self) -> usize {
        self.max_calls.saturating_sub(self.permits.available_permits())
    }

    /// Runs one call. It ends at `deadline` or when `stop` does, and so does its request to the service. Dropping the
    /// future has the same effect.
    ///
    /// # Errors
    ///
    /// See [`Code`].
    pub async fn call(
        &self,
        caller: &Caller,
        request: CallRequest,
        deadline: Instant,
        stop: impl Future<Output = ()>,
    ) -> Result<CallAnswer, CallError> {
        let started = Instant::now();
        let tracker = OutcomeTracker::default();
        let result = match self.permits.try_acquire() {
            Ok(_permit) => {
                let steps = self.run(caller, &request, deadline, &tracker);
                guard(steps, &tracker, deadline, stop).await
            }
            Err(_) => Err(self.overloaded()),
        }
        .map_err(|error| error.about(&request.module, Some(&request.tool)));
        self.metrics.count(&result);
        let code = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok");
        tracing::info!(
            module = bounded(&request.module),
            tool = bounded(&request.tool),
            account = request.account.as_deref().map(bounded),
            code,
            ms = started.elapsed().as_millis(),
            "call"
        );
        result
    }

    async fn run(
        &self,
        caller: &Caller,
        request: &CallRequest,
        deadline: Instant,
        tracker: &OutcomeTracker,
    ) -> Result<CallAnswer, CallError> {
        let target = Target::resolve(&self.registry, caller, request)?;
        let _serialized = self.serialize(caller, target).await;
        let answer = self.send(caller, target, request, deadline, tracker).await?;
        let (size, full, effects) = (answer.bytes, request.full, target.tool.operation.effects);
        let tool = Arc::clone(target.tool);
        let selected =
            target.module.service.workers.run(size, move || CallAnswer::new(answer, &tool, full)).await;
        selected.unwrap_or_else(|| Err(CallError::internal(Outcome::after_sending(effects))))
    }

    /// Waits until no other call of this caller uses the same tool and account, unless the tool is concurrency-safe.
    async fn serialize(&self, caller: &Caller, target: Target<'_>) -> Option<KeyedMutexGuard<'_>> {
        if target.tool.operation.effects.concurrency_safe {
            return None;
        }
        let key = Key {
            caller: caller.clone(),
            module: target.module.name.clone(),
            account: target.account.name.clone(),
            tool: target.tool.name.clone(),
        };
        Some(self.serialized.lock(key).await)
    }

    /// Sends the request, with one credential after the other while the service rejects them and the broker has
    /// another.
    ///
    /// A write is sent again too: a service that returns 401 has done nothing.
    async fn send(
        &self,
        caller: &Caller,
        target: Target<'_>,
        request: &CallRequest,
        deadline: Instant,
        tracker: &OutcomeTracker,
    ) -> Result<Answer, CallError> {
        let (service, operation, endpoint) =
            (&target.module.service, &target.tool.operation, &target.account.endpoint);
        let (module, account) = (&target.module.name, &target.account.name);
        let explain = |error| {
            let store = self.broker.store(caller, module, account);
            let writable = store.is_some_and(|(vault, _)| vault.info().capabilities.write);
            no_credential(target, &error, tracker.outcome(), writable)
        };
        let mut credential =
            self.broker.credential(caller, module, account, deadline).await.map_err(explain)?;
        let mut more = MORE_CREDENTIALS;
        loop {
            tracker.set(Outcome::after_sending(operation.effects));
            let answer = self
                .connector
                .call(service, operation, endpoint, &request.arguments, &credential, deadline)
                .await;
            let said = match answer {
                Err(CallFailure::CredentialRejected { message }) => message,
                Err(failure) => return Err(failed(target, failure)),
                Ok(answer) => return Ok(answer),
            };
            tracker.set(Outcome::Rejected);
            let another = match more {
                0 => None,
                _ => self.broker.after_rejection(caller, &credential, deadline).await.map_err(explain)?,
            };
            credential = another.ok_or_else(|| credential_rejected(target, &said))?;
            more -= 1;
        }
    }

    /// The error for a module that does not exist, or that is hidden from `caller`.
    pub(crate) fn unknown_module(&self, caller: &Caller, name: &str) -> CallError {
        unknown_module(&self.registry, caller, name)
    }

    fn overloaded(&self) -> CallError {
        let why = format!("The server already runs {} calls, its maximum. Try again.", self.max_calls);
        CallError::not_sent(Code::RateLimited, why).retry_after(Some(Duration::from_secs(1)))
    }
}
