//! The others with a fault and without one, in numbers.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::load::Sample;
use super::plan::MAX_RATIO;
use crate::median;

/// A period in which calls were due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

impl Window {
    /// Whether `sample` was due in it.
    pub(crate) fn holds(self, sample: &Sample) -> bool {
        self.start <= sample.due && sample.due < self.end
    }
}

/// The calls of a window.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// All calls.
    pub calls: usize,
    /// Those with the right response.
    pub good: usize,
    /// The median latency, in milliseconds.
    pub p50_ms: f64,
    /// The 99th percentile of the latency, in milliseconds.
    pub p99_ms: f64,
    /// The longest latency, in milliseconds.
    pub max_ms: f64,
    /// The longest delay of the load itself, in milliseconds.
    pub late_ms: f64,
}

/// A promise, and whether it was kept.
#[derive(Debug, Clone, Serialize)]
pub struct Promise {
    /// What is promised.
    pub name: &'static str,
    /// Whether it was kept.
    pub kept: bool,
    /// The figures behind the verdict.
    pub found: String,
}

/// The three windows of a run that are compared.
#[derive(Debug, Clone, Serialize)]
pub struct Windows {
    /// Without a fault.
    pub baseline: Figures,
    /// Without a fault, once more.
    pub control: Figures,
    /// With the fault.
    pub fault: Figures,
}

/// The others in each run of a scenario or an attack, and what was promised.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// The others from the end of the warm-up to the end of the load, in the first run.
    pub others: Figures,
    /// The others in each run.
    pub runs: Vec<Windows>,
    /// The promises that do not depend on the machine.
    pub promises: Vec<Promise>,
}

impl Comparison {
    /// The first run, whose promises are judged later.
    pub(crate) fn new(others: Figures, run: Windows) -> Self {
        Self { others, runs: vec![run], promises: Vec::new() }
    }

    /// A figure of the others: the median of all runs, because a pause of the machine affects one.
    pub fn ms(&self, of: fn(&Windows) -> f64) -> f64 {
        median(self.runs.iter().map(of))
    }

    /// The p99 of the others with the fault, divided by the p99 without it.
    pub fn ratio(&self) -> f64 {
        self.ms(|run| run.fault.p99_ms) / self.ms(|run| run.baseline.p99_ms)
    }

    /// The same of two windows without a fault.
    pub fn noise(&self) -> f64 {
        self.ms(|run| run.control.p99_ms) / self.ms(|run| run.baseline.p99_ms)
    }

    /// Whether the others were as quick as promised.
    pub fn quick(&self) -> bool {
        self.ratio() <= MAX_RATIO
    }

    /// Whether every promise but the one about time was kept.
    pub fn kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }

    /// Adds another run of the same kind: its times, and the promises that it broke.
    pub fn add(&mut self, again: Self) {
        self.runs.extend(again.runs);
        for (promise, again) in self.promises.iter_mut().zip(again.promises) {
            if promise.kept && !again.kept {
                *promise = again;
            }
        }
    }
}

impl Figures {
    pub(crate) fn from_samples<'s>(samples: impl IntoIterator<Item = &'s Sample>) -> Self {
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
