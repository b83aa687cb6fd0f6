//! Checks `Host` and `Origin`, to keep web pages from reaching this server through a browser.
//!
//! Any web page can make a browser send requests to loopback. With DNS rebinding, where the page's own name resolves to our
//! address, it can even read the responses. So `Host` must be a name of this server, and `Origin` must be the same origin
//! or one that the profile lists. An IP address is accepted as `Host` if the client connected to it: a rebinding page has a
//! name there.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_HEADERS, HOST, HeaderName, ORIGIN, VARY,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use super::connections::LocalIp;

/// The hosts and origins that are accepted.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    hosts: Arc<[String]>,
    origins: Arc<[String]>,
}

/// The origin of an accepted request.
#[derive(Debug, PartialEq, Eq)]
enum Admitted {
    /// No web page, or a page of the same origin.
    SameOrigin,
    /// A page that the profile lists. Its browser needs CORS headers.
    AllowedOrigin(HeaderValue),
}

impl Guard {
    /// Creates a guard that accepts loopback, `hosts`, and the `origins` in the form of the header: `https://app.example`.
    pub(super) fn new(hosts: &[String], origins: &[String]) -> Self {
        Self {
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            origins: origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect(),
        }
    }

    fn admit(&self, uri: &Uri, headers: &HeaderMap, local: Option<IpAddr>) -> Result<Admitted, &'static str> {
        let host = single(headers, &HOST)?.ok_or("the request has no Host header")?;
        let host: Authority =
            host.to_str().ok().and_then(|host| host.parse().ok()).ok_or("Host is not valid")?;
        // A request line in absolute form names the host a second time.
        if !self.accepts(&host, local) || uri.authority().is_some_and(|other| !self.accepts(other, local)) {
            return Err("Host is not allowed; add it to server.allowed_hosts of the profile");
        }
        let Some(origin) = single(headers, &ORIGIN)? else { return Ok(Admitted::SameOrigin) };
        let text = origin.to_str().map_err(|_| "Origin is not valid")?.to_ascii_lowercase();
        if self.origins.contains(&text) {
            return Ok(Admitted::AllowedOrigin(origin.clone()));
        }
        let own = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        if own.is_some_and(|own| own.eq_ignore_ascii_case(host.as_str())) {
            return Ok(Admitted::SameOrigin);
        }
        Err("Origin is not allowed; add it to server.allowed_origins of the profile")
    }

    fn accepts(&self, authority: &Authority, local: Option<IpAddr>) -> bool {
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        match host.parse::<IpAddr>() {
            Ok(ip) => {
                ip.to_canonical().is_loopback()
                    || local == Some(ip.to_canonical())
                    || self.hosts.contains(&host)
            }
            Err(_) => host == "localhost" || self.hosts.contains(&host),
        }
    }
}

/// Returns the value of a header. Rejects duplicates, which might disagree.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err("duplicate Host or Origin header") } else { Ok(first) }
}

/// Middleware that rejects requests from other hosts and origins with 403.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let local = request.extensions().get::<LocalIp>().map(|local| local.0);
    let origin = match guard.admit(request.uri(), request.headers(), local) {
        Ok(Admitted::SameOrigin) => return next.run(request).await,
        Ok(Admitted::AllowedOrigin(origin)) => origin,
        Err(why) => {
            tracing::warn!(why, "request rejected");
            return (StatusCode::FORBIDDEN, why).into_response();
        }
    };
    let mut response = if request.method() == Method::OPTIONS {
        preflight(request.headers())
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    response
}

/// Returns the response to a CORS preflight request of an allowed origin.
fn preflight(request: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    if let Some(requested) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(headers: &[(HeaderName, &str)]) -> Result<Admitted, &'static str> {
        let guard = Guard::new(&["Mcp.Example".to_owned()], &["https://app.example/".to_owned()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        guard.admit(&Uri::from_static("/mcp"), &map, Some("192.0.2.7".parse().unwrap()))
    }

    #[test]
    fn only_names_and_addresses_of_this_server_are_accepted() {
        for host in [
            "localhost",
            "LOCALHOST:7080",
            "127.0.0.1:7080",
            "[::1]:7080",
            "mcp.example",
            "MCP.example:443",
            "192.0.2.7",
        ] {
            assert_eq!(admit(&[(HOST, host)]), Ok(Admitted::SameOrigin), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "localhost@evil.example",
            "evil@localhost",
            "192.0.2.8",
            "0.0.0.0",
            "",
            "a b",
        ] {
            assert!(admit(&[(HOST, host)]).is_err(), "{host} was accepted");
        }
        assert!(admit(&[]).is_err());
        assert!(admit(&[(HOST, "localhost"), (HOST, "localhost")]).is_err());
    }

    #[test]
    fn a_page_is_accepted_from_the_same_origin_and_from_listed_ones() {
        let with = |origin| admit(&[(HOST, "localhost:7080"), (ORIGIN, origin)]);
        assert_eq!(with("http://localhost:7080"), Ok(Admitted::SameOrigin));
        assert_eq!(
            with("https://app.example"),
            Ok(Admitted::AllowedOrigin(HeaderValue::from_static("https://app.example")))
        );
        for origin in [
            "http://localhost:3000",
            "http://localhost",
            "https://app.example:8443",
            "http://app.example",
            "https://app.example.evil.example",
            "null",
            "",
            "localhost:7080",
        ] {
            assert!(with(origin).is_err(), "{origin} was accepted");
        }
    }
}
