//! Logs in: reads the files, sends one request, returns a token.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cofferdam_vault::http::{Request, Response, SecretHeader, StatusCode};
use cofferdam_vault::{
    ConfiguredFile, ErrorKind, ExposeSecret as _, JsonSecret, SecretFormat, SecretString, Threads, VaultError,
};
use tokio::time::Instant;

use crate::client::{Client, Namespace};
use crate::endpoint;
use crate::error;
use crate::response::{self, Envelope, TokenLookup};
use crate::settings::{AuthMethod, Credentials, SecretIdSource, TokenSource};
use crate::token::{Token, Ttl};

/// Logs in by one method.
pub(crate) struct Authenticator {
    method: Arc<AuthMethod>,
    threads: Threads,
    location: String,
    /// A path in each engine that is read: what a token may see of it shows that the token is valid.
    engines: Vec<String>,
    /// The last wrapping token that was unwrapped, and its secret ID.
    unwrapped: Mutex<Option<(SecretString, SecretString)>>,
}

impl Authenticator {
    pub(crate) fn new(method: AuthMethod, threads: Threads, location: String, engines: Vec<String>) -> Self {
        Self { method: Arc::new(method), threads, location, engines, unwrapped: Mutex::new(None) }
    }

    /// Logs in once.
    ///
    /// # Errors
    ///
    /// `Unauthenticated` if the server rejects the login, `Misconfigured` if a file is missing, and the errors of
    /// [`Client::send`].
    pub(crate) async fn login(&self, client: &Client) -> Result<Token, VaultError> {
        client.reload_files();
        match &*self.method {
            AuthMethod::Token(source) => {
                let token = match source {
                    TokenSource::File(file) => self.read(file, SecretFormat::Word).await?,
                    TokenSource::Variable(text) => text.clone(),
                };
                self.adopt(client, SecretHeader::new("", &token)?).await
            }
            AuthMethod::None => Err(VaultError::vault(
                ErrorKind::Misconfigured,
                "no login is configured: VAULT_TOKEN is unset or empty; set it, or set `auth` in the profile",
            )),
            AuthMethod::Login { mount, credentials } => {
                let request = self.request(client, mount, credentials).await?;
                self.request_token(client, &request).await
            }
        }
    }

    /// The login request with `credentials` at `mount`.
    async fn request(
        &self,
        client: &Client,
        mount: &str,
        credentials: &Credentials,
    ) -> Result<Request, VaultError> {
        let path = format!("{mount}/login");
        Ok(match credentials {
            Credentials::AppRole { role_id, secret_id } => {
                let secret_id = match secret_id {
                    SecretIdSource::File(file) => self.read(file, SecretFormat::Word).await?,
                    SecretIdSource::Wrapped(file) => self.unwrap(client, file).await?,
                };
                endpoint::login(&path, &[("role_id", role_id), ("secret_id", secret_id.expose_secret())])
            }
            Credentials::Kubernetes { role, jwt } => {
                let jwt = self.read(jwt, SecretFormat::Word).await?;
                endpoint::login(&path, &[("role", role), ("jwt", jwt.expose_secret())])
            }
            Credentials::Jwt { role, jwt } => {
                let jwt = self.read(jwt, SecretFormat::Word).await?;
                let mut body = vec![("jwt", jwt.expose_secret())];
                body.extend(role.as_deref().map(|role| ("role", role)));
                endpoint::login(&path, &body)
            }
            Credentials::Cert { name } => {
                // Without a name the body stays empty, and the server tries every role.
                endpoint::login(&path, name.as_deref().map(|name| ("name", name)).as_slice())
            }
            Credentials::Userpass { username, password } => {
                let password = self.read(password, SecretFormat::Line).await?;
                let body = [("password", password.expose_secret())];
                endpoint::login(&format!("{path}/{username}"), &body)
            }
        })
    }

    /// Sends a login request and returns the token that the server issues.
    async fn request_token(&self, client: &Client, login: &Request) -> Result<Token, VaultError> {
        let start = Instant::now();
        let response = client.send(login, None, Namespace::Configured).await?;
        self.check(&response)?;
        let issued =
            Envelope::parse(&response.body).and_then(|body| body.auth()).map_err(|_| self.malformed())?;
        let header = SecretHeader::new("", &issued.client_token.0)?;
        let lookup = client.send(&endpoint::look_up_token(), Some(&header), Namespace::Configured).await?;
        if let Ok(lookup) = response::data(&lookup.body) {
            self.warn_of_limited_uses(&lookup);
        }
        Ok(Token {
            header,
            ttl: Ttl::new(start, issued.lease_duration),
            renewable: issued.renewable,
            owned: true,
            can_look_up_itself: lookup.status.is_success(),
        })
    }

