//! What came of a scenario in numbers, and which promises were kept.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

use super::faults::Expected;
use super::front::Seen;
use super::load::Sample;
use super::plan::{INTERVAL, MAX_INTERVALS, MAX_RATIO};
use super::profile::MODULES;
use super::scenario::Recovery;
use super::server::OpenPeriod;
use super::{Fault, Scenario, Target};

/// What the machine may add to the deadline of a read before an answer counts as late.
const SLACK: Duration = Duration::from_millis(250);

/// The promise that the faulty vault's module answers within its deadline.
pub(crate) const IN_TIME: &str = "it says so in time";

/// The promise that a vault is back soon after it was mended.
pub(crate) const COMES_BACK: &str = "it comes back by itself";

/// A time in which calls were due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

impl Window {
    /// Whether `sample` was to be sent in it.
    pub(crate) fn holds(self, sample: &Sample) -> bool {
        self.start <= sample.due && sample.due < self.end
    }
}

/// All that was seen.
pub(crate) struct Evidence {
    /// Of each of [`MODULES`].
    pub(crate) samples: Vec<Vec<Sample>>,
    pub(crate) all: Window,
    pub(crate) baseline: Window,
    pub(crate) control: Window,
    pub(crate) faulty: Window,
    pub(crate) recovery: Recovery,
    /// When mending began: from here on, a request finds a vault that is well, or soon will be.
    pub(crate) mended: SystemTime,
    /// The `deadline` of the walls.
    pub(crate) deadline: Duration,
    pub(crate) open: Vec<OpenPeriod>,
    pub(crate) seen: Option<Seen>,
}

/// Calls of a window.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) calls: usize,
    pub(crate) good: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) max_ms: f64,
    /// How late the load itself was at most.
    pub(crate) late_ms: f64,
}

/// A promise, and whether it was kept.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Promise {
    pub(crate) name: &'static str,
    pub(crate) kept: bool,
    /// The figures behind the verdict.
    pub(crate) found: String,
}

/// The three windows of a run that are compared.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Windows {
    pub(crate) baseline: Figures,
    pub(crate) control: Figures,
    pub(crate) fault: Figures,
}

/// What came of a scenario.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) target: Target,
    pub(crate) fault: Fault,
    pub(crate) cache: bool,
    /// The three others from the end of the warm-up to the end of the load, in the first run of this scenario.
    pub(crate) others: Figures,
    /// The three others in each run of this scenario: without a fault, the same once more, and with it.
    pub(crate) runs: Vec<Windows>,
    /// The module on the faulty vault, in the fault's window.
    pub(crate) faulty: Figures,
    /// Its answers by code, `ok` included.
    pub(crate) codes: BTreeMap<String, usize>,
    /// For how long the breaker was open before the vault was mended.
    pub(crate) open_seconds: f64,
    /// Requests that reached the vault in that time; `None` for a file.
    pub(crate) open_requests: Option<usize>,
    /// From mended to the first right answer, in probe intervals.
    pub(crate) good_after: Option<f64>,
    /// From mended to `ready`, in probe intervals.
    pub(crate) ready_after: Option<f64>,
    pub(crate) promises: Vec<Promise>,
}

