//! Sessions: where credentials come from, and when they are loaded again.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::imds;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{
    BehaviorVersion, IdentityCache, Region, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::default_async_sleep;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use cofferdam_vault::{ErrorKind, Threads, VaultError};
use tokio::sync::Mutex;

use crate::credentials::{self, LoadedOnThread, on_thread};
use crate::network::Network;
use crate::settings::{Role, Settings};

/// Timeout of a connection attempt. The compartment limits everything else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of a connection to the instance metadata service, which is on the same host or absent.
const INSTANCE_CONNECT_TIMEOUT: Duration = Duration::from_millis(300);
/// Timeout of loading credentials. Longer than any attempt, so that the compartment's timeout decides.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The profile to use if the settings name a file and no profile.
const DEFAULT_PROFILE: &str = "default";

/// A client with credentials.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
}

/// Creates a session for the first request, and again after [`SessionCache::invalidate`].
pub(crate) struct SessionCache {
    settings: Settings,
    network: Network,
    threads: Threads,
    session: Mutex<Option<Arc<Session>>>,
}

impl SessionCache {
    pub(crate) fn new(settings: Settings, network: Network, threads: Threads) -> Self {
        Self { settings, network, threads, session: Mutex::default() }
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
        let credentials = LoadedOnThread::new(self.credentials(&region).await, self.threads.clone());
        let mut builder = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::lazy().load_timeout(LOAD_TIMEOUT).build())
            .http_client(self.network.http.clone())
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
        let provider = provider.build();
        let region = on_thread(&self.threads, async move { provider.region().await }).await?;
        region.ok_or_else(|| {
            VaultError::vault(
                ErrorKind::Misconfigured,
                "no region is configured, and the AWS profile has none; set `region`, for example \"eu-central-1\"",
            )
        })
    }

    async fn credentials(&self, region: &Region) -> SharedCredentialsProvider {
        let config = self.provider_config(Some(region.clone()));
        let names = &self.network.names;
        let base = match self.profile_files() {
            Some(files) => {
                let profile = credentials::profile(&config, names).profile_name(self.profile());
                SharedCredentialsProvider::new(profile.profile_files(files).build())
            }
            None => {
                let instance = imds::Client::builder()
                    .configure(&config)
                    .connect_timeout(INSTANCE_CONNECT_TIMEOUT)
                    .max_attempts(1)
                    .build();
                SharedCredentialsProvider::new(credentials::standard_chain(&config, names, instance))
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
            .http_client(self.network.http.clone())
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
            .with_http_client(self.network.http.clone())
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
    use std::path::Path;
    use std::process::Command;
    use std::sync::mpsc;

    use aws_credential_types::provider::ProvideCredentials as _;
    use cofferdam_vault::{HostResolver, NamesOf};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::error::{Operation, from_sdk};
    use crate::network::MAX_RESPONSE_BYTES;

    /// A network in which `host` is the address of `listener`, and nothing else exists.
    fn network(host: &'static str, listener: &TcpListener) -> Network {
        let address = listener.local_addr().unwrap();
        Network::new(HostResolver::with_lookup(NamesOf::Vault("cloud".to_owned()), 1, move |asked| {
            assert_eq!(asked, host);
            Ok(vec![address])
        }))
    }

    fn sessions(folder: &Path, listener: &TcpListener) -> SessionCache {
        let port = listener.local_addr().unwrap().port();
        let settings = Settings::for_tests(folder, Some(format!("http://secrets.example:{port}")));
        SessionCache::new(settings, network("secrets.example", listener), Threads::new("cloud", 1))
    }

    /// Reads the head of a request, and returns the connection.
    async fn accept(listener: &TcpListener) -> TcpStream {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            assert_ne!(connection.read_buf(&mut head).await.unwrap(), 0);
        }
        connection
    }

    #[tokio::test]
    async fn the_service_is_reached_through_the_look_ups_of_the_vault() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let session = sessions(folder.path(), &listener).get().await.unwrap();
        let request = session.client.get_secret_value().secret_id("github/work").send();
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            ended = request => panic!("{ended:?}"),
        }
    }

    #[tokio::test]
    async fn an_endless_response_is_not_read_to_its_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let session = sessions(folder.path(), &listener).get().await.unwrap();
        let request = session.client.get_secret_value().secret_id("github/work").send();
        let respond = async {
            let mut connection = accept(&listener).await;
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"SecretString\":\"").await.unwrap();
            let (piece, mut sent) = (vec![b'x'; 64 * 1024], 0);
            while connection.write_all(&piece).await.is_ok() {
                sent += piece.len();
                assert!(sent < 8 * MAX_RESPONSE_BYTES, "the client reads on");
            }
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            ended = request => ended.unwrap_err(),
            () = respond => unreachable!(),
        };
        let operation = Operation { action: "GetSecretValue", subject: "github/work" };
        let error = from_sdk(&error, operation).error;
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains("more than 8 MiB"), "{error}");
    }

    /// The credentials file is a pipe, which blocks its reader until somebody writes to it.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_hangs_does_not_stop_the_runtime() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let sessions = sessions(folder.path(), &listener);
        let session = sessions.get().await.unwrap();
        let file = sessions.settings.credentials_file.clone().unwrap();
        let content = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());

        let (progress, seen) = mpsc::channel();
        let writer = std::thread::spawn(move || {
            let runs = seen.recv_timeout(Duration::from_secs(10)).is_ok();
            std::fs::write(&file, content).unwrap();
            runs
        });
        let request = tokio::spawn(session.client.get_secret_value().secret_id("github/work").send());
        // This runs only if the request, which was started first, blocks another thread.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        progress.send(()).unwrap();
        tokio::select! {
            accepted = listener.accept() => drop(accepted.unwrap()),
            ended = request => panic!("{ended:?}"),
        }
        assert!(writer.join().unwrap(), "the runtime stood still while the file was read");
    }

    /// Environment variables name the service, so this needs a process of its own.
    #[tokio::test]
    async fn a_container_credential_service_is_reached_through_the_look_ups_of_the_vault() {
        const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        let Ok(uri) = std::env::var(URI) else {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let name =
                "session::tests::a_container_credential_service_is_reached_through_the_look_ups_of_the_vault";
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(URI, format!("http://credentials.example:{port}/keys"))
                .env("AWS_CONFIG_FILE", "/nonexistent")
                .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            return;
        };
        let port = uri.rsplit(':').next().unwrap().split('/').next().unwrap();
        let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { credentials_file: None, ..Settings::for_tests(folder.path(), None) };
        let sessions =
            SessionCache::new(settings, network("credentials.example", &listener), Threads::new("cloud", 1));
        let credentials = sessions.credentials(&Region::from_static("eu-central-1")).await;
        let respond = async {
            let mut connection = accept(&listener).await;
            let body = r#"{"AccessKeyId":"A","SecretAccessKey":"B","Token":"C","Expiration":"2999-01-01T00:00:00Z"}"#;
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            connection.write_all(response.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        };
        let found = tokio::select! {
            found = credentials.provide_credentials() => found.unwrap(),
            () = respond => unreachable!(),
        };
        assert_eq!(found.access_key_id(), "A");
    }
}
