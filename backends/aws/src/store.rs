//! One function for each operation of the API that is used: each is one request.

use std::sync::Arc;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use cofferdam_vault::{ErrorKind, VaultError};
use zeroize::Zeroizing;

use crate::error::{Doing, Failure, Reason, failure, of_code};
use crate::login::{Login, Session};

/// The stage of what is read.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// The stage of what was read before.
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";
/// The stage of what a writer has put and nobody reads yet. Not `AWSPENDING`, which belongs to rotation functions. There is
/// one of each stage in a secret, so the next writer takes it from one that was interrupted, whose text then expires.
const PENDING: &str = "COFFERDAM_PENDING";

/// How many names a page of a listing has at most: as many as the API gives.
const PAGE_NAMES: i32 = 100;

/// One version of a secret.
pub(crate) struct Got {
    pub(crate) version: String,
    /// Absent where it holds bytes.
    pub(crate) text: Option<Zeroizing<String>>,
}

/// What a batch has to say of one secret; one that it does not mention is read alone.
pub(crate) type BatchEntry = (String, Result<Got, VaultError>);

/// Secrets Manager, as one login sees it.
pub(crate) struct Store {
    login: Login,
}

impl Store {
    pub(crate) fn new(login: Login) -> Self {
        Self { login }
    }

    /// Reads the version at `stage`.
    pub(crate) async fn get(&self, name: &str, stage: &str) -> Result<Got, Failure> {
        let session = self.session().await?;
        let answer = session.client.get_secret_value().secret_id(name).version_stage(stage).send().await;
        let got = self.settle(&session, answer, "GetSecretValue", name).await?;
        let text = got.secret_string.map(Zeroizing::new);
        let version = got.version_id.ok_or_else(|| incomplete("GetSecretValue", name))?;
        Ok(Got { version, text })
    }

    /// Reads the current versions of at most twenty secrets.
    pub(crate) async fn batch(&self, names: &[String]) -> Result<Vec<BatchEntry>, Failure> {
        const ACTION: &str = "BatchGetSecretValue";
        let session = self.session().await?;
        let answer =
            session.client.batch_get_secret_value().set_secret_id_list(Some(names.to_vec())).send().await;
        let batch = self.settle(&session, answer, ACTION, "the secrets").await?;
        let mut entries = Vec::with_capacity(names.len());
        for found in batch.secret_values.unwrap_or_default() {
            let text = found.secret_string.map(Zeroizing::new);
            let current = found.version_stages.unwrap_or_default().iter().any(|stage| stage == CURRENT);
            if let (Some(name), Some(version), true) = (found.name, found.version_id, current) {
                entries.push((name, Ok(Got { version, text })));
            }
        }
        for refused in batch.errors.unwrap_or_default() {
            if let (Some(name), Some(code)) = (refused.secret_id, refused.error_code) {
                let error = of_code(&code, 200, Doing { action: "GetSecretValue", about: &name }, None).error;
                entries.push((name, Err(error)));
            }
        }
        Ok(entries)
    }

    /// Creates a secret and answers its version. `Exists` where there is one, `WrongState` where one is marked for deletion.
    pub(crate) async fn create(&self, name: &str, text: &str) -> Result<String, Failure> {
        let session = self.session().await?;
        // The SDK sends a token of its own with each write: it is the new version's id.
        let answer = session.client.create_secret().name(name).secret_string(text).send().await;
        let created = self.settle(&session, answer, "CreateSecret", name).await?;
        created.version_id.ok_or_else(|| incomplete("CreateSecret", name))
    }

    /// Adds a version that nobody reads yet, unless it is the secret's first. Answers it, and whether it is current.
    pub(crate) async fn put(&self, name: &str, text: &str) -> Result<(String, bool), Failure> {
        let session = self.session().await?;
        let request =
            session.client.put_secret_value().secret_id(name).secret_string(text).version_stages(PENDING);
        let put = self.settle(&session, request.send().await, "PutSecretValue", name).await?;
        let current = put.version_stages().iter().any(|stage| stage == CURRENT);
        Ok((put.version_id.ok_or_else(|| incomplete("PutSecretValue", name))?, current))
    }

