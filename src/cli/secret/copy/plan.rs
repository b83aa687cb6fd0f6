//! What has to be done for each secret, by reading both sides. No value is kept.

use cofferdam_vault::{ErrorKind, Secret, VaultError, Version};
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use serde::Serialize;

use super::act::{Side, read};
use super::item::Item;
use super::same::{Compared, compare};

/// How many secrets are looked at at a time.
const LOOKS_AT_ONCE: usize = 8;

/// How it is with one secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// It is to be written where nothing is.
    Copy,
    /// It is to be written over what is there.
    Replace,
    /// It is there, the same.
    Equal,
    /// It is not at the source.
    Absent,
    /// Something else is there, which stays.
    Conflict,
    /// It cannot be read or written.
    Failed,
    /// It was written and read back.
    Copied,
}

impl State {
    /// The state in one word.
    pub(super) fn word(self) -> &'static str {
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

/// A secret, and how it is with it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) item: Item,
    pub(super) state: State,
    /// Why, where the state does not say it whole.
    pub(super) reason: Option<String>,
    /// What stands at the destination and is to be replaced.
    pub(super) seen: Option<Version>,
}

/// Looks at both sides of each.
pub(super) async fn plan(items: Vec<Item>, replace: bool, bar: &ProgressBar) -> Vec<Row> {
    let rows = items.into_iter().map(|item| async move {
        let row = look(item, replace).await;
        bar.inc(1);
        row
    });
    futures_util::stream::iter(rows).buffered(LOOKS_AT_ONCE).collect().await
}

async fn look(item: Item, replace: bool) -> Row {
    let (source, destination) = (read(&item, Side::Source).await, read(&item, Side::Destination).await);
    let extra_allowed = !item.source.info().capabilities.list;
    let (state, reason, seen) = judge(source, destination, extra_allowed, replace);
    Row { item, state, reason, seen }
}

type Judged = (State, Option<String>, Option<Version>);

fn judge(
    source: Result<Option<Secret>, VaultError>,
    destination: Result<Option<Secret>, VaultError>,
    extra_allowed: bool,
    replace: bool,
) -> Judged {
    let source = match source {
        Ok(Some(source)) => source,
        Ok(None) => return (State::Absent, None, None),
        Err(error) => return (State::Failed, Some(format!("source: {}", error.message())), None),
    };
    match destination {
        Ok(None) => (State::Copy, None, None),
        Ok(Some(there)) => match compare(&source.fields, &there.fields, extra_allowed) {
            Compared::Same => (State::Equal, None, None),
            Compared::Differs(how) if replace => (State::Replace, Some(how), Some(there.version)),
            Compared::Differs(how) => (State::Conflict, Some(how), None),
        },
        // Perhaps a file that the first write creates. The write itself knows.
        Err(error) if error.kind() == ErrorKind::Misconfigured => {
            (State::Copy, Some(format!("if the first write mends this: {}", error.message())), None)
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
    fn what_is_to_be_done_follows_from_both_sides() {
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
            let (found, _, seen) = judge(source, destination, false, replace);
            assert_eq!(found, state);
            assert_eq!(seen.is_some(), state == State::Replace, "only what was seen is replaced");
        }
    }
}