impl Outcome {
    pub(crate) fn of(scenario: Scenario, evidence: Evidence) -> Self {
        let Scenario { target, fault, cache } = scenario;
        let (mut others, mut broken): (Vec<&Sample>, Vec<&Sample>) = Default::default();
        for (module, samples) in MODULES.iter().zip(&evidence.samples) {
            if *module == target.module() { &mut broken } else { &mut others }.extend(samples);
        }
        let due_in = |samples: &[&Sample], window: Window| -> Vec<Sample> {
            samples.iter().filter(|sample| window.holds(sample)).map(|&sample| sample.clone()).collect()
        };
        let windows = Windows {
            baseline: Figures::of(&due_in(&others, evidence.baseline)),
            control: Figures::of(&due_in(&others, evidence.control)),
            fault: Figures::of(&due_in(&others, evidence.faulty)),
        };
        let broken = due_in(&broken, evidence.faulty);
        let mut codes = BTreeMap::new();
        for sample in &broken {
            *codes.entry(sample.error.clone().unwrap_or_else(|| "ok".to_owned())).or_default() += 1;
        }
        let after = |at: Option<Instant>| {
            at.map(|at| (at - evidence.recovery.mended).as_secs_f64() / INTERVAL.as_secs_f64())
        };
        let open = Open::of(&evidence);
        let mut outcome = Self {
            target,
            fault,
            cache,
            others: Figures::of(&due_in(&others, evidence.all)),
            runs: vec![windows],
            faulty: Figures::of(&broken),
            codes,
            open_seconds: open.seconds,
            open_requests: open.requests,
            good_after: after(evidence.recovery.good),
            ready_after: after(evidence.recovery.ready),
            promises: Vec::new(),
        };
        outcome.promises = outcome.judge(&open, fault.expected(target, cache), evidence.deadline);
        outcome
    }

    /// A figure of the others: the median of all runs, for a machine that stands still once is seen in one.
    pub(crate) fn ms(&self, of: fn(&Windows) -> f64) -> f64 {
        let of_runs: Vec<f64> = self.runs.iter().map(of).collect();
        median(&of_runs)
    }

    /// p99 of the others with the fault over without it.
    pub(crate) fn ratio(&self) -> f64 {
        self.ms(|run| run.fault.p99_ms) / self.ms(|run| run.baseline.p99_ms)
    }

    /// The same of two windows without a fault.
    pub(crate) fn noise(&self) -> f64 {
        self.ms(|run| run.control.p99_ms) / self.ms(|run| run.baseline.p99_ms)
    }

    /// Whether the others were as quick as promised.
    pub(crate) fn quick(&self) -> bool {
        self.ratio() <= MAX_RATIO
    }

    /// Whether every promise but the one about time was kept.
    pub(crate) fn kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }

    /// Takes in another run of the same scenario: its times, and what it broke.
    pub(crate) fn add(&mut self, again: Self) {
        self.runs.extend(again.runs);
        for (promise, again) in self.promises.iter_mut().zip(again.promises) {
            if promise.kept && !again.kept {
                *promise = again;
            }
        }
    }

    fn judge(&self, open: &Open, expected: Expected, deadline: Duration) -> Vec<Promise> {
        let promise = |name, kept, found| Promise { name, kept, found };
        let others = &self.others;
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
            promises.push(promise("one request an interval while given up", requests <= open.allowed, found));
        }
        let back = match (self.good_after, self.ready_after) {
            (Some(good), Some(ready)) => Some(good.max(ready)),
            _ => None,
        };
        promises.push(promise(
            COMES_BACK,
            back.is_some_and(|intervals| intervals <= MAX_INTERVALS),
            back.map_or("not back".to_owned(), |intervals| format!("after {intervals:.2} intervals")),
        ));
        promises
    }
}

/// What reached a vault that was given up, before it was mended.
struct Open {
    seconds: f64,
    requests: Option<usize>,
    /// One for each whole interval of each period.
    allowed: usize,
}

impl Open {
    fn of(evidence: &Evidence) -> Self {
        let mut open = Self { seconds: 0.0, requests: evidence.seen.as_ref().map(|_| 0), allowed: 0 };
        for period in &evidence.open {
            let end = period.to.map_or(evidence.mended, |to| to.min(evidence.mended));
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

impl Figures {
    pub(crate) fn of<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Self {
        let (mut good, mut late) = (0, Duration::ZERO);
        let mut times: Vec<Duration> = samples
            .into_iter()
            .inspect(|sample| {
                good += usize::from(sample.error.is_none());
                late = late.max(sample.late);
            })
            .map(|sample| sample.took)
            .collect();
        times.sort_unstable();
        let at = |share: f64| {
            let rank = ((times.len() as f64 * share).ceil() as usize).clamp(1, times.len().max(1));
            times.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        Self {
            calls: times.len(),
            good,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: at(1.0),
            late_ms: late.as_secs_f64() * 1000.0,
        }
    }
}

/// The middle one; of two, the larger.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
