//! A call from its arguments to its end: the steps, in order.

use std::sync::Arc;

use cofferdam_config::suggestions::bounded;
use tokio::time::Instant;

use super::admission::{Admission, Entered, Slot};
use super::answer::CallAnswer;
use super::error::{CallError, Outcome};
use super::failure::{credential_rejected, failed, no_credential};
use super::guard::{OutcomeTracker, catch_panic, guard};
use super::metrics::CallMetrics;
use super::request::CallRequest;
use super::target::{Target, unknown_module, unknown_tool};
use crate::broker::Broker;
use crate::caller::Caller;
use crate::connectors::http::HttpConnector;
use crate::connectors::{Answer, CallFailure, Connector as _};
use crate::memory_budget::MemoryBudget;
use crate::registry::{Module, Registry};

/// How many further credentials a rejected call tries: the secret read again, then its previous state.
const MORE_CREDENTIALS: usize = 2;

/// Runs calls: puts the registry, the broker and the connector together.
#[derive(Debug)]
pub struct Calls {
    registry: Arc<Registry>,
    broker: Arc<Broker>,
    connector: HttpConnector,
    admission: Admission,
    metrics: CallMetrics,
}

impl Calls {
    /// At most `max_calls` calls run at once, of which one module gets at most two thirds. A further one fails with
    /// `rate_limited`; with zero, every call that would be sent does.
    pub fn new(
        registry: Arc<Registry>,
        broker: Arc<Broker>,
        connector: HttpConnector,
        max_calls: usize,
    ) -> Self {
        let admission = Admission::new(max_calls);
        Self { registry, broker, connector, admission, metrics: CallMetrics::default() }
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

    /// How many calls are running. Calls that wait do not count.
    pub fn in_flight(&self) -> usize {
        self.admission.in_flight()
    }

    /// How many calls may run at once.
    pub fn max_calls(&self) -> usize {
        self.admission.max_calls()
    }

    /// How many calls of `module` wait for other calls of it.
    pub fn waiting(&self, module: &Arc<Module>) -> usize {
        self.admission.waiting(module)
    }

    /// Runs one call. A call that is not valid and can only mean one that is, is that one from here on. It ends at `deadline` or when `stop` does, and so does its request to the service. Dropping the
    /// future has the same effect.
    ///
    /// # Errors
    ///
    /// See [`Code`](super::Code).
    pub async fn call(
        &self,
        caller: &Caller,
        mut request: CallRequest,
        deadline: Instant,
        stop: impl Future<Output = ()>,
    ) -> Result<CallAnswer, CallError> {
        let started = Instant::now();
        let tracker = OutcomeTracker::default();
        let result = match catch_panic(|| Target::accept(&self.registry, caller, &mut request)) {
            Ok(target) => {
                // On the heap, because each layer of the guard would hold a copy of the future that it was given.
                let steps = Box::pin(self.run(caller, target, &request, deadline, &tracker));
                guard(steps, &tracker, deadline, stop).await
            }
            Err(error) => Err(error),
        };
        let result = result.map_err(|error| error.about(&request.module, Some(&request.tool)));
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
        target: Target<'_>,
        request: &CallRequest,
        deadline: Instant,
        tracker: &OutcomeTracker,
    ) -> Result<CallAnswer, CallError> {
        let entered = self.admission.enter(caller, target, deadline).await?;
        let (answer, _slot) = self.send(caller, target, request, &entered, deadline, tracker).await?;
        let (size, full, effects) = (answer.bytes, request.full, target.tool.operation.effects);
        let tool = Arc::clone(target.tool);
        let selected =
            target.module.service.workers.run(size, move || CallAnswer::new(answer, &tool, full)).await;
        selected.unwrap_or_else(|| Err(CallError::internal(Outcome::after_sending(effects))))
    }

    /// Sends the request, with one credential after the other while the service rejects them and the broker has
    /// another. Returns the answer with the slot of the call.
    ///
    /// A write is sent again too: a service that returns 401 has done nothing.
    async fn send(
        &self,
        caller: &Caller,
        target: Target<'_>,
        request: &CallRequest,
        entered: &Entered<'_>,
        deadline: Instant,
        tracker: &OutcomeTracker,
    ) -> Result<(Answer, Slot), CallError> {
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
        let mut slot = self.admission.take_slot(target.module, tracker.outcome())?;
        let mut more = MORE_CREDENTIALS;
        loop {
            let deadline = deadline.min(Instant::now() + entered.timeout);
            tracker.set(Outcome::after_sending(operation.effects));
            let answer = self
                .connector
                .call(service, operation, endpoint, &request.arguments, &credential, deadline)
                .await;
            let said = match answer {
                Err(CallFailure::CredentialRejected { message }) => message,
                Err(failure) => return Err(failed(target, failure)),
                Ok(answer) => return Ok((answer, slot)),
            };
            tracker.set(Outcome::Rejected);
            drop(slot);
            let another = match more {
                0 => None,
                _ => self.broker.after_rejection(caller, &credential, deadline).await.map_err(explain)?,
            };
            credential = another.ok_or_else(|| credential_rejected(target, &said))?;
            slot = self.admission.take_slot(target.module, tracker.outcome())?;
            more -= 1;
        }
    }

    /// The error for a module that does not exist, or that is hidden from `caller`.
    pub(crate) fn unknown_module(&self, caller: &Caller, name: &str) -> CallError {
        unknown_module(&self.registry, caller, name)
    }

    /// The error for a tool that `module` does not have.
    pub(crate) fn unknown_tool(&self, module: &Module, name: &str) -> CallError {
        unknown_tool(module, name)
    }
}
