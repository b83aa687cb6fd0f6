//! `GET /metrics`: Prometheus' text format, written by hand for the few numbers there are.

use std::fmt::{self, Write as _};

use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderName};

use super::health::Health;
use crate::broker::{CompartmentState, VaultStatus};
use crate::calls::Calls;

/// The format's media type.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The states as label values.
const STATES: [(CompartmentState, &str); 3] = [
    (CompartmentState::Ready, "ready"),
    (CompartmentState::Degraded, "degraded"),
    (CompartmentState::Down, "down"),
];

/// Answers with all numbers as they stand.
pub(super) async fn write(State(health): State<Health>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = all(&mut text, &health.calls, &health.calls.broker().vaults());
    ([(CONTENT_TYPE, TEXT)], text)
}

fn all(text: &mut String, calls: &Calls, vaults: &[VaultStatus]) -> fmt::Result {
    writeln!(
        text,
        "# HELP cofferdam_calls_total Tool calls that ended, by code; ok where there was an answer."
    )?;
    writeln!(text, "# TYPE cofferdam_calls_total counter")?;
    for (code, count) in calls.metrics().iter() {
        writeln!(text, "cofferdam_calls_total{{code=\"{code}\"}} {count}")?;
    }
    writeln!(text, "# HELP cofferdam_calls_in_flight Tool calls that are running.")?;
    writeln!(text, "# TYPE cofferdam_calls_in_flight gauge")?;
    writeln!(text, "cofferdam_calls_in_flight {}", calls.in_flight())?;
    writeln!(text, "# HELP cofferdam_vault_state Whether a vault is in this state: 1 or 0.")?;
    writeln!(text, "# TYPE cofferdam_vault_state gauge")?;
    for vault in vaults {
        for (state, label) in STATES {
            writeln!(
                text,
                "cofferdam_vault_state{{vault=\"{}\",backend=\"{}\",state=\"{label}\"}} {}",
                escaped(&vault.name),
                vault.backend,
                u8::from(vault.state == state)
            )?;
        }
    }
    Ok(())
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
