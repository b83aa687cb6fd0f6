//! Sessions: where credentials come from, and when they are loaded again.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{
    BehaviorVersion, IdentityCache, Region, SharedCredentialsProvider, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::{Builder, tls};
use cofferdam_vault::{ErrorKind, HostResolver, Threads, VaultError};
use tokio::sync::Mutex;

use crate::dns::Resolver;
use crate::settings::{Role, Settings};

/// Timeout of a connection attempt. The compartment limits everything else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of a connection to the instance metadata service, which is on the same host or absent.
const INSTANCE_CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// Timeout of loading credentials. Longer than any attempt, so that the compartment's timeout decides.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The profile to use if the settings name a file and no profile.
const DEFAULT_PROFILE: &str = "default";

/// An HTTP client for one vault. Unlike the SDK's default client, it shares no connections and no look-ups of names with
/// other vaults, follows no redirects, and ignores the proxies of the environment.
pub(crate) fn http_client(names: HostResolver) -> SharedHttpClient {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Builder::new().tls_provider(provider).build_with_resolver(Resolver(names))
}

/// A client with credentials.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
}

/// Creates a session for the first request, and again after [`SessionCache::invalidate`].
pub(crate) struct SessionCache {
    settings: Settings,
    http: SharedHttpClient,
    threads: Threads,
    session: Mutex<Option<Arc<Session>>>,
}

impl SessionCache {
    pub(crate) fn new(settings: Settings, http: SharedHttpClient, threads: Threads) -> Self {
        Self { settings, http, threads, session: Mutex::default() }
    }

    /// The current session, or a new one.
    ///
    /// # Errors
    ///
    /// `Misconfigured` (vault) if no region is known.
    pub(crate) async fn get(&self) -> Result<Arc<Session>, VaultError> {
        let mut session = self.session.lock().await;
        if let Some(session) = &*session {
            return Ok(Arc::clone(session));
        }
        let new = Arc::new(self.create().await?);
        *session = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Drops `session`, so that the next request reads the files and loads credentials again. Does nothing if another call
    /// has replaced it already.
    pub(crate) async fn invalidate(&self, session: &Arc<Session>) {
        let mut current = self.session.lock().await;
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            *current = None;
        }
    }

    async fn create(&self) -> Result<Session, VaultError> {
        let region = self.region().await?;
        let credentials = self.credentials(&region).await;
        let mut builder = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).build())
            .http_client(self.http.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        builder.set_endpoint_url(self.settings.endpoint.clone());
        // Reads the system's certificates, which blocks.
        self.threads.run(move || Ok(Session { client: Client::from_conf(builder.build()) })).await
    }

    async fn region(&self) -> Result<Region, VaultError> {
        if let Some(region) = &self.settings.region {
            return Ok(Region::new(region.clone()));
        }
        let mut provider = ProfileFileRegionProvider::builder().configure(&self.provider_config(None));
        if let Some(files) = self.profile_files() {
            provider = provider.profile_name(self.profile()).profile_files(files);
        }
        provider.build().region().await.ok_or_else(|| {
            VaultError::vault(
                ErrorKind::Misconfigured,
                "no region is configured, and the AWS profile has none; set `region`, for example \"eu-central-1\"",
            )
        })
    }

    async fn credentials(&self, region: &Region) -> SharedCredentialsProvider {
        let config = self.provider_config(Some(region.clone()));
        let base = match self.profile_files() {
            Some(files) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(self.profile())
                    .profile_files(files)
                    .build(),
            ),
            None => {
                let instance = imds::Client::builder()
                    .configure(&config)
                    .connect_timeout(INSTANCE_CONNECT_TIMEOUT)
                    .max_attempts(1)
                    .build();
                let chain = DefaultCredentialsChain::builder().configure(config).region(region.clone());
                SharedCredentialsProvider::new(chain.imds_client(instance).build().await)
            }
        };
        match &self.settings.role {
            Some(role) => self.assume(role, region, base).await,
            None => base,
        }
    }

    async fn assume(
        &self,
        role: &Role,
        region: &Region,
        base: SharedCredentialsProvider,
    ) -> SharedCredentialsProvider {
        let mut config = SdkConfig::builder()
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .http_client(self.http.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_sleep_impl(default_async_sleep()).set_endpoint_url(role.endpoint.clone());
        let mut provider = AssumeRoleProvider::builder(&role.arn)
            .session_name(&role.session_name)
            .configure(&config.build());
        if let Some(external_id) = &role.external_id {
            provider = provider.external_id(external_id);
        }
        SharedCredentialsProvider::new(provider.build_from_provider(base).await)
    }

    fn provider_config(&self, region: Option<Region>) -> ProviderConfig {
        ProviderConfig::without_region()
            .with_region(region)
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_http_client(self.http.clone())
            .with_retry_config(RetryConfig::disabled())
            .with_timeout_config(timeouts())
    }

    fn profile(&self) -> &str {
        self.settings.profile.as_deref().unwrap_or(DEFAULT_PROFILE)
    }

    /// The only files that credentials are read from; `None` for the standard chain.
    fn profile_files(&self) -> Option<EnvConfigFiles> {
        let Settings { profile, config_file, credentials_file, .. } = &self.settings;
        if config_file.is_none() && credentials_file.is_none() {
            return profile.is_some().then(EnvConfigFiles::default);
        }
        let mut files = EnvConfigFiles::builder();
        for (kind, path) in
            [(EnvConfigFileKind::Config, config_file), (EnvConfigFileKind::Credentials, credentials_file)]
        {
            if let Some(path) = path {
                files = files.with_file(kind, path);
            }
        }
        Some(files.build())
    }
}

/// Only a connect timeout, because the compartment limits the attempt as a whole.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .disable_read_timeout()
        .disable_operation_timeout()
        .disable_operation_attempt_timeout()
        .build()
}

#[cfg(test)]
mod tests {
    use cofferdam_vault::NamesOf;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_service_is_reached_through_the_look_ups_of_the_vault() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let names = HostResolver::with_lookup(NamesOf::Vault("cloud".to_owned()), 1, move |host| {
            assert_eq!(host, "secrets.example");
            Ok(vec![address])
        });
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
            endpoint: Some(format!("http://secrets.example:{}", address.port())),
        };
        let sessions = SessionCache::new(settings, http_client(names), Threads::new("cloud", 1));
        let session = sessions.get().await.unwrap();
        let request = session.client.get_secret_value().secret_id("github/work").send();
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            ended = request => panic!("{ended:?}"),
        }
    }
}
