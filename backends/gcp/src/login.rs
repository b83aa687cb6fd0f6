//! Logs in: turns credentials into an access token.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cofferdam_vault::http::{
    AccessToken, Address, HeaderMap, HeaderValue, HttpClient, HttpSettings, JwtAlgorithm, Login, Method,
    Request, StatusCode, TlsFiles, from_status, headers, malformed, request_access_token, sign_jwt,
};
use cofferdam_vault::{
    BoxFuture, ErrorKind, ExposeSecret as _, JsonSecret, SecretString, Threads, VaultContext, VaultError,
};
use serde::Deserialize;
use serde_json::{Map, json};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::credentials::{AuthorizedUser, Credentials, ExternalAccount, ServiceAccount, Source};

/// What an access token may be used for: the permissions of its account decide the rest.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The audience of a token that is signed here: the service, whatever its endpoint.
const AUDIENCE: &str = "https://secretmanager.googleapis.com/";

/// The lifetime of a token that is signed here or asked for, which is the longest.
const LIFETIME: Duration = Duration::from_secs(3600);

/// How far a clock of Google may be behind this machine's.
const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// The login of one vault.
pub(crate) struct GoogleLogin {
    pub(crate) source: Source,
    /// The folder of relative paths in the credentials file.
    pub(crate) folder: PathBuf,
    pub(crate) threads: Threads,
    pub(crate) servers: Servers,
}

/// The servers that issue access tokens. Which one is asked depends on the credentials.
pub(crate) struct Servers {
    oauth: HttpClient,
    exchange: HttpClient,
    impersonation: HttpClient,
    metadata: HttpClient,
    are_googles: bool,
}

impl Servers {
    /// Google's own, or the one at `endpoint` in place of all of them.
    ///
    /// The metadata server is asked without a proxy: it is this machine's.
    ///
    /// # Errors
    ///
    /// If `endpoint` is not an address, which the checks of the settings report too.
    pub(crate) fn new(
        endpoint: Option<&str>,
        insecure_http: bool,
        proxies: bool,
        context: &VaultContext,
    ) -> Result<Self, VaultError> {
        let client = |default: &str, proxies: bool| -> Result<HttpClient, VaultError> {
            let (address, insecure_http) = match endpoint {
                Some(endpoint) => (endpoint, insecure_http),
                // The metadata server has no TLS.
                None => (default, true),
            };
            let address = Address::parse("login_endpoint", address, insecure_http)
                .map_err(|invalid| VaultError::vault(ErrorKind::Misconfigured, invalid.to_string()))?;
            let settings = HttpSettings { address, redirects: Vec::new(), tls: TlsFiles::default(), proxies };
            Ok(HttpClient::new(settings, context))
        };
        Ok(Self {
            oauth: client("https://oauth2.googleapis.com", proxies)?,
            exchange: client("https://sts.googleapis.com", proxies)?,
            impersonation: client("https://iamcredentials.googleapis.com", proxies)?,
            metadata: client("http://metadata.google.internal", false)?,
            are_googles: endpoint.is_none(),
        })
    }
}

/// What is left to do once the files are read.
enum Step {
    Metadata,
    Refresh(AuthorizedUser),
    Exchange(ExternalAccount, SecretString),
    Signed(SecretString),
}

impl Login for GoogleLogin {
    fn login(self: Arc<Self>) -> BoxFuture<'static, Result<AccessToken, VaultError>> {
        Box::pin(async move {
            let requested = Instant::now();
            match self.prepare().await? {
                Step::Metadata => self.ask_metadata().await,
                Step::Refresh(user) => self.refresh(&user).await,
                Step::Exchange(account, token) => self.exchange(&account, &token).await,
                Step::Signed(token) => AccessToken::new(&token, requested, LIFETIME - CLOCK_SKEW),
            }
        })
    }

    fn close(&self) {
        let Servers { oauth, exchange, impersonation, metadata, .. } = &self.servers;
        [oauth, exchange, impersonation, metadata].into_iter().for_each(HttpClient::close);
    }
}

impl GoogleLogin {
    async fn prepare(&self) -> Result<Step, VaultError> {
        let (source, folder) = (self.source.clone(), self.folder.clone());
        let step = move || {
            Ok(match source.read(&folder)? {
                Credentials::Metadata => Step::Metadata,
                Credentials::AuthorizedUser(user) => Step::Refresh(user),
                Credentials::ServiceAccount(key) => Step::Signed(sign(&key, SystemTime::now())?),
                Credentials::ExternalAccount(account) => {
                    let token = account.subject_token.read()?;
                    Step::Exchange(account, token)
                }
            })
        };
        self.threads.run(step).await
    }

