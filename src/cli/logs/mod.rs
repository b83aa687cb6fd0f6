//! Logs: always to standard error, for standard output belongs to answers, and on stdio to the protocol.

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
use super::output::colour_on_stderr;

/// The environment variable with the filter.
const VARIABLE: &str = "COFFERDAM_LOG";

/// How long the last lines have to be read in when a command ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Crates that log headers, arguments or bodies when asked for detail, and the most that each may say, whatever the filter. The
/// AWS SDK logs the texts of a service's errors. rmcp logs arguments and results of tools, a refused message's own text at
/// `warn`, and at `error` that a client has gone: it says nothing, since each call has a line of ours with its code. aws-config
/// logs at `warn` what a source of credentials answered, body and all.
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

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for a log collector.
    Json,
}

/// How log lines reach standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Written by who logs, so that they stand above what a command prints after them.
    AtOnce,
    /// Written by a thread of their own: whoever reads a server's log slowly, or not at all, stops no call.
    Queued,
}

/// Logs that go to standard error; when it is dropped, the last lines are written.
#[derive(Debug)]
#[must_use = "dropped, it waits for the lines so far"]
pub(crate) struct Logs(Option<Queue>);

impl Drop for Logs {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.finish(LAST_LINES);
        }
    }
}

/// Sends logs to standard error. A filter that cannot be read is reported there, and `default` takes its place.
///
/// # Errors
///
/// Where the system gives no thread for it.
pub(crate) fn start(format: LogFormat, default: LevelFilter, delivery: Delivery) -> io::Result<Logs> {
    let fallback = || EnvFilter::default().add_directive(default.into());
    let (filter, wrong) = match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => match EnvFilter::builder().parse(&text) {
            Ok(filter) => (filter, None),
            Err(error) => (fallback(), Some(error)),
        },
        _ => (fallback(), None),
    };
    let filter = filter.and(filter_fn(no_wire_details));
    let queue = match delivery {
        Delivery::AtOnce => None,
        Delivery::Queued => Some(Queue::start(io::stderr(), |lines| {
            tracing::warn!(lines, "log lines were lost: standard error was not read in time");
        })?),
    };
    let writer = queue.clone().map_or_else(|| BoxMakeWriter::new(io::stderr), BoxMakeWriter::new);
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match format {
        LogFormat::Text => {
            to_stderr.with_ansi(colour_on_stderr()).with_target(false).with_filter(filter).boxed()
        }
        LogFormat::Json => to_stderr.json().flatten_event(true).with_filter(filter).boxed(),
    };
    // Someone else's subscriber (a test's) stays.
    let _ = tracing_subscriber::registry().with(layer).try_init();
    if let Some(error) = wrong {
        // Most commands log nothing below `error`.
        tracing::error!(%error, "{VARIABLE} is no filter; write for example `debug` or `cofferdam::broker=trace`");
    }
    Ok(Logs(queue))
}

fn no_wire_details(event: &Metadata<'_>) -> bool {
    let from = event.target().split("::").next().unwrap_or_default();
    let most = WIRE_CRATES.iter().find(|(name, _)| *name == from).map(|(_, most)| *most);
    most.is_none_or(|most| *event.level() <= most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::Log;

    #[test]
    fn wire_crates_say_no_more_than_they_may_whatever_the_filter() {
        let log = Log::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(log.clone());
        let filter = EnvFilter::new("trace,rmcp=trace").and(filter_fn(no_wire_details));
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
