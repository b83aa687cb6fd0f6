//! The fill: one task of the compartment reads one secret for everybody who misses it.
//!
//! The task is the compartment's own. Whoever started it may go away like everybody else, and a fill that nobody waits
//! for any more still ends within its deadline and leaves its answer in the cache.
//!
//! One fill per secret is *registered*: those who miss the secret join it, and only it may change the cache. A read that
//! a rejection forces takes the registration over, so that the answer of an older read, which may have left the vault
//! before the secret changed, reaches those who waited for it and never the cache.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::{Stage, VaultError};
use tokio::time::Instant;

use super::pending::Pending;
use super::wanted::{Confirmed, Wanted};
use super::{Compartment, deadline, refusal};

/// What a fill answers.
pub(super) type Answer = Result<Confirmed, VaultError>;

/// The fills that run.
#[derive(Debug, Default)]
pub(super) struct Fills(Mutex<Running>);

#[derive(Debug, Default)]
struct Running {
    registered: HashMap<Arc<Wanted>, (u64, Pending<Answer>)>,
    /// Counts up, so that a fill knows whether it is still the registered one.
    last_number: u64,
    /// How many run, registered or not.
    count: usize,
}

impl Fills {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Compartment {
    /// The answer of the fill for `wanted`: of the one that runs, else of a new one.
    ///
    /// # Errors
    ///
    /// `Unavailable` where `max_waiting` fills run already, or the compartment is closing.
    pub(super) fn fill(self: &Arc<Self>, wanted: &Arc<Wanted>) -> Result<Pending<Answer>, VaultError> {
        let mut running = self.fills.lock();
        // A fill may have ended since the caller looked.
        if let Some(answer) = self.cache.fresh(wanted, Instant::now()) {
            return Ok(Pending::ready(answer));
        }
        match running.registered.get(wanted) {
            Some((_, pending)) => Ok(pending.clone()),
            None => self.start_fill(&mut running, wanted),
        }
    }

    /// The answer of a fill that starts now, whatever the cache holds and whatever else runs.
    ///
    /// # Errors
    ///
    /// As [`Compartment::fill`].
    pub(super) fn fill_anew(self: &Arc<Self>, wanted: &Arc<Wanted>) -> Result<Pending<Answer>, VaultError> {
        self.start_fill(&mut self.fills.lock(), wanted)
    }

    /// The answer of the fill that runs, else of one that starts now, whatever the cache holds.
    ///
    /// # Errors
    ///
    /// As [`Compartment::fill`].
    pub(super) fn refill(self: &Arc<Self>, wanted: &Arc<Wanted>) -> Result<Pending<Answer>, VaultError> {
        let mut running = self.fills.lock();
        match running.registered.get(wanted) {
            Some((_, pending)) => Ok(pending.clone()),
            None => self.start_fill(&mut running, wanted),
        }
    }

    /// The answers of the fills for `wanted`, in their order: of those that run, else of one read of many that starts now.
    ///
    /// # Errors
    ///
    /// For each, as [`Compartment::fill`].
    pub(super) fn fill_many(
        self: &Arc<Self>,
        wanted: &[Arc<Wanted>],
    ) -> Vec<Result<Pending<Answer>, VaultError>> {
        let mut running = self.fills.lock();
        let (mut batch, mut promises) = (Vec::new(), Vec::new());
        let mut join = |wanted: &Arc<Wanted>| {
            if let Some(answer) = self.cache.fresh(wanted, Instant::now()) {
                return Ok(Pending::ready(answer));
            }
            if let Some((_, pending)) = running.registered.get(wanted) {
                return Ok(pending.clone());
            }
            let (promise, pending) = Pending::promised();
            batch.push(self.register(&mut running, wanted, pending.clone())?);
            promises.push(promise);
            Ok(pending)
        };
        let answers = wanted.iter().map(&mut join).collect();
        if let Some(first) = batch.first() {
            let of = Arc::clone(&first.of);
            self.tasks.spawn(async move {
                let wanted: Vec<_> =
                    batch.iter().map(|registration| Arc::clone(&registration.wanted)).collect();
                let answers = of.read_many(&wanted).await;
                for ((registration, promise), answer) in batch.into_iter().zip(promises).zip(answers) {
                    registration.commit(&answer);
                    promise.keep(answer);
                }
            });
        }
        answers
    }

