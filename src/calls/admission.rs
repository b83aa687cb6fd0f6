//! Admission: what a call waits for, in which order, and what it holds meanwhile.
//!
//! | step | the call waits for | it holds | bound |
//! |---|---|---|---|
//! | 1 | its turn, if its tool is not concurrency-safe | a place in its module's queue | `queue` of the module |
//! | 2 | a permit of its module | a place in its module's queue, its turn | `queue` of the module |
//! | 3 | its credential | its turn, its permit | `in_flight` of the module |
//! | 4 | nothing: a slot is free, or the call is refused | its turn, its permit | `max_calls` of the server |
//! | 5 | the service, and the processing of its answer | its turn, its permit, its slot | |
//!
//! [`Admission::enter`] is steps 1 and 2, and [`Admission::take_slot`] is step 4. A call that need not wait in steps 1
//! and 2 takes no place, so that a full queue refuses none that could run.
//!
//! Why this order:
//!
//! - **The slot comes last.** It is the only thing that calls of different modules share, and a call that holds one
//!   waits for nothing but its own service. *Wrong:* with the slot first, the queued calls of one tool, of a slow
//!   service or of a hanging vault would hold all slots, and every other module would be refused. For the same reason a
//!   call gives its slot back while the broker looks for another credential, and takes one for the next attempt.
//! - **The turn comes before the permit.** *Wrong:* calls that wait for their turn would use up the permits of the
//!   module's other tools.
//! - **The permit comes before the credential.** A credential is sent as soon as it is there. *Wrong:* one that waits
//!   for a permit may be revoked, rotated or out of its lease by the time it is sent. The price is that a hanging vault
//!   holds permits; they are those of its own modules.
//! - **The place is given back with the permit.** From there on `in_flight` bounds the module's calls.
//!
//! Slots are shared out by module, because a service that hangs holds the slots of its calls. See [`FairShare`].

use std::fmt;
use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cofferdam_vault::{FairShare, LogLimit, Refused, Share};
use futures_util::FutureExt as _;
use tokio::sync::SemaphorePermit;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, timeout_at};

use super::call_queue::{CallQueue, LOG_INTERVAL};
use super::error::{CallError, Code, Outcome};
use super::keyed_mutex::{Key, KeyedMutex, KeyedMutexGuard};
use super::target::Target;
use crate::caller::Caller;
use crate::registry::Module;

/// When a refused call may be tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Which calls may run, and which may wait.
pub(super) struct Admission {
    turns: KeyedMutex,
    queue: CallQueue<ModuleKey>,
    slots: Arc<FairShare<ModuleKey>>,
    slot_log: LogLimit,
}

/// A call that has its turn and a permit of its module.
pub(super) struct Entered<'a> {
    /// What waiting has left of the module's `timeout`.
    pub(super) timeout: Duration,
    _permit: SemaphorePermit<'a>,
    _turn: Option<KeyedMutexGuard<'a>>,
}

/// One of the slots that all modules share.
pub(super) type Slot = Share<ModuleKey>;

/// A module as a key. Modules of one name are equal.
#[derive(Clone)]
pub(super) struct ModuleKey(Arc<Module>);

impl PartialEq for ModuleKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for ModuleKey {}

impl Hash for ModuleKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl Admission {
    /// At most `max_calls` calls hold a slot at once. With zero, none does.
    pub(super) fn new(max_calls: usize) -> Self {
        Self {
            turns: KeyedMutex::default(),
            queue: CallQueue::default(),
            slots: FairShare::new(u64::try_from(max_calls).unwrap_or(u64::MAX)),
            slot_log: LogLimit::new(LOG_INTERVAL),
        }
    }

