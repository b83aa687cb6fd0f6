//! `Host` and `Origin`: who may reach us through a browser.
//!
//! A page anywhere on the web can make a browser send requests to loopback (and, by giving its own name our address,
//! even read the answers: DNS rebinding). So the name in `Host` must be one of ours, and a page's `Origin` must be
//! our own or one that the profile lists. An address as `Host` is safe where it is the one that was connected to,
//! for a rebinding page has a name there.

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

/// Which hosts and origins are let in.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    hosts: Arc<[String]>,
    origins: Arc<[String]>,
}

/// A page's origin as far as it matters.
#[derive(Debug, PartialEq, Eq)]
enum Admitted {
    /// No page, or one of our own.
    SameOrigin,
    /// A page that the profile lists: its browser wants to be told.
    AllowedOrigin(HeaderValue),
}

impl Guard {
    /// `hosts` are names besides loopback's, `origins` what a browser puts into `Origin`: `https://app.example`.
    pub(super) fn new(hosts: &[String], origins: &[String]) -> Self {
        Self {
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            origins: origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect(),
        }
    }

    fn admit(&self, uri: &Uri, headers: &HeaderMap, local: Option<IpAddr>) -> Result<Admitted, &'static str> {
        let host = single(headers, &HOST)?.ok_or("the request has no Host")?;
        let host: Authority = host.to_str().ok().and_then(|host| host.parse().ok()).ok_or("bad Host")?;
        // A request line with a whole address in it says twice which host it means.
        if !self.knows(&host, local) || uri.authority().is_some_and(|other| !self.knows(other, local)) {
            return Err("Host is not allowed; the profile's server.allowed_hosts may name it");
        }
        let Some(origin) = single(headers, &ORIGIN)? else { return Ok(Admitted::SameOrigin) };
        let text = origin.to_str().map_err(|_| "bad Origin")?.to_ascii_lowercase();
        if self.origins.contains(&text) {
            return Ok(Admitted::AllowedOrigin(origin.clone()));
        }
        let own = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        if own.is_some_and(|own| own.eq_ignore_ascii_case(host.as_str())) {
            return Ok(Admitted::SameOrigin);
        }
        Err("Origin is not allowed; the profile's server.allowed_origins may name it")
    }

    fn knows(&self, authority: &Authority, local: Option<IpAddr>) -> bool {
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

/// The one value of a header; two that may disagree are refused.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err("Host or Origin stands there twice") } else { Ok(first) }
}

/// Refuses what comes from a wrong host or page with 403.
pub(super) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let local = request.extensions().get::<LocalIp>().map(|local| local.0);
    let page = match guard.admit(request.uri(), request.headers(), local) {
        Ok(Admitted::SameOrigin) => return next.run(request).await,
        Ok(Admitted::AllowedOrigin(page)) => page,
        Err(why) => {
            tracing::warn!(why, "request refused");
            return (StatusCode::FORBIDDEN, why).into_response();
        }
    };
    let mut response = if request.method() == Method::OPTIONS {
        preflight(request.headers())
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, page);
    response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    response
}

/// What a browser asks before it lets a listed page send a request that is not a form's.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
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
    fn only_our_own_names_and_addresses_are_hosts() {
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
            assert!(admit(&[(HOST, host)]).is_err(), "{host} was let in");
        }
        assert!(admit(&[]).is_err());
        assert!(admit(&[(HOST, "localhost"), (HOST, "localhost")]).is_err());
    }

    #[test]
    fn a_page_is_let_in_from_our_own_origin_and_from_listed_ones() {
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
            assert!(with(origin).is_err(), "{origin} was let in");
        }
    }
}
