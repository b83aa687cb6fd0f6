//! Where credentials come from, and where they are loaded: on the vault's threads and with its look-ups of names.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{imds, profile};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use cofferdam_vault::{ErrorKind, Threads, VaultError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::dns::Resolver;

/// The name of a container's credentials in a profile's `credential_source`.
const CONTAINER: &str = "EcsContainer";

/// The credentials of a profile, apart from its name and its files.
pub(crate) fn profile(config: &ProviderConfig, names: &Resolver) -> profile::credentials::Builder {
    ProfileFileCredentialsProvider::builder()
        .configure(config)
        .with_custom_provider(CONTAINER, container(config, names))
}

/// The standard chain: environment, profile, web identity, container, instance.
///
/// The SDK's own [`DefaultCredentialsChain`](aws_config::default_provider::credentials::DefaultCredentialsChain) is the same,
/// but resolves the host name of a container's credentials on threads that all vaults share.
pub(crate) fn standard_chain(
    config: &ProviderConfig,
    names: &Resolver,
    instance: imds::Client,
) -> CredentialsProviderChain {
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
    let instance = ImdsCredentialsProvider::builder().configure(config).imds_client(instance).build();
    CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new())
        .or_else("Profile", profile(config, names).build())
        .or_else("WebIdentityToken", web_identity)
        .or_else(CONTAINER, container(config, names))
        .or_else("Ec2InstanceMetadata", instance)
}

fn container(config: &ProviderConfig, names: &Resolver) -> EcsCredentialsProvider {
    EcsCredentialsProvider::builder().configure(config).dns(names.clone()).build()
}

/// Credentials that are loaded on a thread of the vault. The SDK reads files on whatever thread polls it, and one on a
/// network file system that hangs would stop a thread of the runtime.
#[derive(Debug)]
pub(crate) struct LoadedOnThread {
    provider: SharedCredentialsProvider,
    threads: Threads,
}

impl LoadedOnThread {
    pub(crate) fn new(provider: SharedCredentialsProvider, threads: Threads) -> Self {
        Self { provider, threads }
    }
}

impl ProvideCredentials for LoadedOnThread {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let provider = self.provider.clone();
            on_thread(&self.threads, async move { provider.provide_credentials().await })
                .await
                .map_err(CredentialsError::provider_error)?
        })
    }
}

/// Runs `work` on a thread of the vault. Dropping the future ends it as soon as it waits for something else than a file.
///
/// # Errors
///
/// See [`Threads::run`].
pub(crate) async fn on_thread<T: Send + 'static>(
    threads: &Threads,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, VaultError> {
    let runtime = Handle::current();
    let (_waiting, given_up) = oneshot::channel::<()>();
    let work = async move {
        tokio::select! {
            done = work => Ok(done),
            _ = given_up => Err(VaultError::vault(ErrorKind::Timeout, "the AWS files were not read in time")),
        }
    };
    threads.run(move || runtime.block_on(work)).await
}
