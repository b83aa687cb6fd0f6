//! Writes one secret to its destination, and reads it back.

use cofferdam_vault::{ErrorKind, Expect, VaultError};

use super::compare::{Comparison, compare};
use super::plan::{Row, State};
use super::retry::{Attempts, with_timeout};

/// Copies the secret of `row` if the destination has not changed since the plan, and updates the state of the row.
pub(super) async fn execute(row: &mut Row) {
    match copy(row).await {
        Ok(()) => (row.state, row.reason) = (State::Copied, None),
        Err((state, reason)) => (row.state, row.reason) = (state, Some(reason)),
    }
}

/// After each write the destination is read: if the response to a write was lost, the read shows whether it happened.
async fn copy(row: &Row) -> Result<(), (State, String)> {
    let item = &row.item;
    let failed = |error: VaultError| (State::Failed, error.message().to_owned());
    let gone = || (State::Failed, "the source no longer has it".to_owned());
    let source = item.read_source().await.map_err(failed)?.ok_or_else(gone)?;
    let expect = row.replaces.clone().map_or(Expect::Absent, Expect::Version);
    let mut attempts = Attempts::default();
    loop {
        let write = item.destination.vault.write(&item.destination.path, &source.fields, expect.clone());
        let written = with_timeout(write).await;
        let read_back = item.read_destination().await;
        let equal = read_back.as_ref().is_ok_and(|secret| {
            secret.as_ref().is_some_and(|secret| {
                compare(&source.fields, &secret.fields, item.allows_extra_fields()) == Comparison::Equal
            })
        });
        match written {
            _ if equal => return Ok(()),
            Ok(_) => {
                read_back.map_err(failed)?;
                return Err((
                    State::Failed,
                    "the destination returned other values than were written".to_owned(),
                ));
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {
                return Err((
                    State::Conflict,
                    "another writer changed the destination in the meantime".to_owned(),
                ));
            }
            Err(error) if attempts.retry_after(&error).await => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
