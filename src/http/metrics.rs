//! `GET /metrics`: the metrics in the text format of Prometheus. There are so few that they need no library.

use std::fmt::{self, Write as _};

use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderName};

use super::health::Health;
use crate::broker::{CompartmentState, VaultStatus};
use crate::caller::Caller;
use crate::calls::Calls;

/// The media type of the format.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Each state with its label value.
const STATES: [(CompartmentState, &str); 3] = [
    (CompartmentState::Ready, "ready"),
    (CompartmentState::Degraded, "degraded"),
    (CompartmentState::Down, "down"),
];

/// Returns the current values of all metrics.
pub(super) async fn metrics(State(health): State<Health>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, &health.calls, &health.calls.broker().vaults());
    ([(CONTENT_TYPE, MEDIA_TYPE)], text)
}

fn write_all(text: &mut String, calls: &Calls, vaults: &[VaultStatus]) -> fmt::Result {
    writeln!(text, "# HELP cofferdam_calls_total Finished tool calls by error code, or ok.")?;
    writeln!(text, "# TYPE cofferdam_calls_total counter")?;
    for (code, count) in calls.metrics().iter() {
        writeln!(text, "cofferdam_calls_total{{code=\"{code}\"}} {count}")?;
    }
    writeln!(text, "# HELP cofferdam_calls_in_flight Tool calls in flight, without those that wait.")?;
    writeln!(text, "# TYPE cofferdam_calls_in_flight gauge")?;
    writeln!(text, "cofferdam_calls_in_flight {}", calls.in_flight())?;
    writeln!(text, "# HELP cofferdam_calls_waiting Tool calls that wait for other calls of their module.")?;
    writeln!(text, "# TYPE cofferdam_calls_waiting gauge")?;
    for module in calls.registry().modules(&Caller::local()) {
        writeln!(
            text,
            "cofferdam_calls_waiting{{module=\"{}\"}} {}",
            escaped(&module.name),
            calls.waiting(module)
        )?;
    }
    writeln!(text, "# HELP cofferdam_vault_state 1 if the vault is in this state, else 0.")?;
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

/// Escapes a label value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
