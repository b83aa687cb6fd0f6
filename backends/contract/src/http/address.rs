//! The server's address: a base URL, without what must not be printed.

use cofferdam_config::Diagnostic;
use cofferdam_config::base_url::BaseUrlRules;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The URL without user name, query and trailing slash; safe to print.
    pub base: String,
    /// Sent as HTTP basic authentication, without a password.
    pub user: Option<String>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl Address {
    /// Parses the value of `key`. With `insecure`, it may use plain HTTP beyond loopback and contain a user name.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Never quotes `text`, which may contain a password.
    pub fn parse(key: &str, text: &str, insecure: bool) -> Result<Self, Diagnostic> {
        let mut url = BaseUrlRules { insecure_http: insecure, user_name: insecure }.parse(key, text)?;
        let user = (!url.username().is_empty()).then(|| percent_decode(url.username()));
        // Cannot fail: only a URL without a host rejects a user name.
        let _ = url.set_username("");
        let tls = url.scheme() == "https";
        Ok(Self { base: url.as_str().trim_end_matches('/').to_owned(), user, tls })
    }

    /// Scheme, host and port: where a redirect may lead.
    pub(super) fn origin(&self) -> Option<url::Origin> {
        url::Url::parse(&self.base).ok().map(|url| url.origin())
    }
}

fn percent_decode(user: &str) -> String {
    url::form_urlencoded::parse(user.replace('+', "%2B").as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_and_user_names_require_insecure_http() {
        for good in [
            "https://vault.example:8200",
            "http://127.0.0.1:8200",
            "http://localhost:8200/",
            "http://[::1]:8200",
            "https://proxy.example/vault",
        ] {
            assert!(Address::parse("address", good, false).is_ok(), "{good}");
        }
        for insecure in ["http://vault.example:8200", "http://10.0.0.1", "https://ada@vault.example"] {
            assert!(Address::parse("address", insecure, false).is_err(), "{insecure}");
            assert!(Address::parse("address", insecure, true).is_ok(), "{insecure}");
        }
        for bad in ["", "vault", "ftp://vault", "https://a:canary@vault", "https://vault?x=1", "unix:/run/x"]
        {
            assert!(Address::parse("address", bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_printed_contains_no_user_name() {
        let address = Address::parse("address", "https://ada%40x@vault.example:8200/v/", true).unwrap();
        assert_eq!(address.base, "https://vault.example:8200/v");
        assert_eq!(address.user.as_deref(), Some("ada@x"));
    }
}
