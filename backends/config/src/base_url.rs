//! Base URLs: which URLs a setting may name, and which of them stay on this machine.

use std::net::IpAddr;

use url::{Host, Url};

use crate::Diagnostic;

/// What a base URL may contain. Always refused are another scheme than `https` and `http`, a password, a query and a
/// fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseUrlRules {
    /// Whether plain `http` is allowed beyond loopback.
    pub insecure_http: bool,
    /// Whether a user name is allowed.
    pub user_name: bool,
}

impl BaseUrlRules {
    /// Parses `text`, the value of `key`.
    ///
    /// ```
    /// use cofferdam_config::base_url::BaseUrlRules;
    ///
    /// let rules = BaseUrlRules { insecure_http: false, user_name: false };
    /// assert!(rules.parse("base_url", "https://api.example/v3").is_ok());
    /// assert!(rules.parse("base_url", "http://127.0.0.1:8080").is_ok());
    /// assert!(rules.parse("base_url", "http://api.example/v3").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong with it. Never quotes `text`, which may contain a password.
    pub fn parse(self, key: &str, text: &str) -> Result<Url, Diagnostic> {
        let error = |message: &'static str, help: &'static str| Err(Diagnostic::error(key, message, help));
        let example = "write for example \"https://api.example\"";
        let Ok(url) = Url::parse(text) else { return error("is not a URL", example) };
        if !matches!(url.scheme(), "https" | "http") {
            return error("must start with `https://` or `http://`", example);
        }
        if url.password().is_some() {
            return error("contains a password", "remove it, and treat that password as compromised");
        }
        if !url.username().is_empty() && !self.user_name {
            return error("contains a user name", "remove it");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return error("contains a query or a fragment", "remove `?` or `#` and what follows");
        }
        if url.scheme() == "http" && !self.insecure_http && !is_loopback(&url) {
            return error(
                "uses plain `http` beyond loopback, so the network can read credentials",
                "use `https`, or set `insecure_http = true` if the network itself is trusted",
            );
        }
        Ok(url)
    }
}

/// Whether requests to `url` stay on this machine: its host is a loopback address, or `localhost` itself.
///
/// A name below `localhost` does not count, because not every resolver treats it as loopback.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: BaseUrlRules = BaseUrlRules { insecure_http: false, user_name: false };
    const LENIENT: BaseUrlRules = BaseUrlRules { insecure_http: true, user_name: true };

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        for good in [
            "https://a.example/v3",
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]/",
            "http://LOCALHOST/x",
        ] {
            assert!(STRICT.parse("url", good).is_ok(), "{good}");
        }
        for insecure in
            ["http://a.example", "http://localhost.a.example", "http://a.localhost", "http://10.0.0.1"]
        {
            assert!(STRICT.parse("url", insecure).is_err(), "{insecure}");
            assert!(LENIENT.parse("url", insecure).is_ok(), "{insecure}");
        }
    }

    #[test]
    fn a_user_name_is_refused_unless_allowed() {
        assert!(STRICT.parse("url", "https://ada@a.example").is_err());
        assert_eq!(LENIENT.parse("url", "https://ada@a.example").unwrap().username(), "ada");
    }

    #[test]
    fn a_password_a_query_and_other_schemes_are_refused_and_not_quoted() {
        for bad in [
            "https://u:canary@a.example",
            "https://:canary@a.example",
            "https://a.example/?k=canary",
            "https://a.example/#canary",
            "ftp://canary.example",
            "file:///etc/canary",
            "canary.example",
            "canary:5000",
            "",
            "https://",
            "data:canary",
        ] {
            let error = LENIENT.parse("url", bad).unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }
}