    async fn ask_metadata(&self) -> Result<AccessToken, VaultError> {
        let mut headers = HeaderMap::new();
        headers.insert("metadata-flavor", HeaderValue::from_static("Google"));
        let request = Request::get("computeMetadata/v1/instance/service-accounts/default/token");
        request_access_token(&self.servers.metadata, &request, headers).await
    }

    async fn refresh(&self, user: &AuthorizedUser) -> Result<AccessToken, VaultError> {
        let request = Request::form(
            "token",
            &[
                ("grant_type", "refresh_token"),
                ("client_id", &user.client_id),
                ("client_secret", user.client_secret.0.expose_secret()),
                ("refresh_token", user.refresh_token.0.expose_secret()),
            ],
        );
        request_access_token(&self.servers.oauth, &request, HeaderMap::new()).await
    }

    /// Exchanges the token of another identity provider, by RFC 8693.
    async fn exchange(
        &self,
        account: &ExternalAccount,
        token: &SecretString,
    ) -> Result<AccessToken, VaultError> {
        if self.servers.are_googles && !account.is_for_google() {
            return Err(VaultError::vault(
                ErrorKind::Misconfigured,
                "the credentials file names another token service than Google's; name that in `login_endpoint`",
            ));
        }
        let request = Request::form(
            "v1/token",
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("audience", &account.audience),
                ("scope", SCOPE),
                ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                ("subject_token_type", &account.subject_token_type),
                ("subject_token", token.expose_secret()),
            ],
        );
        let federated = request_access_token(&self.servers.exchange, &request, HeaderMap::new()).await?;
        match &account.service_account {
            None => Ok(federated),
            Some(name) => self.impersonate(name, &federated).await,
        }
    }

    async fn impersonate(&self, account: &str, federated: &AccessToken) -> Result<AccessToken, VaultError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Generated {
            access_token: JsonSecret,
        }
        let http = &self.servers.impersonation;
        let path = format!("v1/projects/-/serviceAccounts/{account}:generateAccessToken");
        let body = json!({ "scope": [SCOPE], "lifetime": format!("{}s", LIFETIME.as_secs()) });
        let request =
            Request::new(Method::POST, path).with_json(Zeroizing::new(body.to_string().into_bytes()));
        let mut headers = HeaderMap::new();
        headers.insert(headers::AUTHORIZATION, federated.header());
        let requested = Instant::now();
        let response = http.send(&request, headers).await?;
        match response.status {
            StatusCode::OK => {
                let generated: Generated =
                    response.json().map_err(|_| malformed(http.location(), "an impersonation", "Google"))?;
                AccessToken::new(&generated.access_token.0, requested, LIFETIME)
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Err(VaultError::vault(
                    ErrorKind::Unauthenticated,
                    format!(
                        "the federated identity may not act as the service account {account} ({}); grant it \
                     roles/iam.workloadIdentityUser on that account",
                        response.status.as_u16()
                    ),
                ))
            }
            _ => Err(from_status(http.location(), &response)
                .unwrap_or_else(|| malformed(http.location(), "an impersonation", "Google"))),
        }
    }
}

/// A token that the service accepts without an exchange, signed with the key of a service account (AIP-4111).
fn sign(key: &ServiceAccount, now: SystemTime) -> Result<SecretString, VaultError> {
    let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(CLOCK_SKEW);
    let claims = Map::from_iter([
        ("iss".to_owned(), key.client_email.as_str().into()),
        ("sub".to_owned(), key.client_email.as_str().into()),
        ("aud".to_owned(), AUDIENCE.into()),
        ("iat".to_owned(), issued.as_secs().into()),
        ("exp".to_owned(), (issued + LIFETIME).as_secs().into()),
    ]);
    let header = Map::from_iter([("kid".to_owned(), key.private_key_id.as_str().into())]);
    let pem = key.private_key.0.expose_secret().as_bytes();
    sign_jwt(JwtAlgorithm::Rs256, header, &claims, pem).map_err(|invalid| {
        let message =
            format!("the private key in the credentials file is {invalid}; download the file again");
        VaultError::vault(ErrorKind::Misconfigured, message)
    })
}
