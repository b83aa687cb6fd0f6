//! Logs in: turns a credential into an access token of Microsoft Entra ID, or of the machine's metadata service.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cofferdam_vault::http::{
    AccessToken, HeaderMap, HeaderValue, HttpClient, JwtAlgorithm, Login, Pem, Request, TlsFiles,
    certificate_thumbprint, request_access_token, sign_jwt,
};
use cofferdam_vault::{
    BoxFuture, ConfiguredFile, ErrorKind, ExposeSecret as _, Protection, SecretFormat, SecretString, Threads,
    VaultContext, VaultError,
};
use serde_json::Map;

use crate::config::Config;

/// The address of the metadata service on every machine of Azure.
pub(crate) const METADATA: &str = "http://169.254.169.254";

/// How long an assertion is valid, which is what Microsoft recommends at most.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(300);

/// Looks up an environment variable.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a login is made with.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    ClientSecret(ConfiguredFile),
    Certificate(ConfiguredFile),
    /// A token of another identity provider.
    Token(ConfiguredFile),
}

/// How this vault logs in.
#[derive(Debug, Clone)]
pub(crate) enum Method {
    /// As an application.
    Application { tenant: String, client: String, credential: Credential },
    /// As the identity of this machine: one with this client ID, or its own.
    ManagedIdentity { client: Option<String> },
}

impl Method {
    /// The method of `config`, which has no problems.
    ///
    /// # Errors
    ///
    /// `Misconfigured` (vault) if a variable that should complete the settings is unset.
    pub(crate) fn new(
        config: &Config,
        context: &VaultContext,
        variable: Lookup<'_>,
    ) -> Result<Self, VaultError> {
        let variable = |name: &'static str| {
            let value = if config.ambient { variable(name) } else { None };
            value.ok_or_else(|| {
                let message = format!(
                    "the login is incomplete: {name} is unset or empty; set it, or complete the keys"
                );
                VaultError::vault(ErrorKind::Misconfigured, message)
            })
        };
        if config.managed_identity {
            return Ok(Self::ManagedIdentity { client: config.client_id.clone() });
        }
        let file =
            |path: &PathBuf, name| ConfiguredFile::new(context.resolve(path), name, Protection::Secrecy);
        let credential = match (&config.client_secret_file, &config.certificate_file, &config.token_file) {
            (Some(path), _, _) => Credential::ClientSecret(file(path, "the client secret file")),
            (_, Some(path), _) => Credential::Certificate(file(path, "the certificate file")),
            (_, _, Some(path)) => Credential::Token(file(path, "the token file")),
            _ => Credential::Token(file(
                &PathBuf::from(variable("AZURE_FEDERATED_TOKEN_FILE")?),
                "the token file",
            )),
        };
        let tenant = config.tenant_id.clone().map_or_else(|| variable("AZURE_TENANT_ID"), Ok)?;
        let client = config.client_id.clone().map_or_else(|| variable("AZURE_CLIENT_ID"), Ok)?;
        Ok(Self::Application { tenant, client, credential })
    }

    /// The file with the credential.
    pub(crate) fn file(&self) -> Option<&ConfiguredFile> {
        match self {
            Self::Application { credential, .. } => Some(match credential {
                Credential::ClientSecret(file) | Credential::Certificate(file) | Credential::Token(file) => {
                    file
                }
            }),
            Self::ManagedIdentity { .. } => None,
        }
    }

    /// The files with certificates that end.
    pub(crate) fn certificates(&self) -> TlsFiles {
        match self {
            Self::Application { credential: Credential::Certificate(file), .. } => {
                TlsFiles { certificate: Some(Pem::File(file.clone())), ..TlsFiles::default() }
            }
            _ => TlsFiles::default(),
        }
    }

    /// Its name, fit for a log.
    pub(crate) fn name(&self) -> String {
        match (self, self.file()) {
            (_, Some(file)) => file.to_string(),
            (Self::ManagedIdentity { client: Some(client) }, _) => format!("the managed identity {client}"),
            _ => "the managed identity of this machine".to_owned(),
        }
    }
}

