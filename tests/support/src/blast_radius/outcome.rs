//! The outcome of a scenario in numbers, and which promises were kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::comparison::{Comparison, Figures, Promise, Window, Windows};
use super::faults::Expected;
use super::load::Sample;
use super::plan::{INTERVAL, MAX_INTERVALS};
use super::profile::MODULES;
use super::proxy::Seen;
use super::scenario::Recovery;
use super::server::OpenPeriod;
use super::{Fault, Scenario, Target};

/// How long after the deadline of a read a response may arrive: the machine's share.
const SLACK: Duration = Duration::from_millis(250);

/// The promise that the module on the faulty vault responds within its deadline.
pub const IN_TIME: &str = "it says so in time";

/// The promise that a vault is back soon after its repair.
pub const RECOVERS: &str = "it recovers by itself";

/// All that was seen.
pub(crate) struct Evidence {
    /// For each of [`MODULES`].
    pub(crate) samples: Vec<Vec<Sample>>,
    pub(crate) all: Window,
    pub(crate) baseline: Window,
    pub(crate) control: Window,
    pub(crate) faulty: Window,
    pub(crate) recovery: Recovery,
    /// When the repair began: from here on, a request finds a vault that works, or soon will.
    pub(crate) repaired: SystemTime,
    /// The `deadline` of the vault.
    pub(crate) deadline: Duration,
    pub(crate) open: Vec<OpenPeriod>,
    pub(crate) seen: Option<Seen>,
}

/// The outcome of a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The faulty vault.
    pub target: Target,
    /// Its fault.
    pub fault: Fault,
    /// Whether the caches were on.
    pub cache: bool,
    /// The four others in each run of this scenario.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The module on the faulty vault, in the fault's window.
    pub faulty: Figures,
    /// Its responses by code; `ok` is a success.
    pub codes: BTreeMap<String, usize>,
    /// How long the breaker was open before the repair, in seconds.
    pub open_seconds: f64,
    /// Requests that reached the vault in that time; `None` for a file.
    pub open_requests: Option<usize>,
    /// From the repair to the first correct response, in probe intervals.
    pub good_after: Option<f64>,
    /// From the repair to `ready`, in probe intervals.
    pub ready_after: Option<f64>,
}

impl Outcome {
    pub(crate) fn new(scenario: Scenario, evidence: Evidence) -> Self {
        let Scenario { target, fault, cache } = scenario;
        let (mut others, mut broken): (Vec<&Sample>, Vec<&Sample>) = Default::default();
        for (module, samples) in MODULES.iter().zip(&evidence.samples) {
            if *module == target.module() { &mut broken } else { &mut others }.extend(samples);
        }
        let due_in = |samples: &[&Sample], window: Window| -> Vec<Sample> {
            samples.iter().filter(|sample| window.holds(sample)).map(|&sample| sample.clone()).collect()
        };
        let windows = Windows {
            baseline: Figures::from_samples(&due_in(&others, evidence.baseline)),
            control: Figures::from_samples(&due_in(&others, evidence.control)),
            fault: Figures::from_samples(&due_in(&others, evidence.faulty)),
        };
        let broken = due_in(&broken, evidence.faulty);
        let mut codes = BTreeMap::new();
        for sample in &broken {
            *codes.entry(sample.error.clone().unwrap_or_else(|| "ok".to_owned())).or_default() += 1;
        }
        let after = |at: Option<Instant>| {
            at.map(|at| (at - evidence.recovery.repaired).as_secs_f64() / INTERVAL.as_secs_f64())
        };
        let open = Open::new(&evidence);
        let mut outcome = Self {
            target,
            fault,
            cache,
            comparison: Comparison::new(Figures::from_samples(&due_in(&others, evidence.all)), windows),
            faulty: Figures::from_samples(&broken),
            codes,
            open_seconds: open.seconds,
            open_requests: open.requests,
            good_after: after(evidence.recovery.good),
            ready_after: after(evidence.recovery.ready),
        };
        outcome.comparison.promises = outcome.judge(&open, fault.expected(target, cache), evidence.deadline);
        outcome
    }

    fn judge(&self, open: &Open, expected: Expected, deadline: Duration) -> Vec<Promise> {
        let promise = |name, kept, found| Promise { name, kept, found };
        let others = &self.comparison.others;
        let mut promises = vec![promise(
            "the others answer",
            others.good == others.calls && others.calls > 0,
            format!("{} of {}", others.good, others.calls),
        )];
        let codes: Vec<_> = self.codes.iter().map(|(code, count)| format!("{code} {count}")).collect();
        let codes_kept = match expected {
            Expected::Served => self.faulty.calls > 0 && self.faulty.good == self.faulty.calls,
            Expected::Code(code) => {
                self.codes.contains_key(code) && self.codes.keys().all(|found| found == code || found == "ok")
            }
        };
        promises.push(promise("the faulty one says what is the matter", codes_kept, codes.join(", ")));
        let late = deadline + SLACK;
        promises.push(promise(
            IN_TIME,
            self.faulty.max_ms <= late.as_secs_f64() * 1000.0,
            format!("{:.0} ms at most", self.faulty.max_ms),
        ));
        if let Some(requests) = self.open_requests {
            let found = format!("{requests} in {:.1} s open, {} allowed", self.open_seconds, open.allowed);
            promises.push(promise("one request an interval while open", requests <= open.allowed, found));
        }
        let back = match (self.good_after, self.ready_after) {
            (Some(good), Some(ready)) => Some(good.max(ready)),
            _ => None,
        };
        promises.push(promise(
            RECOVERS,
            back.is_some_and(|intervals| intervals <= MAX_INTERVALS),
            back.map_or("not back".to_owned(), |intervals| format!("after {intervals:.2} intervals")),
        ));
        promises
    }
}

/// What reached a vault while its breaker was open, before the repair.
struct Open {
    seconds: f64,
    requests: Option<usize>,
    /// One for each whole interval of each period.
    allowed: usize,
}

impl Open {
    fn new(evidence: &Evidence) -> Self {
        let mut open = Self { seconds: 0.0, requests: evidence.seen.as_ref().map(|_| 0), allowed: 0 };
        for period in &evidence.open {
            let end = period.to.map_or(evidence.repaired, |to| to.min(evidence.repaired));
            let Ok(length) = end.duration_since(period.from) else { continue };
            open.seconds += length.as_secs_f64();
            open.allowed += (length.as_secs_f64() / INTERVAL.as_secs_f64()) as usize;
            if let (Some(seen), Some(count)) = (&evidence.seen, &mut open.requests) {
                *count += seen.requests.iter().filter(|&&at| period.from <= at && at < end).count();
            }
        }
        open
    }
}
