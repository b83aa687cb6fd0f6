//! One call, from the model's arguments to the answer it gets.
//!
//! The steps, in order: module, tool and account as this caller sees them; the arguments against
//! the tool's schema; the credential from the broker; the request through the connector, again with another
//! credential where the service rejects the first; the answer, cut down. Around them, once, stands what holds for
//! every call whatever fails inside: a limit on calls at once, the deadline, the client's cancellation, a panic
//! that becomes `internal`, one log line and one count.

mod answer;
mod bounds;
mod counts;
mod error;
mod steps;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::Instant;

pub use answer::{CallAnswer, MAX_ANSWER_BYTES};
pub use counts::Counts;
pub use error::{CallError, Code, Outcome};

use crate::caller::Caller;
use crate::broker::Broker;
use crate::connectors::http::HttpConnector;
use crate::names;
use crate::registry::Registry;
use bounds::{Progress, bounded};
use turns::Turns;

/// What a caller asks for.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The module's name.
    pub module: String,
    /// The tool's name.
    pub tool: String,
    /// The tool's arguments.
    pub arguments: Map<String, Value>,
    /// The account; absent, a read uses the module's default.
    pub account: Option<String>,
    /// The whole answer instead of what the manifest selects.
    pub full: bool,
}

/// Runs calls: the registry, the broker and the connector put together.
#[derive(Debug)]
pub struct Calls {
    registry: Arc<Registry>,
    broker: Arc<Broker>,
    connector: HttpConnector,
    turns: Turns,
    slots: Semaphore,
    max_calls: usize,
    counts: Counts,
}

impl Calls {
    /// At most `max_calls` run at once; one more is answered `rate_limited`. Zero lets none run.
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
            turns: Turns::default(),
            slots: Semaphore::new(max_calls),
            max_calls,
            counts: Counts::default(),
        }
    }

    /// Which modules and tools there are.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Where credentials come from.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// How calls ended so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many calls are running.
    pub fn in_flight(&self) -> usize {
        self.max_calls.saturating_sub(self.slots.available_permits())
    }

    /// Runs one call. It ends at `deadline` or when `stop` does, whatever happens inside, and its request to the
    /// service ends with it; dropping the future has the same effect.
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
        let progress = Progress::default();
        let result = match self.slots.try_acquire() {
            Ok(_slot) => {
                let steps = self.steps(caller, &request, deadline, &progress);
                bounded(steps, &progress, deadline, stop).await
            }
            Err(_) => Err(self.full()),
        }
        .map_err(|error| error.about(&request.module, Some(&request.tool)));
        self.counts.count(&result);
        let code = result.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok");
        tracing::info!(
            module = names::bounded(&request.module),
            tool = names::bounded(&request.tool),
            account = request.account.as_deref().map(names::bounded),
            code,
            ms = started.elapsed().as_millis(),
            "call"
        );
        result
    }

    fn full(&self) -> CallError {
        let why = format!("The server is running {} calls, and no more at once. Try again.", self.max_calls);
        CallError::not_sent(Code::RateLimited, why).retry_after(Some(Duration::from_secs(1)))
    }
}