/// The login of one vault.
pub(crate) struct AzureLogin {
    pub(crate) method: Method,
    /// The resource that tokens are for.
    pub(crate) resource: &'static str,
    /// The server that issues tokens.
    pub(crate) http: HttpClient,
    pub(crate) threads: Threads,
}

impl Login for AzureLogin {
    fn login(self: Arc<Self>) -> BoxFuture<'static, Result<AccessToken, VaultError>> {
        Box::pin(async move {
            match &self.method {
                Method::ManagedIdentity { client } => self.ask_metadata(client.as_deref()).await,
                Method::Application { tenant, client, credential } => {
                    self.ask_entra(tenant, client, credential).await
                }
            }
        })
    }

    fn close(&self) {
        self.http.close();
    }
}

impl AzureLogin {
    async fn ask_metadata(&self, client: Option<&str>) -> Result<AccessToken, VaultError> {
        let mut request = Request::get("metadata/identity/oauth2/token")
            .with_parameter("api-version", "2018-02-01")
            .with_parameter("resource", self.resource);
        if let Some(client) = client {
            request = request.with_parameter("client_id", client);
        }
        let mut headers = HeaderMap::new();
        // Without it the service refuses, so that no forwarded request can ask for a token.
        headers.insert("metadata", HeaderValue::from_static("true"));
        request_access_token(&self.http, &request, headers).await
    }

    async fn ask_entra(
        &self,
        tenant: &str,
        client: &str,
        credential: &Credential,
    ) -> Result<AccessToken, VaultError> {
        const ASSERTION_TYPE: (&str, &str) =
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let path = format!("{tenant}/oauth2/v2.0/token");
        let audience = format!("{}/{path}", self.http.location());
        let scope = format!("{}/.default", self.resource);
        let (credential, client_id) = (credential.clone(), client.to_owned());
        let secret = {
            let credential = credential.clone();
            let read = move || match &credential {
                Credential::ClientSecret(file) => file.read_secret(SecretFormat::Line),
                Credential::Token(file) => file.read_secret(SecretFormat::Word),
                Credential::Certificate(file) => assertion(file, &audience, &client_id, SystemTime::now()),
            };
            self.threads.run(read).await?
        };
        let common = [("grant_type", "client_credentials"), ("client_id", client), ("scope", &scope)];
        let own = match credential {
            Credential::ClientSecret(_) => vec![("client_secret", secret.expose_secret())],
            _ => vec![ASSERTION_TYPE, ("client_assertion", secret.expose_secret())],
        };
        let request = Request::form(path, &[&common[..], &own[..]].concat());
        request_access_token(&self.http, &request, HeaderMap::new()).await
    }
}

/// An assertion that is signed with the private key of a certificate, by
/// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>. Blocks.
fn assertion(
    file: &ConfiguredFile,
    audience: &str,
    client: &str,
    now: SystemTime,
) -> Result<SecretString, VaultError> {
    let misconfigured = |why: String| VaultError::vault(ErrorKind::Misconfigured, format!("{file} {why}"));
    let pem = file.read()?;
    let thumbprint = certificate_thumbprint(&pem).ok_or_else(|| {
        misconfigured("contains no certificate in PEM; put it there before its key".to_owned())
    })?;
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = Map::from_iter([
        ("aud".to_owned(), audience.into()),
        ("iss".to_owned(), client.into()),
        ("sub".to_owned(), client.into()),
        ("jti".to_owned(), random_id()?.into()),
        ("nbf".to_owned(), now.as_secs().into()),
        ("exp".to_owned(), (now + ASSERTION_LIFETIME).as_secs().into()),
    ]);
    let header = Map::from_iter([("x5t#S256".to_owned(), thumbprint.into())]);
    sign_jwt(JwtAlgorithm::Ps256, header, &claims, &pem).map_err(|invalid| {
        misconfigured(format!("contains a key that is {invalid}; put the certificate's key there"))
    })
}

/// 128 random bits in hexadecimal, by which Entra refuses an assertion that it has seen.
fn random_id() -> Result<String, VaultError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| {
        VaultError::vault(ErrorKind::Unavailable, "the system returned no random bytes; try again later")
    })?;
    Ok(bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