    fn start_fill(
        self: &Arc<Self>,
        running: &mut Running,
        wanted: &Arc<Wanted>,
    ) -> Result<Pending<Answer>, VaultError> {
        let (promise, pending) = Pending::promised();
        let registration = self.register(running, wanted, pending.clone())?;
        self.tasks.spawn(async move {
            let answer = registration.of.read(&registration.wanted, Stage::Current).await;
            registration.commit(&answer);
            promise.keep(answer);
        });
        Ok(pending)
    }

    fn register(
        self: &Arc<Self>,
        running: &mut Running,
        wanted: &Arc<Wanted>,
        pending: Pending<Answer>,
    ) -> Result<Registration, VaultError> {
        if self.closing.is_cancelled() {
            return Err(refusal("the server is shutting down"));
        }
        // Callers that leave make room for others, but their fills run on: these have a bound of their own.
        if running.count >= self.walls.max_waiting {
            return Err(deadline::queue_full(self.walls.max_waiting));
        }
        running.count += 1;
        running.last_number += 1;
        let number = running.last_number;
        running.registered.insert(Arc::clone(wanted), (number, pending));
        Ok(Registration { of: Arc::clone(self), wanted: Arc::clone(wanted), number })
    }
}

/// A fill's entry among those that run; it ends with the fill, a panic included.
struct Registration {
    of: Arc<Compartment>,
    wanted: Arc<Wanted>,
    number: u64,
}

impl Registration {
    /// Hands the answer to the cache, unless a newer fill has taken over, and ends the entry.
    fn commit(self, answer: &Answer) {
        let running = self.of.fills.lock();
        if running.holds(&self)
            && let Some(leased) = self.of.cache.store(&self.wanted, answer)
        {
            self.of.leases.keep(&leased);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut running = self.of.fills.lock();
        running.count -= 1;
        if running.holds(self) {
            running.registered.remove(&self.wanted);
        }
    }
}

impl Running {
    fn holds(&self, registration: &Registration) -> bool {
        self.registered.get(&registration.wanted).is_some_and(|(number, _)| *number == registration.number)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cofferdam_vault::testkit::{Calls, Fault};
    use tokio::time::advance;

    use super::*;
    use crate::broker::compartment::testing::{Rig, SECOND, patient, settle, text};
    use crate::broker::compartment::{CompartmentPolicy, deadline::wait};

    fn wide() -> CompartmentPolicy {
        CompartmentPolicy { max_waiting: 20_000, ..CompartmentPolicy::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_callers_who_miss_at_once_make_one_read() {
        let rig = Rig::new(wide());
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let answers = rig.crowd(10_000).await;
        assert_eq!(answers.len(), 10_000);
        assert!(answers.iter().all(|answer| answer.as_deref() == Ok("one")));
        assert_eq!(rig.reads(), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn on_many_threads_too_there_is_one_read() {
        for _ in 0..20 {
            let rig = Rig::new(wide());
            assert!(rig.crowd(1_000).await.iter().all(Result::is_ok));
            assert_eq!(rig.reads(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_caller_takes_nobody_with_it_not_even_the_first() {
        let rig = Rig::new(wide());
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let compartment = Arc::clone(&rig.compartment);
        let first = tokio::spawn(async move {
            compartment.resolve(&Rig::wanted("github/work"), patient()).await.map(|_| ())
        });
        settle().await;
        assert_eq!(rig.reads(), 1, "the first one's read is under way");
        let (answers, ()) = tokio::join!(rig.crowd(1_000), async {
            settle().await;
            first.abort();
        });
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(answers.iter().all(|answer| answer.as_deref() == Ok("one")));
        assert_eq!(rig.reads(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fill_that_nobody_waits_for_still_fills_the_cache() {
        let rig = Rig::new(wide());
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let hurry = Instant::now() + SECOND / 2;
        rig.compartment.resolve(&Rig::wanted("github/work"), hurry).await.unwrap_err();
        advance(SECOND).await;
        settle().await;
        assert_eq!(rig.token().await.unwrap(), "one");
        assert_eq!(rig.reads(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn fills_that_were_left_alone_are_bounded() {
        let rig = Rig::new(CompartmentPolicy { max_waiting: 3, ..CompartmentPolicy::default() });
        rig.faults.set(Calls::Reads, Fault::Hang);
        for n in 0..10 {
            let wanted = Rig::wanted(&format!("module/m{n}"));
            let now = Instant::now();
            let error = rig.compartment.resolve(&wanted, now).await.unwrap_err();
            assert_eq!(error.message().starts_with("queue full"), n >= 3, "{n}: {error}");
        }
        settle().await;
        assert_eq!(rig.reads(), 3);
        advance(Duration::from_secs(10)).await;
        settle().await;
        assert_eq!(rig.compartment.fills.lock().count, 0, "each ended by itself");
        assert!(rig.compartment.fills.lock().registered.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_older_read_never_overwrites_what_a_newer_one_found() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = Rig::wanted("github/work");
        // The answer of the older read is on its way when the secret changes.
        rig.faults.once(Calls::Reads, Fault::Delay(SECOND));
        let older = rig.compartment.fill(&wanted).unwrap();
        settle().await;
        rig.faults.once(Calls::Reads, Fault::secret(cofferdam_vault::ErrorKind::NotFound));
        let newer = rig.compartment.fill_anew(&wanted).unwrap();
        assert!(wait(newer, patient()).await.unwrap().is_err(), "the secret is gone");
        let late = wait(older, patient()).await.unwrap().unwrap();
        assert_eq!(text(&late.credential), "one", "those who waited for it get it");
        settle().await;
        assert_eq!(rig.kind().await, Some(cofferdam_vault::ErrorKind::NotFound), "the cache does not");
        assert_eq!(rig.reads(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_misses_while_two_reads_run_joins_the_newer() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = Rig::wanted("github/work");
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let _older = rig.compartment.fill(&wanted).unwrap();
        advance(SECOND / 2).await;
        let _newer = rig.compartment.fill_anew(&wanted).unwrap();
        let start = Instant::now();
        assert_eq!(rig.token().await.unwrap(), "one");
        assert_eq!((rig.reads(), start.elapsed()), (2, SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn the_older_reads_end_leaves_the_newer_one_registered() {
        let rig = Rig::new(CompartmentPolicy::default());
        let wanted = Rig::wanted("github/work");
        rig.faults.set(Calls::Reads, Fault::Delay(SECOND));
        let older = rig.compartment.fill(&wanted).unwrap();
        advance(SECOND / 2).await;
        let _newer = rig.compartment.fill_anew(&wanted).unwrap();
        settle().await;
        wait(older, patient()).await.unwrap().unwrap();
        settle().await;
        assert_eq!(rig.token().await.unwrap(), "one");
        assert_eq!(rig.reads(), 2, "who misses now joins the newer one");
    }

    #[tokio::test(start_paused = true)]
    async fn who_missed_just_before_a_fill_ended_starts_no_other() {
        let rig = Rig::new(CompartmentPolicy::default());
        rig.token().await.unwrap();
        // Its look at the cache was in vain; now it comes to join a fill that is over.
        let pending = rig.compartment.fill(&Rig::wanted("github/work")).unwrap();
        assert!(pending.peek().is_some());
        assert_eq!(rig.reads(), 1);
    }
}
