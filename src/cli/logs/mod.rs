//! Logs. They always go to standard error: standard output carries results, and on stdio the protocol.

mod queue;

use std::io;
use std::time::Duration;

use clap::ValueEnum;
use cofferdam_config::quote;
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

/// The crates whose events pass at every level that the filter allows: our own, of which we know what they log.
const OWN_CRATES: [&str; 9] = [
    "cofferdam",
    "cofferdam_config",
    "cofferdam_vault",
    "cofferdam_vault_age",
    "cofferdam_vault_aws",
    "cofferdam_vault_env",
    "cofferdam_vault_file",
    "cofferdam_vault_hashicorp",
    "cofferdam_vault_keychain",
];

/// The most verbose level of all other crates, whatever the filter says. Below it, a library logs headers, arguments and
/// bodies: `aws_sigv4` a signed request, `hyper` and `h2` what they read and write.
const FOREIGN_LEVEL: LevelFilter = LevelFilter::WARN;

/// Other crates that log such things at their warnings, too, with the level that each may log at.
///
/// - `rmcp` logs the text of rejected messages at `warn`, and disconnected clients at `error`. Each call has a log line of
///   ours.
/// - `aws_config` logs the full response of a credential source at `warn`.
const QUIET_CRATES: [(&str, LevelFilter); 2] =
    [("rmcp", LevelFilter::OFF), ("aws_config", LevelFilter::ERROR)];

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
            Err(_) => (fallback(), Some(quote::string(&text))),
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
    if let Some(text) = invalid {
        // Logged at `error`, since most commands log nothing below it.
        tracing::error!(
            "{VARIABLE} has {text}, which is not a valid filter; using {default}. Set for example `debug` or \
             `cofferdam::broker=trace`"
        );
    }
    Ok(Logs(queue))
}

/// Returns whether an event may be logged: it is one of our own crates, or harmless by its level.
fn is_safe(event: &Metadata<'_>) -> bool {
    // An event of the `log` crate names itself, so its target is checked. An event may choose its target, so the module
    // that it is written in must be ours, too.
    let crate_of = |path: &str| path.split("::").next().unwrap_or_default().to_owned();
    let from = crate_of(event.target());
    let own = |name: &str| OWN_CRATES.contains(&name);
    if own(&from) && event.module_path().is_none_or(|module| own(&crate_of(module))) {
        return true;
    }
    let quiet = QUIET_CRATES.iter().find(|(name, _)| *name == from);
    *event.level() <= quiet.map_or(FOREIGN_LEVEL, |(_, limit)| *limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::Log;

    #[test]
    fn no_filter_raises_the_level_of_a_foreign_crate() {
        let log = Log::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(log.clone());
        let filter = EnvFilter::new("trace,rmcp=trace,aws_sigv4=trace").and(filter_fn(is_safe));
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "rmcp::service", "an argument");
            tracing::info!(target: "h2::codec", "a header");
            tracing::trace!(target: "aws_sigv4::http_request::sign", "a signed body");
            tracing::info!(target: "a_crate_of_tomorrow", "a body");
            tracing::debug!(target: "cofferdam_vault_of_a_stranger", "a secret");
            tracing::error!(target: "rmcp::service", "a client's text");
            tracing::warn!(target: "aws_config::meta::credentials::chain", "a credential's answer");
            tracing::error!(target: "aws_config::profile", "a failure");
            tracing::warn!(target: "hyper::proto", "a warning");
            tracing::trace!(target: "cofferdam::broker", "a detail");
        });
        let text = log.contents();
        let never = [
            "an argument",
            "a header",
            "a signed body",
            "a body",
            "a secret",
            "a client's text",
            "a credential's answer",
        ];
        for never in never {
            assert!(!text.contains(never), "{never}: {text}");
        }
        for said in ["a warning", "a failure", "a detail"] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }

    #[test]
    fn every_crate_of_the_workspace_that_the_server_uses_is_our_own() {
        let manifest = include_str!("../../../Cargo.toml");
        let names = manifest.lines().filter_map(|line| line.split_once(" = { path = \"backends/"));
        let mut names: Vec<String> = names.map(|(name, _)| name.replace('-', "_")).collect();
        names.push("cofferdam".to_owned());
        names.sort();
        assert_eq!(names, OWN_CRATES);
    }
}
