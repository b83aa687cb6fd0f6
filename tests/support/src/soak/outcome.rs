//! The outcome of a soak in numbers, and which promises were kept.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::Failed;
use crate::attacks::{Attack, Health};
use crate::blast_radius::Promise;
use crate::measure::{ProcessStatus, descriptors, median};

/// By how much the memory a minute after the load may exceed that of the idle server before it.
const MAX_AFTER: f64 = 1.2;

/// By how much memory and descriptors of the last quarter may exceed those of the second one.
const MAX_GROWTH: f64 = 1.2;

/// How many more threads the last quarter may have than the second one.
const MAX_MORE_THREADS: u64 = 8;

/// How many more descriptors may be open after the load than before it.
const MAX_MORE_DESCRIPTORS: usize = 16;

/// The server's size at one moment, and the honest calls until then.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Size {
    /// The time since the attacks began.
    pub after: Duration,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// Threads.
    pub threads: u64,
    /// Open file descriptors.
    pub descriptors: usize,
    /// Honest calls so far.
    pub calls: usize,
    /// Those with the right response.
    pub good: usize,
}

impl Size {
    /// The size of the process `id` now.
    pub(super) fn sample(id: u32, after: Duration) -> Result<Self, Failed> {
        let status = ProcessStatus::read(id)?;
        let (rss_kib, threads) = (status.resident_kib()?, status.threads()?);
        Ok(Self { after, rss_kib, threads, descriptors: descriptors(id)?, calls: 0, good: 0 })
    }

    /// Resident memory in MiB.
    pub fn rss_mib(&self) -> f64 {
        self.rss_kib as f64 / 1024.0
    }
}

/// The outcome.
#[derive(Debug, Clone, Serialize)]
pub struct SoakOutcome {
    /// The seed of all random numbers.
    pub seed: u64,
    /// The size before the attacks.
    pub idle: Size,
    /// The sizes during the attacks.
    pub sizes: Vec<Size>,
    /// The size after the attacks and the rest. `None` if the process has ended.
    pub after: Option<Size>,
    /// All honest calls.
    pub calls: usize,
    /// Those with the right response.
    pub good: usize,
    /// The errors of the others, with their numbers.
    pub failures: BTreeMap<String, usize>,
    /// Health checks during the attacks.
    pub health: Health,
    /// What the attackers got, with its number.
    pub attacks: Vec<(Attack, BTreeMap<String, usize>)>,
    /// The most memory that the server has used, in MiB, with the kernel's part.
    pub peak_mib: u64,
    /// The promises.
    pub promises: Vec<Promise>,
}

impl SoakOutcome {
    /// Whether every promise was kept.
    pub fn kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }

    /// The second quarter of the sizes, and the last one.
    fn quarters(&self) -> (&[Size], &[Size]) {
        let quarter = (self.sizes.len() / 4).max(1);
        let early = self.sizes.get(quarter..2 * quarter).unwrap_or(&self.sizes);
        (early, &self.sizes[self.sizes.len().saturating_sub(quarter)..])
    }

    pub(super) fn judge(&self, alive: bool, kills: u64) -> Vec<Promise> {
        let promise = |name, kept, found| Promise { name, kept, found };
        let (early, late) = self.quarters();
        let memory = |sizes: &[Size]| median(sizes.iter().map(Size::rss_mib));
        let threads = |sizes: &[Size]| sizes.iter().map(|size| size.threads).max().unwrap_or_default();
        let open = |sizes: &[Size]| sizes.iter().map(|size| size.descriptors).max().unwrap_or_default();
        let idle = self.idle;
        vec![
            promise(
                "the process lives",
                alive && kills == 0,
                format!("killed {kills} times, at most {} MiB", self.peak_mib),
            ),
            promise(
                "honest calls succeed",
                self.good == self.calls && self.calls > 0,
                match self.failures.is_empty() {
                    true => format!("{} of {}", self.good, self.calls),
                    false => format!("{} of {}: {:?}", self.good, self.calls, self.failures),
                },
            ),
            promise(
                "health answers",
                self.health.good == self.health.checks && self.health.checks > 0,
                self.health.to_string(),
            ),
            promise(
                "memory is flat",
                memory(late) <= memory(early) * MAX_GROWTH,
                format!("second quarter {:.0} MiB, last quarter {:.0} MiB", memory(early), memory(late)),
            ),
            promise(
                "threads are flat",
                threads(late) <= threads(early) + MAX_MORE_THREADS,
                format!("second quarter {}, last quarter {}", threads(early), threads(late)),
            ),
            promise(
                "descriptors are flat",
                open(late) as f64 <= open(early) as f64 * MAX_GROWTH,
                format!("second quarter {}, last quarter {}", open(early), open(late)),
            ),
            promise(
                "memory is given back",
                self.after.is_some_and(|after| after.rss_mib() <= idle.rss_mib() * MAX_AFTER),
                match self.after {
                    Some(after) => {
                        format!("{:.1} MiB idle, {:.1} MiB after", idle.rss_mib(), after.rss_mib())
                    }
                    None => "the process has ended".to_owned(),
                },
            ),
            promise(
                "descriptors are given back",
                self.after.is_some_and(|after| after.descriptors <= idle.descriptors + MAX_MORE_DESCRIPTORS),
                match self.after {
                    Some(after) => format!("{} idle, {} after", idle.descriptors, after.descriptors),
                    None => "the process has ended".to_owned(),
                },
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rss_mib: u64, threads: u64, descriptors: usize) -> Size {
        Size { after: Duration::ZERO, rss_kib: rss_mib * 1024, threads, descriptors, calls: 0, good: 0 }
    }

    fn outcome(sizes: Vec<Size>, after: Size) -> SoakOutcome {
        SoakOutcome {
            seed: 1,
            idle: size(30, 10, 20),
            sizes,
            after: Some(after),
            calls: 10,
            good: 10,
            failures: BTreeMap::new(),
            health: Health { checks: 3, good: 3, first_failure: None },
            attacks: Vec::new(),
            peak_mib: 100,
            promises: Vec::new(),
        }
    }

    fn broken(outcome: &SoakOutcome) -> Vec<&'static str> {
        let promises = outcome.judge(true, 0);
        promises.into_iter().filter(|promise| !promise.kept).map(|promise| promise.name).collect()
    }

    #[test]
    fn what_grows_and_what_is_kept_breaks_a_promise() {
        let flat = vec![size(90, 20, 900); 8];
        assert!(broken(&outcome(flat.clone(), size(36, 20, 30))).is_empty());
        assert_eq!(
            broken(&outcome(flat, size(37, 10, 37))),
            ["memory is given back", "descriptors are given back"]
        );
        let grows =
            (0..8).map(|step| size(90 + 20 * step, 20 + 4 * step, 500 + 100 * step as usize)).collect();
        assert_eq!(
            broken(&outcome(grows, size(30, 10, 20))),
            ["memory is flat", "threads are flat", "descriptors are flat"]
        );
        let mut failing = outcome(vec![size(90, 20, 900)], size(30, 10, 20));
        failing.good = 9;
        assert_eq!(broken(&failing), ["honest calls succeed"]);
    }
}
