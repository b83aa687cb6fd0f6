//! Reads both sides of each secret, and decides what has to be done. Keeps no value.

use cofferdam_vault::{ErrorKind, Secret, VaultError, Version};
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use serde::Serialize;

use super::compare::{Comparison, compare};
use super::item::Item;

/// The maximum number of secrets that are read concurrently.
const MAX_CONCURRENT_READS: usize = 8;

/// The state of one secret of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// The destination has no such secret. It is to be written.
    Copy,
    /// The destination has a different secret. It is to be replaced.
    Replace,
    /// The destination has an equal secret.
    Equal,
    /// The source has no such secret.
    Absent,
    /// The destination has a different secret, which is kept.
    Conflict,
    /// A read or a write failed.
    Failed,
    /// The secret was written and read back.
    Copied,
}

impl State {
    /// Returns the name of the state.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Replace => "replace",
            Self::Equal => "equal",
            Self::Absent => "absent",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
            Self::Copied => "copied",
        }
    }
}

/// A secret of the copy, with its state.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) item: Item,
    pub(super) state: State,
    /// Details that the state does not express.
    pub(super) reason: Option<String>,
    /// The version at the destination that is to be replaced.
    pub(super) replaces: Option<Version>,
}

/// Reads both sides of each item.
pub(super) async fn plan(items: Vec<Item>, replace: bool, bar: &ProgressBar) -> Vec<Row> {
    let rows = items.into_iter().map(|item| async move {
        let (source, destination) = (item.read_source().await, item.read_destination().await);
        let (state, reason, replaces) = decide(source, destination, item.allows_extra_fields(), replace);
        bar.inc(1);
        Row { item, state, reason, replaces }
    });
    futures_util::stream::iter(rows).buffered(MAX_CONCURRENT_READS).collect().await
}

type Decision = (State, Option<String>, Option<Version>);

fn decide(
    source: Result<Option<Secret>, VaultError>,
    destination: Result<Option<Secret>, VaultError>,
    extra_fields_allowed: bool,
    replace: bool,
) -> Decision {
    let source = match source {
        Ok(Some(source)) => source,
        Ok(None) => return (State::Absent, None, None),
        Err(error) => return (State::Failed, Some(format!("source: {}", error.message())), None),
    };
    match destination {
        Ok(None) => (State::Copy, None, None),
        Ok(Some(secret)) => match compare(&source.fields, &secret.fields, extra_fields_allowed) {
            Comparison::Equal => (State::Equal, None, None),
            Comparison::Different(how) if replace => (State::Replace, Some(how), Some(secret.version)),
            Comparison::Different(how) => (State::Conflict, Some(how), None),
        },
        // The vault may be a file that the first write creates. If not, the write fails with the same error.
        Err(error) if error.kind() == ErrorKind::Misconfigured => {
            (State::Copy, Some(format!("creates the vault if it does not exist ({})", error.message())), None)
        }
        Err(error) => (State::Failed, Some(format!("destination: {}", error.message())), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::fields;

    fn secret(value: &str) -> Result<Option<Secret>, VaultError> {
        let (fields, version) = (fields([("token", value)]), Version::new("v7"));
        Ok(Some(Secret { fields, version, valid_for: None, lease: None }))
    }

    #[test]
    fn the_decision_follows_from_both_sides() {
        let error = |kind| Err(VaultError::secret(kind, "scripted"));
        for (source, destination, replace, state) in [
            (secret("a"), Ok(None), false, State::Copy),
            (secret("a"), secret("a"), true, State::Equal),
            (secret("a"), secret("b"), false, State::Conflict),
            (secret("a"), secret("b"), true, State::Replace),
            (Ok(None), secret("b"), true, State::Absent),
            (error(ErrorKind::Denied), Ok(None), false, State::Failed),
            (secret("a"), error(ErrorKind::Denied), true, State::Failed),
            (secret("a"), error(ErrorKind::Misconfigured), false, State::Copy),
        ] {
            let (found, _, replaces) = decide(source, destination, false, replace);
            assert_eq!(found, state);
            assert_eq!(
                replaces.is_some(),
                state == State::Replace,
                "only a version that was read is replaced"
            );
        }
    }
}
