//! Where credentials come from, and when they are asked for anew.

use std::path::PathBuf;
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
use cofferdam_vault::{ErrorKind, Threads, VaultError};
use tokio::sync::Mutex;

/// How long a connection may take to come about. Everything beyond is the compartment's to time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The same for the instance's own metadata, which is next door or nowhere.
const INSTANCE_CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// How long credentials may take to come. Longer than any attempt: the compartment's clock decides.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The profile that is meant where a file is named and no profile.
const DEFAULT_PROFILE: &str = "default";

/// What a login works with: the settings with paths seen from the profile's folder.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) credentials_file: Option<PathBuf>,
    pub(crate) role: Option<Role>,
    pub(crate) endpoint: Option<String>,
}

/// A role to take on.
#[derive(Clone)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: String,
    pub(crate) endpoint: Option<String>,
}

/// An HTTP client of this vault's own: connections are shared with no other, no redirect is followed, and no proxy of the
/// environment is used, as the SDK's default client would.
pub(crate) fn http_client() -> SharedHttpClient {
    let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
    Builder::new().tls_provider(provider).build_https()
}

/// One login, and what is asked with it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
}

/// Logs in at the first request, and again after [`Login::forget`].
pub(crate) struct Login {
    settings: Settings,
    http: SharedHttpClient,
    threads: Threads,
    session: Mutex<Option<Arc<Session>>>,
}

impl Login {
    pub(crate) fn new(settings: Settings, http: SharedHttpClient, threads: Threads) -> Self {
        Self { settings, http, threads, session: Mutex::default() }
    }

    /// The session of now, or a new one.
    ///
    /// # Errors
    ///
    /// `Misconfigured` (vault) where no region is known.
    pub(crate) async fn session(&self) -> Result<Arc<Session>, VaultError> {
        let mut session = self.session.lock().await;
        if let Some(session) = &*session {
            return Ok(Arc::clone(session));
        }
        let new = Arc::new(self.begin().await?);
        *session = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Drops `session`, so that the next request reads the files and asks for credentials anew. One that somebody
    /// has replaced already stays.
    pub(crate) async fn forget(&self, session: &Arc<Session>) {
        let mut current = self.session.lock().await;
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            *current = None;
        }
    }

    async fn begin(&self) -> Result<Session, VaultError> {
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
        // Reads the system's certificates.
        self.threads.run(move || Ok(Session { client: Client::from_conf(builder.build()) })).await
    }

    async fn region(&self) -> Result<Region, VaultError> {
        if let Some(region) = &self.settings.region {
            return Ok(Region::new(region.clone()));
        }
        let mut of_profile = ProfileFileRegionProvider::builder().configure(&self.provider_config(None));
        if let Some(files) = self.profile_files() {
            of_profile = of_profile.profile_name(self.profile()).profile_files(files);
        }
        of_profile.build().region().await.ok_or_else(|| {
            VaultError::vault(
                ErrorKind::Misconfigured,
                "no region is named, and the AWS profile has none; set `region`, for example \"eu-central-1\"",
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
            Some(role) => self.assumed(role, region, base).await,
            None => base,
        }
    }

    async fn assumed(
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

    /// The files that credentials come from alone; `None` for the standard chain.
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

/// None but for connecting: the compartment times an attempt as a whole.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .disable_read_timeout()
        .disable_operation_timeout()
        .disable_operation_attempt_timeout()
        .build()
}
