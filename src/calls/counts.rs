//! How many calls ended how, since the process started.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{CallError, Code};

/// How many calls ended how.
#[derive(Debug)]
pub struct Counts {
    ok: AtomicU64,
    failed: Vec<AtomicU64>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { ok: AtomicU64::new(0), failed: Code::ALL.iter().map(|_| AtomicU64::new(0)).collect() }
    }
}

impl Counts {
    pub(super) fn count<T>(&self, result: &Result<T, CallError>) {
        let counter = match result {
            Ok(_) => Some(&self.ok),
            Err(error) => self.failed.get(error.code as usize),
        };
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each code with its count, `ok` first; those that never happened are zero.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let failed = Code::ALL.iter().zip(&self.failed).map(|(code, count)| (code.as_str(), count));
        std::iter::once(("ok", &self.ok)).chain(failed).map(|(code, n)| (code, n.load(Ordering::Relaxed)))
    }
}
