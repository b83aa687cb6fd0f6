//! One exchange with a service: the request, its redirects, its answer.

use std::error::Error;
use std::io;

use http::header::{LINK, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use reqwest::Response;
use tokio::time::Instant;
use url::Url;

use super::auth::AppliedAuth;
use super::build::PreparedRequest;
use super::clients::Clients;
use super::destination::same_origin;
use super::resolver::{ForbiddenAddress, SlowLookup, UnknownHost, until};
use super::trust::Trust;
use crate::connectors::effects::Effects;
use crate::connectors::failure::CallFailure;
use crate::connectors::outcome::Outcome;

/// Enough for a service to lead to its own resource.
const MAX_REDIRECTS: usize = 5;

/// One exchange with a service.
pub(super) struct Exchange<'a> {
    pub(super) clients: &'a Clients,
    pub(super) trust: &'a Trust,
    /// When the call must be over.
    pub(super) deadline: Instant,
    /// The service's name, for messages.
    pub(super) title: &'a str,
    pub(super) effects: Effects,
    pub(super) insecure_http: bool,
    pub(super) auth: &'a AppliedAuth,
}

impl Exchange<'_> {
    /// Sends the request and follows the redirects that may be followed. Returns the response and the URL that
    /// answered, which holds no credential.
    ///
    /// # Errors
    ///
    /// If the service cannot be reached, or redirects where the request may not go.
    pub(super) async fn send(&self, request: &PreparedRequest) -> Result<(Response, Url), CallFailure> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send_to(&url, request).await?;
            let Some(target) = self.redirect(&response, &url, &request.method)? else {
                return Ok((response, url));
            };
            url = target;
        }
        Err(self.not_followed(StatusCode::FOUND, &format!("more than {MAX_REDIRECTS} times")))
    }

    async fn send_to(&self, url: &Url, request: &PreparedRequest) -> Result<Response, CallFailure> {
        let client = self.clients.client(url.scheme(), self.trust).await.map_err(|error| {
            tracing::warn!(service = self.title, %error, "not called");
            CallFailure::unreachable(format!(
                "{} cannot be reached: this server has no CA certificates; tell the user to install them",
                self.title
            ))
        })?;
        let mut url = url.clone();
        let mut headers = request.headers.clone();
        self.auth.apply(&mut url, &mut headers, self.insecure_http).map_err(|_| {
            CallFailure::unreachable(format!(
                "{} is not called: plain `http` would expose the credential; tell the user to use `https`, or to set \
                 `insecure_http = true` for this module",
                self.title
            ))
        })?;
        let mut outgoing = client.request(request.method.clone(), url).headers(headers);
        if let Some(body) = &request.body {
            outgoing = outgoing.body(body.clone());
        }
        until(self.deadline, outgoing.send())
            .await
            .map_err(|error| transport_failure(self.title, &error, self.effects))
    }

    /// The URL that a redirect leads to. Returns `None` if the response is not a redirect.
    fn redirect(&self, response: &Response, url: &Url, method: &Method) -> Result<Option<Url>, CallFailure> {
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(mut target) = location.and_then(|location| url.join(location).ok()) else {
            return Err(self.not_followed(status, "without a target"));
        };
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(self.not_followed(status, "although it is not a read"));
        }
        if !same_origin(url, &target) || !target.username().is_empty() || target.password().is_some() {
            return Err(self.not_followed(status, "to another host"));
        }
        target.set_fragment(None);
        Ok(Some(target))
    }

    fn not_followed(&self, status: StatusCode, how: &str) -> CallFailure {
        // 307 and 308 ask for the same request again, so this one was not carried out.
        let outcome = if matches!(status.as_u16(), 307 | 308) {
            Outcome::Rejected
        } else {
            Outcome::after_sending(self.effects)
        };
        CallFailure::Upstream {
            status: status.as_u16(),
            message: format!(
                "{} answered {} and redirected the request {how}; only reads follow redirects, and only on the same \
                 host; tell the user to check the module's `base_url`",
                self.title,
                status.as_u16()
            ),
            outcome,
        }
    }
}

/// The failure of a request that was not sent completely, or whose answer did not arrive completely.
///
/// Names one of a few causes. Others may name a host, an address or a certificate, and go to the log.
pub(super) fn transport_failure(title: &str, error: &reqwest::Error, effects: Effects) -> CallFailure {
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(deeper) = cause.source() {
        if let Some(forbidden) = deeper.downcast_ref::<ForbiddenAddress>() {
            tracing::warn!(service = title, error = %forbidden, "not called");
            return CallFailure::unreachable(format!(
                "{title} cannot be reached: its address is forbidden (loopback, link-local or metadata); tell the \
                 user to check the module's `base_url`"
            ));
        }
        if deeper.is::<SlowLookup>() {
            return CallFailure::timeout(title, Outcome::NotSent);
        }
        cause = deeper;
    }
    let why = match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "it refused the connection",
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "it closed the connection",
        Some(io::ErrorKind::TimedOut) => "it did not accept the connection in time",
        Some(io::ErrorKind::InvalidData) if error.is_connect() => {
            tracing::warn!(service = title, error = %cause, "TLS handshake failed");
            "the TLS handshake failed"
        }
        _ if cause.is::<UnknownHost>() => "its host name cannot be resolved",
        _ => {
            // reqwest's own message would name the whole URL, which may hold an argument.
            let error = if cause.is::<reqwest::Error>() { "unknown".to_owned() } else { cause.to_string() };
            tracing::warn!(service = title, %error, "the connection failed");
            "the server's log says why"
        }
    };
    if error.is_connect() {
        CallFailure::unreachable(format!("{title} cannot be reached: {why}; try again later"))
    } else {
        let outcome = Outcome::after_sending(effects);
        CallFailure::Unreachable { message: format!("the connection to {title} failed: {why}"), outcome }
    }
}

/// The `Link` headers with commas between them.
pub(super) fn links(headers: &HeaderMap) -> String {
    let links: Vec<&str> = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).collect();
    links.join(", ")
}
