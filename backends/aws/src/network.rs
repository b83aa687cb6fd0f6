//! The network of one vault: its HTTP client, whose responses are bounded, and its look-ups of names.

use aws_sdk_secretsmanager::config::SharedHttpClient;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use cofferdam_vault::HostResolver;
use http_body_util::Limited;

use crate::dns::Resolver;

/// The maximum size of a response. The largest one holds 20 secrets of 64 KiB whose every character is escaped.
pub(crate) const MAX_RESPONSE_BYTES: usize = 8 * 1024 * 1024;

/// How one vault reaches AWS. It shares no connections and no look-ups of names with other vaults.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) http: SharedHttpClient,
    pub(crate) names: Resolver,
}

impl Network {
    /// Unlike the SDK's default client, this one follows no redirects, ignores the proxies of the environment, and reads at
    /// most [`MAX_RESPONSE_BYTES`] of a response, whoever sends it: the SDK has no limit.
    pub(crate) fn new(names: HostResolver) -> Self {
        let names = Resolver(names);
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        let http = Builder::new().tls_provider(provider).build_with_resolver(names.clone());
        Self { http: SharedHttpClient::new(Bounded(http)), names }
    }
}

/// A client or a connector whose responses are bounded. Their bodies fail beyond the limit.
#[derive(Debug)]
struct Bounded<T>(T);

impl HttpClient for Bounded<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Bounded(self.0.http_connector(settings, components)))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

impl HttpConnector for Bounded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let limited = |body| SdkBody::from_body_1_x(Limited::new(body, MAX_RESPONSE_BYTES));
            Ok(response.await?.map(limited))
        })
    }
}
