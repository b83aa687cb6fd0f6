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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use cofferdam_vault::testkit::{field, path};
    use cofferdam_vault::{Threads, Vault as _};
    use tokio::time::Instant;

    use super::*;
    use crate::backend::AwsVault;
    use crate::login::Settings;

    /// A server in this process, which answers at once and knows when it was asked: sockets and a paused clock do not
    /// go together.
    #[derive(Debug, Clone, Default)]
    struct Server {
        asked: Arc<Mutex<Vec<Instant>>>,
        refuses_batches: bool,
    }

    impl HttpConnector for Server {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.asked.lock().unwrap().push(Instant::now());
            let asked: serde_json::Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            let value = |name: &serde_json::Value| {
                serde_json::json!({
                    "Name": name, "VersionId": "v", "VersionStages": [CURRENT], "SecretString": "text",
                })
            };
            let (status, answer) = match asked["SecretIdList"].as_array() {
                Some(_) if self.refuses_batches => {
                    (400, serde_json::json!({ "__type": "AccessDeniedException" }))
                }
                Some(names) => {
                    assert!(names.len() <= BATCH);
                    (200, serde_json::json!({ "SecretValues": names.iter().map(value).collect::<Vec<_>>() }))
                }
                None => (200, value(&asked["SecretId"])),
            };
            let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(answer.to_string()));
            HttpConnectorFuture::ready(Ok(answer))
        }
    }

    /// The moments at which reading `count` secrets asked the server.
    async fn moments(server: Server, count: usize) -> Vec<Instant> {
        let folder = tempfile::tempdir().unwrap();
        let credentials_file = folder.path().join("credentials");
        std::fs::write(&credentials_file, "[default]\naws_access_key_id = A\naws_secret_access_key = B\n")
            .unwrap();
        let settings = Settings {
            region: Some("eu-central-1".to_owned()),
            profile: None,
            config_file: None,
            credentials_file: Some(credentials_file),
            role: None,
            endpoint: None,
        };
        let connector = SharedHttpConnector::new(server.clone());
        let http: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        let vault = AwsVault::new(settings, None, 30, http, Threads::new("cloud", 1));
        let wanted: Vec<_> = (0..count)
            .map(|n| ReadRequest { path: path(&format!("module-{n}/work")), fields: vec![field("token")] })
            .collect();
        for answer in vault.read_many(&wanted).await {
            answer.unwrap();
        }
        let asked = server.asked.lock().unwrap();
        asked.clone()
    }

    fn most_in_a_second(moments: &[Instant]) -> usize {
        let in_the_second_from = |begin: &Instant| {
            moments.iter().filter(|at| *at >= begin && **at - *begin < Duration::from_secs(1)).count()
        };
        moments.iter().map(in_the_second_from).max().unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn a_cold_start_is_ten_calls_and_a_colder_one_twenty_a_second() {
        let moments_of_200 = moments(Server::default(), 200).await;
        assert_eq!(moments_of_200.len(), 10);
        let moments_of_1000 = moments(Server::default(), 1000).await;
        assert_eq!(moments_of_1000.len(), 50);
        let most = most_in_a_second(&moments_of_1000);
        assert!((15..=20).contains(&most), "{most} calls in one second");
    }

    #[tokio::test(start_paused = true)]
    async fn single_reads_in_place_of_batches_keep_the_pace_too() {
        let moments = moments(Server { refuses_batches: true, ..Server::default() }, 60).await;
        assert_eq!(moments.len(), 61, "one refused batch, and each secret alone");
        assert!(most_in_a_second(&moments) <= 20);
    }
}