    /// Takes over a token that was issued elsewhere, and looks up its validity.
    ///
    /// A token without the policy `default` may not look itself up. Its end is then unknown, so it is used until the server
    /// rejects it.
    async fn adopt(&self, client: &Client, header: SecretHeader) -> Result<Token, VaultError> {
        let start = Instant::now();
        let response = client.send(&endpoint::look_up_token(), Some(&header), Namespace::Configured).await?;
        if response.status == StatusCode::FORBIDDEN && self.sees_an_engine(client, &header).await? {
            return Ok(Token {
                header,
                ttl: None,
                renewable: false,
                owned: false,
                can_look_up_itself: false,
            });
        }
        self.check(&response)?;
        let lookup: TokenLookup = response::data(&response.body).map_err(|_| self.malformed())?;
        self.warn_of_limited_uses(&lookup);
        let ttl = Ttl::new(start, lookup.ttl);
        Ok(Token { header, ttl, renewable: lookup.renewable, owned: false, can_look_up_itself: true })
    }

    /// Whether a policy of the token allows anything in an engine that is read. The server returns 403 to an invalid token,
    /// as it does to a valid one that may not look itself up.
    async fn sees_an_engine(&self, client: &Client, header: &SecretHeader) -> Result<bool, VaultError> {
        for path in &self.engines {
            let request = endpoint::mounted(path);
            let response = client.send(&request, Some(header), Namespace::Configured).await?;
            if let Some(error) = error::from_status(&self.location, &response) {
                return Err(error);
            }
            if response.status == StatusCode::OK {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The secret ID in the wrapping token in `file`, unwrapped once and kept.
    async fn unwrap(&self, client: &Client, file: &ConfiguredFile) -> Result<SecretString, VaultError> {
        #[derive(serde::Deserialize)]
        struct Unwrapped {
            secret_id: JsonSecret,
        }
        let wrapping = self.read(file, SecretFormat::Word).await?;
        if let Some((known, secret_id)) = &*self.unwrapped()
            && known.expose_secret() == wrapping.expose_secret()
        {
            return Ok(secret_id.clone());
        }
        let token = SecretHeader::new("", &wrapping)?;
        let response = client.send(&endpoint::unwrap(), Some(&token), Namespace::Configured).await?;
        if response.status != StatusCode::OK {
            return Err(error::from_status(&self.location, &response).unwrap_or_else(|| {
                VaultError::vault(
                    ErrorKind::Unauthenticated,
                    format!(
                        "the wrapping token in {} has expired or was already unwrapped; unless you unwrapped it, treat \
                         its secret ID as stolen: destroy it, and put a new wrapping token there",
                        file.path().display()
                    ),
                )
            }));
        }
        let unwrapped: Unwrapped =
            Envelope::parse(&response.body).and_then(|body| body.data()).map_err(|_| {
                VaultError::vault(
                    ErrorKind::Misconfigured,
                    format!(
                        "the wrapping token in {} does not wrap a secret ID; wrap one",
                        file.path().display()
                    ),
                )
            })?;
        let secret_id = unwrapped.secret_id.0;
        *self.unwrapped() = Some((wrapping, secret_id.clone()));
        Ok(secret_id)
    }

    async fn read(&self, file: &ConfiguredFile, format: SecretFormat) -> Result<SecretString, VaultError> {
        let file = file.clone();
        self.threads.run(move || file.read_secret(format)).await
    }

    fn check(&self, response: &Response) -> Result<(), VaultError> {
        match response.status {
            StatusCode::OK => Ok(()),
            status => Err(error::from_status(&self.location, response)
                .unwrap_or_else(|| error::from_login(&self.location, self.method.name(), status))),
        }
    }

    fn malformed(&self) -> VaultError {
        error::malformed(&self.location, "a login")
    }

    fn warn_of_limited_uses(&self, lookup: &TokenLookup) {
        if lookup.num_uses > 0 {
            tracing::warn!(
                vault = %self.location,
                "the token is valid for a limited number of requests; set token_num_uses = 0 on its role"
            );
        }
    }

    fn unwrapped(&self) -> MutexGuard<'_, Option<(SecretString, SecretString)>> {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
