//! Counters of ended calls since the process started.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{CallError, Code};

/// Counters of ended calls, one for success and one for each [`Code`].
#[derive(Debug)]
pub struct CallMetrics {
    ok: AtomicU64,
    failed: Vec<AtomicU64>,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self { ok: AtomicU64::new(0), failed: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
    }
}

impl CallMetrics {
    pub(super) fn count<T>(&self, result: &Result<T, CallError>) {
        let counter = match result {
            Ok(_) => Some(&self.ok),
            Err(error) => self.failed.get(error.code as usize),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each code with its count, `ok` first. Codes that never occurred have zero.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let failed = Code::ALL.iter().zip(&self.failed).map(|(code, count)| (code.as_str(), count));
        std::iter::once(("ok", &self.ok)).chain(failed).map(|(code, n)| (code, n.load(Ordering::Relaxed)))
    }
}
