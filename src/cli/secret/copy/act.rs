//! Writing one secret, and reading it back.

use std::time::Duration;

use cofferdam_vault::{ErrorKind, Expect, Retry, Secret, VaultError};
use tokio::time::{sleep, timeout};

use super::super::target::whole;
use super::item::Item;
use super::plan::{Row, State};
use super::same::{Compared, compare};

/// How long one request may take. Generous: somebody may be typing a passphrase.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often a request is tried that may do better next time.
const TRIES: u32 = 5;

/// The first pause between two tries, where the vault names none; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// Which end of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

/// The secret at that side, whole; tried again where that may help.
pub(super) async fn read(item: &Item, side: Side) -> Result<Option<Secret>, VaultError> {
    let (vault, path) = match side {
        Side::Source => (&item.source, &item.path),
        Side::Destination => (&item.goes.vault, &item.goes.path),
    };
    let mut tried = 0;
    loop {
        match within(whole(&**vault, path, &item.needs)).await {
            Err(error) if again(&error, &mut tried).await => {}
            answer => return answer,
        }
    }
}

/// Copies the secret of `row`, if the destination is as it was seen, and reads it back.
///
/// An answer that was lost is settled by reading: whether the write happened shows there.
pub(super) async fn act(row: &mut Row) {
    match copied(row).await {
        Ok(()) => (row.state, row.reason) = (State::Copied, None),
        Err((state, reason)) => (row.state, row.reason) = (state, Some(reason)),
    }
}

async fn copied(row: &Row) -> Result<(), (State, String)> {
    let item = &row.item;
    let failed = |error: VaultError| (State::Failed, error.message().to_owned());
    let gone = || (State::Failed, "it is no longer at the source".to_owned());
    let source = read(item, Side::Source).await.map_err(failed)?.ok_or_else(gone)?;
    let extra_allowed = !item.source.info().capabilities.list;
    let expect = row.seen.clone().map_or(Expect::Absent, Expect::Version);
    let mut tried = 0;
    loop {
        let write = item.goes.vault.write(&item.goes.path, &source.fields, expect.clone());
        let written = within(write).await;
        let there = read(item, Side::Destination).await;
        let same = there.as_ref().is_ok_and(|there| {
            let there = there.as_ref().map(|there| compare(&source.fields, &there.fields, extra_allowed));
            there == Some(Compared::Same)
        });
        match written {
            _ if same => return Ok(()),
            Ok(_) => {
                there.map_err(failed)?;
                return Err((State::Failed, "what was read back is not what was written".to_owned()));
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {
                return Err((State::Conflict, "somebody else has written there meanwhile".to_owned()));
            }
            Err(error) if again(&error, &mut tried).await => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Whether to try again; then the pause is over when this answers.
async fn again(error: &VaultError, tried: &mut u32) -> bool {
    let pause = PAUSE * 2_u32.pow(*tried);
    *tried += 1;
    let pause = match error.retry() {
        _ if *tried >= TRIES => return false,
        Retry::Never => return false,
        Retry::Once if *tried > 1 => return false,
        Retry::Once => Duration::ZERO,
        Retry::Backoff => pause,
        Retry::After(asked) => asked.unwrap_or(pause).min(PATIENCE),
    };
    sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    true
}

async fn within<T>(request: impl Future<Output = Result<T, VaultError>>) -> Result<T, VaultError> {
    timeout(PATIENCE, request).await.unwrap_or_else(|_| {
        Err(VaultError::vault(ErrorKind::Timeout, format!("no answer within {PATIENCE:?}")))
    })
}
