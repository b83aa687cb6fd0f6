//! Addresses of servers: what may be one, and what of it may be printed.

use std::net::IpAddr;

use url::{Host, Url};

/// A server's address that may be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Without user name, query and trailing slash; safe to print.
    pub(crate) base: String,
    /// Sent as HTTP basic authentication, without a password.
    pub(crate) user: Option<String>,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
}

/// Why a text is no address; never with the text, which may hold a password.
pub(crate) type Refusal = (&'static str, &'static str);

impl Address {
    /// The address that `text` spells; plain `http` beyond loopback and user names only where they are `insecure`.
    pub(crate) fn parse(text: &str, insecure: bool) -> Result<Self, Refusal> {
        let example = "write for example \"https://vault.example.internal:8200\"";
        let mut url = Url::parse(text).map_err(|_| ("is no address", example))?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(("is neither `https` nor `http`", example)),
        };
        if url.password().is_some() {
            let remedy = "take it out, and treat that password as known to others";
            return Err(("holds a password, which never stands in a profile", remedy));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(("has a query or a fragment", "keep what stands before `?` and `#`"));
        }
        let user = (!url.username().is_empty()).then(|| decoded(url.username()));
        if user.is_some() && !insecure {
            let remedy = "take it out, or set `insecure_http = true`";
            return Err(("names a user", remedy));
        }
        if !tls && !insecure && !url.host().is_some_and(|host| is_loopback(&host)) {
            let remedy = "use `https`, or set `insecure_http = true` where the network itself is safe";
            return Err((
                "is plain `http` beyond loopback: whoever listens reads tokens and secrets",
                remedy,
            ));
        }
        // Cannot fail: only addresses without a host refuse a user name.
        let _ = url.set_username("");
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), user, tls })
    }

    /// Scheme, host and port: where a redirect may lead.
    pub(crate) fn origin(&self) -> Option<url::Origin> {
        Url::parse(&self.base).ok().map(|url| url.origin())
    }
}

fn decoded(user: &str) -> String {
    url::form_urlencoded::parse(user.replace('+', "%2B").as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).to_canonical().is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_and_user_names_need_consent() {
        for good in [
            "https://vault.example:8200",
            "http://127.0.0.1:8200",
            "http://localhost:8200/",
            "http://[::1]:8200",
            "https://proxy.example/vault",
        ] {
            assert!(Address::parse(good, false).is_ok(), "{good}");
        }
        for insecure in ["http://vault.example:8200", "http://10.0.0.1", "https://ada@vault.example"] {
            assert!(Address::parse(insecure, false).is_err(), "{insecure}");
            assert!(Address::parse(insecure, true).is_ok(), "{insecure}");
        }
        for bad in ["", "vault", "ftp://vault", "https://a:canary@vault", "https://vault?x=1", "unix:/run/x"]
        {
            assert!(Address::parse(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_printed_names_no_user() {
        let address = Address::parse("https://ada%40x@vault.example:8200/v/", true).unwrap();
        assert_eq!(address.base, "https://vault.example:8200/v");
        assert_eq!(address.user.as_deref(), Some("ada@x"));
    }
}
