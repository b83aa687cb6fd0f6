//! Logs. They always go to standard error: standard output carries results, and on stdio the protocol.

mod queue;

use std::io;
use std::time::Duration;

use clap::ValueEnum;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use self::queue::Queue;
use super::color;

/// The environment variable that holds the filter.
const VARIABLE: &str = "COFFERDAM_LOG";

/// The time that the remaining lines have to be written when a command ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Crates that log headers, arguments or bodies, with the most verbose level that each may log at, whatever the filter.
///
/// - `rmcp` logs arguments and results of tools, the text of rejected messages at `warn`, and disconnected clients at
///   `error`. It is turned off, since each call has a log line of ours.
/// - `aws_smithy_runtime` logs the error texts of a service at `debug`.
/// - `aws_config` logs the full response of a credential source at `warn`.
const WIRE_CRATES: [(&str, LevelFilter); 8] = [
    ("rmcp", LevelFilter::OFF),
    ("h2", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    ("hyper_util", LevelFilter::WARN),
    ("reqwest", LevelFilter::WARN),
    ("rustls", LevelFilter::WARN),
    ("aws_smithy_runtime", LevelFilter::WARN),
    ("aws_config", LevelFilter::ERROR),
];

/// The format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text
    Text,
    /// One JSON object per line, for a log collector
    Json,
}

/// How log lines reach standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Written by the thread that logs, so that log lines and output stay in order.
    Immediate,
    /// Written by a separate thread, so that a slow or absent reader of a server's log blocks no call.
    Queued,
}

/// A guard for the log. Dropping it writes the remaining lines.
#[derive(Debug)]
#[must_use = "dropping it waits until the remaining lines are written"]
pub(crate) struct Logs(Option<Queue>);

impl Drop for Logs {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.flush(FLUSH_TIMEOUT);
        }
    }
}

/// Starts to log to standard error. An invalid filter is reported there and replaced by `default`.
///
/// # Errors
///
/// Returns an error if the system provides no thread.
pub(crate) fn start(format: LogFormat, default: LevelFilter, delivery: Delivery) -> io::Result<Logs> {
    let fallback = || EnvFilter::default().add_directive(default.into());
    let (filter, invalid) = match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => match EnvFilter::builder().parse(&text) {
            Ok(filter) => (filter, None),
            Err(error) => (fallback(), Some((cofferdam_config::suggestions::bounded(&text), error))),
        },
        _ => (fallback(), None),
    };
    let filter = filter.and(filter_fn(is_safe));
    let queue = match delivery {
        Delivery::Immediate => None,
        Delivery::Queued => Some(Queue::start(io::stderr(), |lines| {
            tracing::warn!(lines, "log lines were lost, because standard error was not read in time");
        })?),
    };
    let writer = queue.clone().map_or_else(|| BoxMakeWriter::new(io::stderr), BoxMakeWriter::new);
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match format {
        LogFormat::Text => {
            to_stderr.with_ansi(color::on_stderr()).with_target(false).with_filter(filter).boxed()
        }
        LogFormat::Json => to_stderr.json().flatten_event(true).with_filter(filter).boxed(),
    };
    // Fails if a subscriber is set already, for example by a test. That one stays.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    if let Some((text, error)) = invalid {
        // Logged at `error`, since most commands log nothing below it.
        tracing::error!(
            %error,
            "{VARIABLE}=\"{text}\" is not a valid filter; using {default}. Set for example `debug` or \
             `cofferdam::broker=trace`"
        );
    }
    Ok(Logs(queue))
}

/// Returns whether [`WIRE_CRATES`] lets an event pass.
fn is_safe(event: &Metadata<'_>) -> bool {
    let from = event.target().split("::").next().unwrap_or_default();
    let limit = WIRE_CRATES.iter().find(|(name, _)| *name == from).map(|(_, limit)| *limit);
    limit.is_none_or(|limit| *event.level() <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::Log;

    #[test]
    fn no_filter_raises_the_level_of_a_wire_crate() {
        let log = Log::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(log.clone());
        let filter = EnvFilter::new("trace,rmcp=trace").and(filter_fn(is_safe));
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "rmcp::service", "an argument");
            tracing::info!(target: "h2::codec", "a header");
            tracing::error!(target: "rmcp::service", "a client's text");
            tracing::warn!(target: "aws_config::meta::credentials::chain", "a credential's answer");
            tracing::error!(target: "aws_config::profile", "a failure");
            tracing::warn!(target: "hyper::proto", "a warning");
            tracing::trace!(target: "cofferdam::broker", "a detail");
        });
        let text = log.contents();
        let never = ["an argument", "a header", "a client's text", "a credential's answer"];
        assert!(!never.iter().any(|never| text.contains(never)), "{text}");
        for said in ["a warning", "a failure", "a detail"] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
