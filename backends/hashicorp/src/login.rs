//! Logging in: reads the files, sends one request, answers a token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cofferdam_vault::{ErrorKind, ExposeSecret as _, SecretString, Threads, VaultError};
use http::StatusCode;
use rustify::Endpoint;
use tokio::time::Instant;
use vaultrs::api::auth::approle::requests::LoginWithApproleRequest;
use vaultrs::api::auth::cert::requests::LoginRequest as CertLogin;
use vaultrs::api::auth::kubernetes::requests::LoginWithKubernetesRequest;
use vaultrs::api::auth::oidc::requests::JWTLoginRequest;
use vaultrs::api::auth::userpass::requests::LoginRequest as UserpassLogin;
use vaultrs::api::sys::requests::UnwrapRequest;
use vaultrs::api::token::requests::LookupTokenSelfRequest;
use zeroize::Zeroize;

use crate::answer::{self, Envelope, SecretText, TokenAnswer};
use crate::client::{Answer, Client, Namespace, Token};
use crate::error;
use crate::files::{self, Text};
use crate::settings::{Login, SecretId, TokenSource};

/// What a login brought.
pub(crate) struct Granted {
    pub(crate) token: Token,
    /// From the moment before it was asked for; absent where the token never ends.
    pub(crate) life: Option<Life>,
    pub(crate) renewable: bool,
    /// Whether the token was made for this server, so that it is revoked at the end.
    pub(crate) own: bool,
    /// Whether the token may look itself up, which tells a refused secret from an ended login.
    pub(crate) knows_itself: bool,
}

/// How long something lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) from: Instant,
    pub(crate) lasts: Duration,
}

impl Life {
    /// `seconds` from `from` on; `None` for the 0 that Vault says where there is no end.
    pub(crate) fn new(from: Instant, seconds: u64) -> Option<Self> {
        (seconds > 0).then(|| Self { from, lasts: Duration::from_secs(seconds) })
    }

    pub(crate) fn end(&self) -> Instant {
        self.from.checked_add(self.lasts).unwrap_or_else(|| self.from + Duration::from_secs(u32::MAX.into()))
    }
}

/// Logs in by one method.
pub(crate) struct Door {
    login: Arc<Login>,
    threads: Threads,
    location: String,
    /// The wrapping token that was unwrapped, and the secret id that was in it.
    unwrapped: Mutex<Option<(SecretString, SecretString)>>,
}

impl Door {
    pub(crate) fn new(login: Login, threads: Threads, location: String) -> Self {
        Self { login: Arc::new(login), threads, location, unwrapped: Mutex::new(None) }
    }

    /// Logs in once.
    ///
    /// # Errors
    ///
    /// `Unauthenticated` where the server refuses; `Misconfigured` where a file is missing; what else keeps a request from
    /// being answered.
    pub(crate) async fn enter(&self, client: &Client) -> Result<Granted, VaultError> {
        client.reread_files();
        match &*self.login {
            Login::Token(source) => {
                let token = match source {
                    TokenSource::File(path) => self.file(path, "token file", Text::Word).await?,
                    TokenSource::Variable(text) => text.clone(),
                };
                self.given(client, Token::new(&token)?).await
            }
            Login::AppRole { mount, role_id, secret_id } => {
                let secret_id = match secret_id {
                    SecretId::File(path) => self.file(path, "secret id file", Text::Word).await?,
                    SecretId::Wrapped(path) => self.unwrap(client, path).await?,
                };
                let mut login = LoginWithApproleRequest {
                    mount: mount.clone(),
                    role_id: role_id.clone(),
                    secret_id: secret_id.expose_secret().to_owned(),
                };
                let granted = self.made(client, &login).await;
                login.secret_id.zeroize();
                granted
            }
            Login::Kubernetes { mount, role, jwt } => {
                let jwt = self.file(jwt, "service account token", Text::Word).await?;
                let mut login = LoginWithKubernetesRequest {
                    mount: mount.clone(),
                    role: role.clone(),
                    jwt: jwt.expose_secret().to_owned(),
                };
                let granted = self.made(client, &login).await;
                login.jwt.zeroize();
                granted
            }
            Login::Jwt { mount, role, jwt } => {
                let jwt = self.file(jwt, "JWT file", Text::Word).await?;
                let mut login = JWTLoginRequest {
                    mount: mount.clone(),
                    role: role.clone(),
                    jwt: jwt.expose_secret().to_owned(),
                };
                let granted = self.made(client, &login).await;
                login.jwt.zeroize();
                granted
            }
            Login::Cert { mount, name } => match name {
                Some(name) => {
                    self.made(client, &CertLogin { mount: mount.clone(), cert_name: name.clone() }).await
                }
                // Without a name the body stays empty, and the server tries every role.
                None => self.made(client, &crate::endpoint::login_without_body(mount)).await,
            },
            Login::Userpass { mount, username, password } => {
                let password = self.file(password, "password file", Text::Line).await?;
                let mut login = UserpassLogin {
                    mount: mount.clone(),
                    username: username.clone(),
                    password: password.expose_secret().to_owned(),
                };
                let granted = self.made(client, &login).await;
                login.password.zeroize();
                granted
            }
            Login::Missing => Err(VaultError::vault(
                ErrorKind::Misconfigured,
                "nothing says how to log in: VAULT_TOKEN is unset or empty; set it, or `auth` in the profile",
            )),
        }
    }

