//! The bounds of a compartment's policy.
//!
//! Every bound keeps a sum of an instant and a duration, or a semaphore, far from overflowing, and catches a number with a
//! zero too many. Zero is allowed where the key's documentation gives it a meaning.

use std::time::Duration;

use serde_json::{Value, json};

use super::validate::{Bounds, in_words};
use crate::broker::CompartmentPolicy;
use cofferdam_config::{Diagnostic, Diagnostics};

const MILLISECOND: Duration = Duration::from_millis(1);
const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

type DurationOf = fn(&CompartmentPolicy) -> Duration;

const DURATIONS: [(&str, DurationOf, Bounds<Duration>); 8] = [
    ("attempt_timeout", |policy| policy.attempt_timeout, Bounds { least: MILLISECOND, most: TEN_MINUTES }),
    ("deadline", |policy| policy.deadline, Bounds { least: MILLISECOND, most: TEN_MINUTES }),
    ("breaker.window", |policy| policy.breaker.window, Bounds { least: MILLISECOND, most: DAY }),
    ("probe_interval", |policy| policy.probe_interval, Bounds { least: MILLISECOND, most: DAY }),
    ("cache_ttl", |policy| policy.cache_ttl, Bounds { least: Duration::ZERO, most: YEAR }),
    ("missing_ttl", |policy| policy.missing_ttl, Bounds { least: Duration::ZERO, most: YEAR }),
    ("stale_for", |policy| policy.stale_for, Bounds { least: Duration::ZERO, most: YEAR }),
    ("reject_interval", |policy| policy.reject_interval, Bounds { least: Duration::ZERO, most: YEAR }),
];

/// The counts' bounds stand in the schema, so that an editor shows them too. `max_in_flight` is also how many threads a vault
/// of files may have.
const COUNTS: [(&str, Bounds<u32>); 5] = [
    ("/properties/retries", Bounds { least: 0, most: 10 }),
    ("/properties/max_in_flight", Bounds { least: 1, most: 1_024 }),
    ("/properties/max_waiting", Bounds { least: 1, most: 1_000_000 }),
    ("/properties/cache_entries", Bounds { least: 0, most: 10_000_000 }),
    ("/properties/breaker/properties/failures", Bounds { least: 1, most: 10_000 }),
];

/// Writes the counts' bounds into the policy's schema.
pub(super) fn add_bounds(schema: &mut Value) {
    for (pointer, bounds) in COUNTS {
        if let Some(Value::Object(key)) = schema.pointer_mut(pointer) {
            key.insert("minimum".to_owned(), json!(bounds.least));
            key.insert("maximum".to_owned(), json!(bounds.most));
        }
    }
}

/// Every duration that is out of its bounds.
pub(super) fn problems(policy: &CompartmentPolicy) -> Diagnostics {
    DURATIONS
        .iter()
        .filter_map(|(key, duration_of, bounds)| {
            let (message, remedy) = in_words(duration_of(policy), bounds)?;
            Some(Diagnostic::error(*key, message, remedy))
        })
        .collect()
}