    /// Waits for the turn of the call's tool, and then for a permit of its module. Dropping the future leaves the queue.
    ///
    /// # Errors
    ///
    /// `rate_limited` if the call has to wait and the queue of its module is full, and `upstream_timeout` if no permit is
    /// free within the module's `timeout`.
    pub(super) async fn enter<'a>(
        &'a self,
        caller: &Caller,
        target: Target<'a>,
        deadline: Instant,
    ) -> Result<Entered<'a>, CallError> {
        let mut entering = pin!(self.wait(caller, target, deadline));
        // Unconstrained: the end of the task's time slice would look like a wait.
        if let Some(entered) = unconstrained(entering.as_mut()).now_or_never() {
            return entered;
        }
        let key = ModuleKey(Arc::clone(target.module));
        let max = usize::try_from(target.module.limits.queue).unwrap_or(usize::MAX);
        let _place = self.queue.enter(&key, max).ok_or_else(|| self.queue_full(&key))?;
        entering.await
    }

    /// Takes a slot for a call of `module`. `outcome` is that of the call so far.
    ///
    /// # Errors
    ///
    /// `rate_limited` if no slot is free, or if the module has its share of them.
    pub(super) fn take_slot(&self, module: &Arc<Module>, outcome: Outcome) -> Result<Slot, CallError> {
        let key = ModuleKey(Arc::clone(module));
        self.slots.take(key, 1).map_err(|refused| self.no_slot(module, refused, outcome))
    }

    /// How many calls may hold a slot.
    pub(super) fn max_calls(&self) -> usize {
        usize::try_from(self.slots.capacity()).unwrap_or(usize::MAX)
    }

    /// How many calls hold a slot.
    pub(super) fn in_flight(&self) -> usize {
        usize::try_from(self.slots.used()).unwrap_or(usize::MAX)
    }

    /// How many calls of `module` wait in its queue.
    pub(super) fn waiting(&self, module: &Arc<Module>) -> usize {
        self.queue.count(&ModuleKey(Arc::clone(module)))
    }

    /// Steps 1 and 2.
    async fn wait<'a>(
        &'a self,
        caller: &Caller,
        target: Target<'a>,
        deadline: Instant,
    ) -> Result<Entered<'a>, CallError> {
        let turn = self.turn(caller, target).await;
        let Module { permits, limits, .. } = target.module.as_ref();
        if let Ok(permit) = permits.try_acquire() {
            return Ok(Entered { timeout: limits.timeout, _permit: permit, _turn: turn });
        }
        let start = Instant::now();
        match timeout_at(deadline.min(start + limits.timeout), permits.acquire()).await {
            Ok(Ok(permit)) => {
                let timeout = limits.timeout.saturating_sub(start.elapsed());
                Ok(Entered { timeout, _permit: permit, _turn: turn })
            }
            Ok(Err(_)) | Err(_) => Err(self.no_permit(target.module)),
        }
    }

    /// Waits until no other call of this caller uses the same tool and account, unless the tool is concurrency-safe.
    async fn turn(&self, caller: &Caller, target: Target<'_>) -> Option<KeyedMutexGuard<'_>> {
        if target.tool.operation.effects.concurrency_safe {
            return None;
        }
        let key = Key {
            caller: caller.clone(),
            module: target.module.name.clone(),
            account: target.account.name.clone(),
            tool: target.tool.name.clone(),
        };
        Some(self.turns.lock(key).await)
    }

    fn queue_full(&self, key: &ModuleKey) -> CallError {
        let Module { name, limits, .. } = key.0.as_ref();
        if self.queue.log_due(key) {
            tracing::warn!(
                module = name,
                queue = limits.queue,
                in_flight = limits.in_flight,
                "calls are refused, because the module's queue is full; raise `in_flight` or `queue` of the module in the \
                 profile, or find out why its calls are slow"
            );
        }
        let message = format!(
            "The queue of module `{name}` is full: at most {} of its calls may wait. Try again in {} s. Other modules are \
             unaffected.",
            limits.queue,
            RETRY_AFTER.as_secs()
        );
        CallError::not_sent(Code::RateLimited, message).retry_after(Some(RETRY_AFTER))
    }

    fn no_permit(&self, module: &Arc<Module>) -> CallError {
        let Module { name, limits, service, .. } = module.as_ref();
        if self.queue.log_due(&ModuleKey(Arc::clone(module))) {
            tracing::warn!(
                module = name,
                in_flight = limits.in_flight,
                "calls end without being sent, because the module's other calls do not end in time; raise `in_flight` of \
                 the module in the profile, or find out why its calls are slow"
            );
        }
        CallError::not_sent(
            Code::UpstreamTimeout,
            format!(
                "{} was not called: module `{name}` runs at most {} calls at once, and none of those ended in time. Try \
                 again.",
                service.title, limits.in_flight
            ),
        )
    }

    fn no_slot(&self, module: &Arc<Module>, refused: Refused, outcome: Outcome) -> CallError {
        let (name, max_calls) = (&module.name, self.slots.capacity());
        let running = self.slots.held(&ModuleKey(Arc::clone(module)));
        if self.slot_log.due() {
            tracing::warn!(
                module = name,
                running,
                max_calls,
                "calls are refused, because all calls that the server may run, or all of the module's share of them, are \
                 running; raise `server.max_calls`"
            );
        }
        let message = match refused {
            Refused::OwnShare => format!(
                "Module `{name}` already runs {running} calls, its share of the server's maximum. Try again in {} s. Other \
                 modules are unaffected.",
                RETRY_AFTER.as_secs()
            ),
            Refused::Exhausted => {
                format!("The server already runs {max_calls} calls, its maximum. Try again.")
            }
        };
        CallError::new(Code::RateLimited, outcome, message).retry_after(Some(RETRY_AFTER))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("queue", &self.queue)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}
