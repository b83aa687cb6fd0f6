//! Reads many secrets without a burst: 20 per request, at a limited rate.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use cofferdam_vault::{ErrorKind, ReadRequest, Scope, Secret, VaultError, Version};

use crate::content::Content;
use crate::error::{Failure, Reason};
use crate::names::Names;
use crate::rate_limiter::RateLimiter;
use crate::store::{CURRENT, SecretValue, Store};

/// Maximum number of secrets in a batch, which is the API's limit.
const MAX_BATCH: usize = 20;

/// Reads secrets in batches, or one by one if batches are denied.
#[derive(Debug, Default)]
pub(crate) struct BatchReader {
    rate_limiter: RateLimiter,
    /// Whether the permission for batches is missing. Detected once per process.
    denied: AtomicBool,
}

impl BatchReader {
    /// The current version of each of `requests`, in their order.
    pub(crate) async fn read(
        &self,
        store: &Store,
        names: &Names,
        requests: &[ReadRequest],
    ) -> Vec<Result<Secret, VaultError>> {
        let requests: Vec<(String, &ReadRequest)> =
            requests.iter().map(|request| (names.name(&request.path), request)).collect();
        let mut missing: Vec<String> = Vec::new();
        for (name, _) in &requests {
            if !missing.contains(name) {
                missing.push(name.clone());
            }
        }
        let mut results = HashMap::new();
        let outage = match self.batches(store, &mut missing, &mut results).await {
            Ok(()) => self.singles(store, missing, &mut results).await.err(),
            Err(outage) => Some(outage),
        };
        let result = |(name, request): (String, &ReadRequest)| match (results.get(&name), &outage) {
            (Some(Ok(value)), _) => secret(value, &name, request),
            (Some(Err(error)), _) | (None, Some(error)) => Err(error.clone()),
            // Unreachable: without an outage every name has a result.
            (None, None) => {
                Err(VaultError::vault(ErrorKind::Malformed, format!("the response does not contain {name}")))
            }
        };
        requests.into_iter().map(result).collect()
    }

    /// Reads batches, and moves the names they contain from `missing` to `results`. An error has scope vault.
    async fn batches(
        &self,
        store: &Store,
        missing: &mut Vec<String>,
        results: &mut Results,
    ) -> Result<(), VaultError> {
        let all = missing.clone();
        for names in all.chunks(MAX_BATCH) {
            if self.denied.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.rate_limiter.acquire().await;
            match store.batch(names).await {
                Ok(entries) => results.extend(entries),
                Err(Failure { reason: Reason::Denied, .. }) => {
                    self.denied.store(true, Ordering::Relaxed);
                    tracing::info!(
                        "secrets are read one by one, because secretsmanager:BatchGetSecretValue is not granted"
                    );
                }
                // Not an error of the vault: the single reads report it for each secret.
                Err(Failure { error, .. }) if error.scope() == Scope::Secret => {}
                Err(Failure { error, .. }) => return Err(error),
            }
            missing.retain(|name| !results.contains_key(name));
        }
        Ok(())
    }

    async fn singles(
        &self,
        store: &Store,
        missing: Vec<String>,
        results: &mut Results,
    ) -> Result<(), VaultError> {
        for name in missing {
            self.rate_limiter.acquire().await;
            let result = store.get(&name, CURRENT).await.map_err(VaultError::from);
            if let Err(error) = &result
                && error.scope() == Scope::Vault
            {
                return Err(error.clone());
            }
            results.insert(name, result);
        }
        Ok(())
    }
}

type Results = HashMap<String, Result<SecretValue, VaultError>>;

/// The fields of `request` in `value`, a version of the secret `name`.
fn secret(value: &SecretValue, name: &str, request: &ReadRequest) -> Result<Secret, VaultError> {
    let content = Content::parse(value.text.as_deref().map(String::as_str));
    let fields = content.select(name, &request.fields)?;
    Ok(Secret { fields, version: Version::new(value.version.clone()), valid_for: None, lease: None })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use cofferdam_vault::testkit::{field, path};
    use cofferdam_vault::{HostResolver, NamesOf, Threads, Vault as _};
    use tokio::time::Instant;

    use super::*;
    use crate::backend::AwsVault;
    use crate::dns::Resolver;
    use crate::network::Network;
    use crate::settings::Settings;

    /// A server in this process that responds at once and records when. A paused clock does not work with sockets.
    #[derive(Debug, Clone, Default)]
    struct Server {
        requests: Arc<Mutex<Vec<Instant>>>,
        /// Dropped with the first request.
        first: Arc<Mutex<Option<mpsc::Sender<()>>>>,
        denies_batches: bool,
    }

    impl HttpConnector for Server {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            self.requests.lock().unwrap().push(Instant::now());
            self.first.lock().unwrap().take();
            let body: serde_json::Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
            let value = |name: &serde_json::Value| {
                serde_json::json!({
                    "Name": name, "VersionId": "v", "VersionStages": [CURRENT], "SecretString": "text",
                })
            };
            let (status, response) = match body["SecretIdList"].as_array() {
                Some(_) if self.denies_batches => {
                    (400, serde_json::json!({ "__type": "AccessDeniedException" }))
                }
                Some(names) => {
                    assert!(names.len() <= MAX_BATCH);
                    (200, serde_json::json!({ "SecretValues": names.iter().map(value).collect::<Vec<_>>() }))
                }
                None => (200, value(&body["SecretId"])),
            };
            let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(response.to_string()));
            HttpConnectorFuture::ready(Ok(response))
        }
    }

    /// When the requests were sent that read `count` secrets.
    #[allow(clippy::disallowed_methods)] // only work on the runtime's pool holds a paused clock
    async fn request_times(server: Server, count: usize) -> Vec<Instant> {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::for_tests(folder.path(), None);
        let connector = SharedHttpConnector::new(server.clone());
        let http: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        let names = Resolver(HostResolver::new(NamesOf::Vault("cloud".to_owned()), 1));
        let vault = AwsVault::new(settings, None, 30, Network { http, names }, Threads::new("cloud", 1));
        // The clock stands still while the credentials are loaded on a thread, until the first request is sent.
        let (first, sent) = mpsc::channel::<()>();
        *server.first.lock().unwrap() = Some(first);
        tokio::task::spawn_blocking(move || sent.recv());
        let requests: Vec<_> = (0..count)
            .map(|n| ReadRequest { path: path(&format!("module-{n}/work")), fields: vec![field("token")] })
            .collect();
        for result in vault.read_many(&requests).await {
            result.unwrap();
        }
        let times = server.requests.lock().unwrap();
        times.clone()
    }

    fn max_per_second(times: &[Instant]) -> usize {
        let in_the_second_from = |start: &Instant| {
            times.iter().filter(|at| *at >= start && **at - *start < Duration::from_secs(1)).count()
        };
        times.iter().map(in_the_second_from).max().unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn a_cold_start_of_200_secrets_takes_10_calls_and_one_of_1000_at_most_20_per_second() {
        let of_200 = request_times(Server::default(), 200).await;
        assert_eq!(of_200.len(), 10);
        let of_1000 = request_times(Server::default(), 1000).await;
        assert_eq!(of_1000.len(), 50);
        let max = max_per_second(&of_1000);
        assert!((15..=20).contains(&max), "{max} calls in one second");
    }

    #[tokio::test(start_paused = true)]
    async fn single_reads_are_limited_to_the_same_rate() {
        let times = request_times(Server { denies_batches: true, ..Server::default() }, 60).await;
        assert_eq!(times.len(), 61, "one denied batch, and one request per secret");
        assert!(max_per_second(&times) <= 20);
    }
}
