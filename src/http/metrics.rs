//! `GET /metrics`: the metrics in the text format of Prometheus. There are so few that they need no library.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderName};

use super::connections::{Event, Registry};
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

/// What is measured.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    pub(super) calls: Arc<Calls>,
    /// The connections of both listeners.
    pub(super) connections: [Arc<Registry>; 2],
}

/// Returns the current values of all metrics.
pub(super) async fn metrics(State(metrics): State<Metrics>) -> ([(HeaderName, &'static str); 1], String) {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, &metrics.calls, &metrics.calls.broker().vaults());
    let _ = write_connections(&mut text, &metrics.connections);
    ([(CONTENT_TYPE, MEDIA_TYPE)], text)
}

fn write_connections(text: &mut String, listeners: &[Arc<Registry>]) -> fmt::Result {
    writeln!(text, "# HELP cofferdam_connections Open connections of clients.")?;
    writeln!(text, "# TYPE cofferdam_connections gauge")?;
    for connections in listeners {
        let (name, open) = (connections.listener().name(), connections.open());
        writeln!(text, "cofferdam_connections{{listener=\"{name}\"}} {open}")?;
    }
    writeln!(text, "# HELP cofferdam_connections_max The maximum number of connections of clients.")?;
    writeln!(text, "# TYPE cofferdam_connections_max gauge")?;
    for connections in listeners {
        let (name, max) = (connections.listener().name(), connections.max());
        writeln!(text, "cofferdam_connections_max{{listener=\"{name}\"}} {max}")?;
    }
    writeln!(
        text,
        "# HELP cofferdam_connections_closed_total Connections that the server closed or refused: evicted (without a \
         complete request, to make room), refused (too many of one machine), unread (the client does not read), aged."
    )?;
    writeln!(text, "# TYPE cofferdam_connections_closed_total counter")?;
    for connections in listeners {
        let name = connections.listener().name();
        for event in Event::ALL {
            let (reason, count) = (event.name(), connections.count(event));
            writeln!(
                text,
                "cofferdam_connections_closed_total{{listener=\"{name}\",reason=\"{reason}\"}} {count}"
            )?;
        }
    }
    Ok(())
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
