//! The bounds of a compartment's policy.
//!
//! Each bound keeps the sum of an instant and a duration, or a semaphore, far from overflow, and catches a number with a
//! zero too many. Zero is allowed if the documentation of the key gives it a meaning.

use std::time::Duration;

use cofferdam_config::Diagnostics;
use cofferdam_config::duration::Bounds;
use serde_json::{Value, json};

use crate::broker::CompartmentPolicy;

const MILLISECOND: Duration = Duration::from_millis(1);
const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

type DurationOf = fn(&CompartmentPolicy) -> Duration;

const DURATIONS: [(&str, DurationOf, Bounds); 8] = [
    ("attempt_timeout", |policy| policy.attempt_timeout, Bounds { least: MILLISECOND, most: TEN_MINUTES }),
    ("deadline", |policy| policy.deadline, Bounds { least: MILLISECOND, most: TEN_MINUTES }),
    ("breaker.window", |policy| policy.breaker.window, Bounds { least: MILLISECOND, most: DAY }),
    ("probe_interval", |policy| policy.probe_interval, Bounds { least: MILLISECOND, most: DAY }),
    ("cache_ttl", |policy| policy.cache_ttl, Bounds { least: Duration::ZERO, most: YEAR }),
    ("missing_ttl", |policy| policy.missing_ttl, Bounds { least: Duration::ZERO, most: YEAR }),
    ("stale_for", |policy| policy.stale_for, Bounds { least: Duration::ZERO, most: YEAR }),
    ("reject_interval", |policy| policy.reject_interval, Bounds { least: Duration::ZERO, most: YEAR }),
];

/// The least and the greatest number of each count. They are part of the schema, so that editors show them too.
///
/// `max_in_flight` is also the number of threads of a vault of files.
const COUNTS: [(&str, u32, u32); 5] = [
    ("/properties/retries", 0, 10),
    ("/properties/max_in_flight", 1, 1_024),
    ("/properties/max_waiting", 1, 1_000_000),
    ("/properties/cache_entries", 0, 10_000_000),
    ("/properties/breaker/properties/failures", 1, 10_000),
];

/// Adds the bounds of the counts to the policy's schema.
pub(super) fn add_bounds(schema: &mut Value) {
    for (pointer, least, most) in COUNTS {
        if let Some(Value::Object(key)) = schema.pointer_mut(pointer) {
            key.insert("minimum".to_owned(), json!(least));
            key.insert("maximum".to_owned(), json!(most));
        }
    }
}

/// Every duration that is out of its bounds.
pub(super) fn check(policy: &CompartmentPolicy) -> Diagnostics {
    let out_of_bounds = |(key, duration_of, bounds): &(&str, DurationOf, Bounds)| {
        bounds.check(duration_of(policy)).err().map(|found| found.below(key))
    };
    DURATIONS.iter().filter_map(out_of_bounds).collect()
}
