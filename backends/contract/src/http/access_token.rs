//! Access tokens: what an authorization server issues for a limited time.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::client::HttpClient;
use super::error::{from_status, malformed};
use super::header::SecretHeader;
use super::message::{Request, Response};
use crate::{ErrorKind, JsonSecret, SecretString, VaultError};

/// A token is replaced this long before it expires. Shorter than the five minutes before the end during which the metadata
/// servers of the clouds still return the old one.
const REFRESH_BEFORE: Duration = Duration::from_secs(240);

/// Maximum lifetime that is believed: managed identities get tokens for a day.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// A bearer token with an end. Cheap to clone; `Debug` does not print it.
#[derive(Clone, Debug)]
pub struct AccessToken(Arc<Issued>);

#[derive(Debug)]
struct Issued {
    header: SecretHeader,
    refresh: Instant,
    end: Instant,
}

impl AccessToken {
    /// The token that was `requested` at that moment and expires after `lifetime`, at most a day.
    ///
    /// # Errors
    ///
    /// Those of [`SecretHeader::new`].
    pub fn new(token: &SecretString, requested: Instant, lifetime: Duration) -> Result<Self, VaultError> {
        let lifetime = lifetime.min(MAX_LIFETIME);
        let end = requested + lifetime;
        let refresh = end - REFRESH_BEFORE.min(lifetime / 2);
        Ok(Self(Arc::new(Issued { header: SecretHeader::new("Bearer ", token)?, refresh, end })))
    }

    /// The value of `Authorization`.
    pub fn header(&self) -> HeaderValue {
        self.0.header.value()
    }

    /// Whether the token is used without asking for a new one.
    pub(super) fn is_fresh(&self) -> bool {
        Instant::now() < self.0.refresh
    }

    /// Whether the token has not expired.
    pub(super) fn is_valid(&self) -> bool {
        Instant::now() < self.0.end
    }

    /// Whether both are the same token.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Sends `request` with `headers` to an authorization server, and returns the token that it issues.
///
/// # Errors
///
/// Those of [`HttpClient::send`] and [`refused_login`], and `Malformed` (vault) for a response without a token.
pub async fn request_access_token(
    http: &HttpClient,
    request: &Request,
    headers: HeaderMap,
) -> Result<AccessToken, VaultError> {
    /// RFC 6749, section 5.1.
    #[derive(Deserialize)]
    struct TokenResponse<'a> {
        access_token: JsonSecret,
        /// In seconds. Azure's metadata service writes it as a string.
        #[serde(borrow)]
        expires_in: &'a RawValue,
    }
    let requested = Instant::now();
    let response = http.send(request, headers).await?;
    if response.status != StatusCode::OK {
        return Err(refused_login(http.location(), &response));
    }
    let issued: Option<TokenResponse<'_>> = response.json().ok();
    let issued = issued.and_then(|issued| {
        let seconds: u64 = issued.expires_in.get().trim_matches('"').parse().ok()?;
        Some((issued.access_token.0, Duration::from_secs(seconds)))
    });
    match issued {
        Some((token, lifetime)) => AccessToken::new(&token, requested, lifetime),
        None => Err(malformed(http.location(), "a login", "an authorization server")),
    }
}

/// The error of a login that the authorization server at `location` refuses: its status, and its code by RFC 6749.
///
/// `Unauthenticated` (vault), and the errors of [`from_status`]; `Malformed` (vault) without a code.
pub fn refused_login(location: &str, response: &Response) -> VaultError {
    /// RFC 6749, section 5.2.
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let of_a_code = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_code = |code: &String| (1..=40).contains(&code.len()) && code.bytes().all(of_a_code);
    let code = response.json::<Refusal>().ok().map(|refusal| refusal.error).filter(is_code);
    match (from_status(location, response), code) {
        (Some(error), _) => error,
        (None, Some(code)) => VaultError::vault(
            ErrorKind::Unauthenticated,
            format!(
                "{location} rejects the login ({}, {code}); check its credentials, and this machine's clock",
                response.status.as_u16()
            ),
        ),
        (None, None) => malformed(location, "a login", "an authorization server"),
    }
}
