//! Reading many secrets without a burst: twenty a request, at a steady pace.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_vault::{ReadRequest, Secret, VaultError, Version};

use crate::content::Content;
use crate::error::{Failure, Reason};
use crate::names::Names;
use crate::pace::Pace;
use crate::store::{CURRENT, Got, Store};

/// How many secrets a batch holds at most: as many as the API takes.
const BATCH: usize = 20;

/// What reading many has learned and keeps to.
#[derive(Debug, Default)]
pub(crate) struct Many {
    pace: Pace,
    /// Whether the permission for batches is missing. Found out once: asking again at each start of a module would be
    /// refused again, and a process that starts anew asks anew.
    refused: AtomicBool,
}

impl Many {
    pub(crate) async fn read(
        &self,
        store: &Store,
        names: &Names,
        wanted: &[ReadRequest],
    ) -> Vec<Result<Secret, VaultError>> {
        let wanted: Vec<(String, &ReadRequest)> =
            wanted.iter().map(|request| (names.name(&request.path), request)).collect();
        let mut missing: Vec<String> = Vec::new();
        for (name, _) in &wanted {
            if !missing.contains(name) {
                missing.push(name.clone());
            }
        }
        let mut answers = HashMap::new();
        let outage = match self.batches(store, &mut missing, &mut answers).await {
            Ok(()) => self.singles(store, missing, &mut answers).await.err(),
            Err(outage) => Some(outage),
        };
        let answer = |(name, request): (String, &ReadRequest)| match (answers.get(&name), &outage) {
            (Some(Ok(got)), _) => secret(got, &name, request),
            (Some(Err(error)), _) | (None, Some(error)) => Err(error.clone()),
            // Not reached: whatever was not answered was out of reach.
            (None, None) => Err(VaultError::vault(
                cofferdam_vault::ErrorKind::Malformed,
                format!("{name} was not answered"),
            )),
        };
        wanted.into_iter().map(answer).collect()
    }

    /// Moves what batches answer from `missing` to `answers`; an error is one of the whole vault, and ends it.
    async fn batches(
        &self,
        store: &Store,
        missing: &mut Vec<String>,
        answers: &mut Answers,
    ) -> Result<(), VaultError> {
        let all = missing.clone();
        for names in all.chunks(BATCH) {
            if self.refused.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.pace.turn().await;
            match store.batch(names).await {
                Ok(entries) => answers.extend(entries),
                Err(Failure { reason: Reason::Denied, .. }) => {
                    self.refused.store(true, Ordering::Relaxed);
                    tracing::info!(
                        "secrets are read one by one: secretsmanager:BatchGetSecretValue is not granted"
                    );
                }
                // Refused for another reason than the vault's state: whatever it is, each secret says it for itself.
                Err(Failure { error, .. }) if error.scope() == cofferdam_vault::Scope::Secret => {}
                Err(Failure { error, .. }) => return Err(error),
            }
            missing.retain(|name| !answers.contains_key(name));
        }
        Ok(())
    }

    async fn singles(
        &self,
        store: &Store,
        missing: Vec<String>,
        answers: &mut Answers,
    ) -> Result<(), VaultError> {
        for name in missing {
            self.pace.turn().await;
            let answer = store.get(&name, CURRENT).await.map_err(VaultError::from);
            if let Err(error) = &answer
                && error.scope() == cofferdam_vault::Scope::Vault
            {
                return Err(error.clone());
            }
            answers.insert(name, answer);
        }
        Ok(())
    }
}

type Answers = HashMap<String, Result<Got, VaultError>>;

/// What `request` asks for of a version of the secret `name`.
fn secret(got: &Got, name: &str, request: &ReadRequest) -> Result<Secret, VaultError> {
    let content = Content::parse(got.text.as_deref().map(String::as_str));
    let fields = content.select(name, &request.fields)?;
    Ok(Secret { fields, version: Version::new(got.version.clone()), valid_for: None, lease: None })
}