    /// The method's name.
    fn method(&self) -> &'static str {
        match &*self.login {
            Login::Token(_) | Login::Missing => "token",
            Login::AppRole { .. } => "approle",
            Login::Kubernetes { .. } => "kubernetes",
            Login::Jwt { .. } => "jwt",
            Login::Cert { .. } => "cert",
            Login::Userpass { .. } => "userpass",
        }
    }

    async fn file(
        &self,
        path: &std::path::Path,
        what: &'static str,
        kind: Text,
    ) -> Result<SecretString, VaultError> {
        let path = path.to_owned();
        self.threads.run(move || files::secret(&path, what, kind)).await
    }

    /// A token that somebody else made: asks what it is good for.
    async fn given(&self, client: &Client, token: Token) -> Result<Granted, VaultError> {
        let from = Instant::now();
        let answer = client.send(&LookupTokenSelfRequest {}, Some(&token), Namespace::Ours).await?;
        self.judge(&answer)?;
        let about: TokenAnswer = answer::data(&answer.body).map_err(|_| self.garbage())?;
        self.warn_of_counted(&about);
        let life = Life::new(from, about.ttl);
        Ok(Granted { token, life, renewable: about.renewable, own: false, knows_itself: true })
    }

    /// A token that `login` makes.
    async fn made(&self, client: &Client, login: &impl Endpoint) -> Result<Granted, VaultError> {
        let from = Instant::now();
        let answer = client.send(login, None, Namespace::Ours).await?;
        self.judge(&answer)?;
        let made = Envelope::parse(&answer.body).and_then(|body| body.login()).map_err(|_| self.garbage())?;
        let token = Token::new(&made.client_token.0)?;
        let itself = client.send(&LookupTokenSelfRequest {}, Some(&token), Namespace::Ours).await?;
        if let Ok(about) = answer::data(&itself.body) {
            self.warn_of_counted(&about);
        }
        Ok(Granted {
            token,
            life: Life::new(from, made.lease_duration),
            renewable: made.renewable,
            own: true,
            knows_itself: itself.status.is_success(),
        })
    }

    fn judge(&self, answer: &Answer) -> Result<(), VaultError> {
        match answer.status {
            StatusCode::OK => Ok(()),
            status => Err(error::of_server(&self.location, answer)
                .unwrap_or_else(|| error::of_login(&self.location, self.method(), status))),
        }
    }

    fn garbage(&self) -> VaultError {
        error::malformed(&self.location, "a login with something that is no login")
    }

    fn warn_of_counted(&self, about: &TokenAnswer) {
        if about.num_uses > 0 {
            tracing::warn!(
                vault = %self.location,
                "the token is good for a counted number of requests; give its role token_num_uses = 0"
            );
        }
    }

    /// The secret id in the wrapping token of a file, unwrapped once and kept.
    async fn unwrap(&self, client: &Client, path: &std::path::Path) -> Result<SecretString, VaultError> {
        #[derive(serde::Deserialize)]
        struct Unwrapped {
            secret_id: SecretText,
        }
        let wrapping = self.file(path, "wrapped secret id file", Text::Word).await?;
        if let Some((known, secret_id)) = &*self.kept()
            && known.expose_secret() == wrapping.expose_secret()
        {
            return Ok(secret_id.clone());
        }
        let token = Token::new(&wrapping)?;
        let answer = client.send(&UnwrapRequest { token: None }, Some(&token), Namespace::Ours).await?;
        if answer.status != StatusCode::OK {
            return Err(error::of_server(&self.location, &answer).unwrap_or_else(|| {
                VaultError::vault(
                    ErrorKind::Unauthenticated,
                    format!(
                        "the wrapped secret id in {} has ended or was unwrapped already; if nobody of yours did that, \
                         somebody else has it: destroy it, and put a new one there",
                        path.display()
                    ),
                )
            }));
        }
        let unwrapped: Unwrapped =
            Envelope::parse(&answer.body).and_then(|body| body.data()).map_err(|_| {
                VaultError::vault(
                    ErrorKind::Misconfigured,
                    format!("what {} unwraps to is no secret id; wrap one of the role", path.display()),
                )
            })?;
        let secret_id = unwrapped.secret_id.0;
        *self.kept() = Some((wrapping, secret_id.clone()));
        Ok(secret_id)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<(SecretString, SecretString)>> {
        self.unwrapped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
