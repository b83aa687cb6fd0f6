//! Logs: always to standard error, for standard output belongs to answers, and on stdio to the protocol.

use clap::ValueEnum;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output::colour_on_stderr;

/// The environment variable with the filter.
const VARIABLE: &str = "COFFERDAM_LOG";

/// Crates that log headers, arguments or bodies when asked for detail: they never get past `warn`. rmcp logs the
/// arguments and results of tools, the AWS SDK the texts of a service's errors.
const WIRE_CRATES: [&str; 7] =
    ["rmcp", "h2", "hyper", "hyper_util", "reqwest", "rustls", "aws_smithy_runtime"];

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for a log collector.
    Json,
}

/// Sends logs to standard error. A filter that cannot be read is reported there, and `default` takes its place.
pub(crate) fn start(format: LogFormat, default: LevelFilter) {
    let fallback = || EnvFilter::default().add_directive(default.into());
    let (filter, wrong) = match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => match EnvFilter::builder().parse(&text) {
            Ok(filter) => (filter, None),
            Err(error) => (fallback(), Some(error)),
        },
        _ => (fallback(), None),
    };
    let filter = filter.and(filter_fn(no_wire_details));
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
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
}

fn no_wire_details(event: &Metadata<'_>) -> bool {
    let from = event.target().split("::").next().unwrap_or_default();
    !WIRE_CRATES.contains(&from) || *event.level() <= LevelFilter::WARN
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::Log;

    #[test]
    fn wire_crates_stay_at_warn_whatever_the_filter() {
        let log = Log::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(log.clone());
        let filter = EnvFilter::new("trace,rmcp=trace").and(filter_fn(no_wire_details));
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "rmcp::service", "an argument");
            tracing::info!(target: "h2::codec", "a header");
            tracing::warn!(target: "rmcp::service", "a warning");
            tracing::trace!(target: "cofferdam::broker", "a detail");
        });
        let text = log.text();
        assert!(!text.contains("an argument") && !text.contains("a header"), "{text}");
        assert!(text.contains("a warning") && text.contains("a detail"), "{text}");
    }
}
