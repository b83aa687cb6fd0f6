//! One function per operation of the API: each sends one request.

use std::sync::Arc;

use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use cofferdam_vault::{ErrorKind, VaultError};
use zeroize::Zeroizing;

use crate::error::{Failure, Operation, Reason, from_code, from_sdk};
use crate::session::{Session, SessionCache};

/// The stage of the current version.
pub(crate) const CURRENT: &str = "AWSCURRENT";
/// The stage of the previous version.
pub(crate) const PREVIOUS: &str = "AWSPREVIOUS";
/// The stage of a version that is written and not current yet. Not `AWSPENDING`, which belongs to rotation functions. A
/// stage is on one version, so the next writer takes it from an interrupted one, whose version is then deleted.
const PENDING: &str = "COFFERDAM_PENDING";

/// Maximum number of names in a page of a listing, which is the API's limit.
const PAGE_NAMES: i32 = 100;

/// One version of a secret.
pub(crate) struct SecretValue {
    pub(crate) version: String,
    /// `None` if it is binary.
    pub(crate) text: Option<Zeroizing<String>>,
}

/// An entry of a batch: the secret's name and the result. A secret without an entry is read alone.
pub(crate) type BatchEntry = (String, Result<SecretValue, VaultError>);

/// A client of Secrets Manager that keeps its session.
pub(crate) struct Store {
    sessions: SessionCache,
}

impl Store {
    pub(crate) fn new(sessions: SessionCache) -> Self {
        Self { sessions }
    }

    /// Reads the version at `stage`.
    pub(crate) async fn get(&self, name: &str, stage: &str) -> Result<SecretValue, Failure> {
        let session = self.session().await?;
        let response = session.client.get_secret_value().secret_id(name).version_stage(stage).send().await;
        let found = self.finish(&session, response, "GetSecretValue", name).await?;
        let text = found.secret_string.map(Zeroizing::new);
        let version = found.version_id.ok_or_else(|| incomplete("GetSecretValue", name))?;
        Ok(SecretValue { version, text })
    }

    /// Reads the current versions of at most 20 secrets.
    pub(crate) async fn batch(&self, names: &[String]) -> Result<Vec<BatchEntry>, Failure> {
        const ACTION: &str = "BatchGetSecretValue";
        let session = self.session().await?;
        let response =
            session.client.batch_get_secret_value().set_secret_id_list(Some(names.to_vec())).send().await;
        let batch = self.finish(&session, response, ACTION, "the secrets").await?;
        let mut entries = Vec::with_capacity(names.len());
        for found in batch.secret_values.unwrap_or_default() {
            let text = found.secret_string.map(Zeroizing::new);
            let current = found.version_stages.unwrap_or_default().iter().any(|stage| stage == CURRENT);
            if let (Some(name), Some(version), true) = (found.name, found.version_id, current) {
                entries.push((name, Ok(SecretValue { version, text })));
            }
        }
        for refused in batch.errors.unwrap_or_default() {
            if let (Some(name), Some(code)) = (refused.secret_id, refused.error_code) {
                let operation = Operation { action: "GetSecretValue", subject: &name };
                let error = from_code(&code, 200, operation, None).error;
                entries.push((name, Err(error)));
            }
        }
        Ok(entries)
    }

    /// Creates a secret and returns its version. Fails with `Exists`, and with `WrongState` if it is marked for deletion.
    pub(crate) async fn create(&self, name: &str, text: &str) -> Result<String, Failure> {
        let session = self.session().await?;
        // The SDK adds an idempotency token to each write, which becomes the new version's ID.
        let response = session.client.create_secret().name(name).secret_string(text).send().await;
        let created = self.finish(&session, response, "CreateSecret", name).await?;
        created.version_id.ok_or_else(|| incomplete("CreateSecret", name))
    }

    /// Adds a version, and returns it and whether it is current. Only the first version of a secret is current at once.
    pub(crate) async fn put(&self, name: &str, text: &str) -> Result<(String, bool), Failure> {
        let session = self.session().await?;
        let request =
            session.client.put_secret_value().secret_id(name).secret_string(text).version_stages(PENDING);
        let put = self.finish(&session, request.send().await, "PutSecretValue", name).await?;
        let current = put.version_stages().iter().any(|stage| stage == CURRENT);
        Ok((put.version_id.ok_or_else(|| incomplete("PutSecretValue", name))?, current))
    }

    /// Makes `to` current if `from` is: the compare-and-swap. Fails with `Parameter` if it is not.
    pub(crate) async fn make_current(&self, name: &str, from: &str, to: &str) -> Result<(), Failure> {
        self.move_stage(name, CURRENT, from, Some(to)).await
    }

    /// Removes the stage from a version that lost, so that Secrets Manager deletes it.
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
        self.finish(&session, request.send().await, "UpdateSecretVersionStage", name).await.map(drop)
    }

    /// Marks a secret for deletion. Fails with `WrongState` if it is marked already.
    pub(crate) async fn delete(&self, name: &str, recovery_window_days: u8) -> Result<(), Failure> {
        let session = self.session().await?;
        let request = session
            .client
            .delete_secret()
            .secret_id(name)
            .recovery_window_in_days(recovery_window_days.into());
        self.finish(&session, request.send().await, "DeleteSecret", name).await.map(drop)
    }

    /// Removes the mark for deletion.
    pub(crate) async fn restore(&self, name: &str) -> Result<(), Failure> {
        let session = self.session().await?;
        let response = session.client.restore_secret().secret_id(name).send().await;
        self.finish(&session, response, "RestoreSecret", name).await.map(drop)
    }

    /// The current version, even if the secret is marked for deletion.
    pub(crate) async fn current_version(&self, name: &str) -> Result<Option<String>, Failure> {
        let session = self.session().await?;
        let response = session.client.describe_secret().secret_id(name).send().await;
        let described = self.finish(&session, response, "DescribeSecret", name).await?;
        let mut versions = described.version_ids_to_stages.unwrap_or_default().into_iter();
        let is_current = |stages: &[String]| stages.iter().any(|stage| stage == CURRENT);
        Ok(versions.find(|(_, stages)| is_current(stages)).map(|(version, _)| version))
    }

    /// A page of names that start with `prefix`, and the token of the next page.
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
            .finish(&session, request.send().await, "ListSecrets", prefix.unwrap_or("all secrets"))
            .await?;
        let names =
            page.secret_list.unwrap_or_default().into_iter().filter_map(|secret| secret.name).collect();
        Ok((names, page.next_token.filter(|token| !token.is_empty())))
    }

    async fn session(&self) -> Result<Arc<Session>, Failure> {
        self.sessions.get().await.map_err(|error| Failure { reason: Reason::Other, error })
    }

    /// Converts the SDK's error, and drops a session that is not accepted.
    async fn finish<T, E>(
        &self,
        session: &Arc<Session>,
        response: Result<T, SdkError<E>>,
        action: &'static str,
        subject: &str,
    ) -> Result<T, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        // The SDK's error may contain the whole response, so it is dropped before the next await.
        let failed = match response {
            Ok(output) => return Ok(output),
            Err(error) => from_sdk(&error, Operation { action, subject }),
        };
        if matches!(failed.error.kind(), ErrorKind::Unauthenticated | ErrorKind::Misconfigured) {
            self.sessions.invalidate(session).await;
        }
        Err(failed)
    }
}

fn incomplete(action: &str, name: &str) -> Failure {
    let message = format!("the response to {action} for {name} has no version; check `endpoint`");
    Failure { reason: Reason::Other, error: VaultError::vault(ErrorKind::Malformed, message) }
}