    /// Makes `to` current if `from` is: the compare-and-swap. `Parameter` where it is not.
    pub(crate) async fn make_current(&self, name: &str, from: &str, to: &str) -> Result<(), Failure> {
        self.move_stage(name, CURRENT, from, Some(to)).await
    }

    /// Takes the stage off a version that lost, so that Secrets Manager may forget its text.
    pub(crate) async fn discard(&self, name: &str, version: &str) -> Result<(), Failure> {
        self.move_stage(name, PENDING, version, None).await
    }

    async fn move_stage(&self, name: &str, stage: &str, from: &str, to: Option<&str>) -> Result<(), Failure> {
        let session = self.session().await?;
        let request = session
            .client
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage(stage)
            .remove_from_version_id(from)
            .set_move_to_version_id(to.map(str::to_owned));
        self.settle(&session, request.send().await, "UpdateSecretVersionStage", name).await.map(drop)
    }

    /// Marks a secret for deletion. `WrongState` where it is.
    pub(crate) async fn delete(&self, name: &str, recovery_window_days: u8) -> Result<(), Failure> {
        let session = self.session().await?;
        let request = session
            .client
            .delete_secret()
            .secret_id(name)
            .recovery_window_in_days(recovery_window_days.into());
        self.settle(&session, request.send().await, "DeleteSecret", name).await.map(drop)
    }

    /// Takes the mark for deletion away.
    pub(crate) async fn restore(&self, name: &str) -> Result<(), Failure> {
        let session = self.session().await?;
        let answer = session.client.restore_secret().secret_id(name).send().await;
        self.settle(&session, answer, "RestoreSecret", name).await.map(drop)
    }

    /// The current version, of a secret that is marked for deletion too.
    pub(crate) async fn current_version(&self, name: &str) -> Result<Option<String>, Failure> {
        let session = self.session().await?;
        let answer = session.client.describe_secret().secret_id(name).send().await;
        let described = self.settle(&session, answer, "DescribeSecret", name).await?;
        let mut versions = described.version_ids_to_stages.unwrap_or_default().into_iter();
        let is_current = |stages: &[String]| stages.iter().any(|stage| stage == CURRENT);
        Ok(versions.find(|(_, stages)| is_current(stages)).map(|(version, _)| version))
    }

    /// A page of names that begin with `prefix`.
    pub(crate) async fn list(
        &self,
        prefix: Option<&str>,
        after: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), Failure> {
        let session = self.session().await?;
        let mut request =
            session.client.list_secrets().max_results(PAGE_NAMES).set_next_token(after.map(str::to_owned));
        if let Some(prefix) = prefix {
            request =
                request.filters(Filter::builder().key(FilterNameStringType::Name).values(prefix).build());
        }
        let page = self
            .settle(&session, request.send().await, "ListSecrets", prefix.unwrap_or("all secrets"))
            .await?;
        let names =
            page.secret_list.unwrap_or_default().into_iter().filter_map(|secret| secret.name).collect();
        Ok((names, page.next_token.filter(|token| !token.is_empty())))
    }

    async fn session(&self) -> Result<Arc<Session>, Failure> {
        self.login.session().await.map_err(|error| Failure { reason: Reason::Other, error })
    }

    /// Turns the SDK's errors into ours, and drops a login that did not work.
    async fn settle<T, E>(
        &self,
        session: &Arc<Session>,
        answer: Result<T, SdkError<E>>,
        action: &'static str,
        about: &str,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        // The SDK's error may hold the whole answer: it is gone before anything is awaited.
        let failed = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => failure(&error, Doing { action, about }),
        };
        if matches!(failed.error.kind(), ErrorKind::Unauthenticated | ErrorKind::Misconfigured) {
            self.login.forget(session).await;
        }
        Err(failed)
    }
}

fn incomplete(action: &str, name: &str) -> Failure {
    let message = format!("the answer to {action} for {name} names no version; check `endpoint`");
    Failure { reason: Reason::Other, error: VaultError::vault(ErrorKind::Malformed, message) }
}
