//! The addresses of services, origins, hosts and networks.

use std::net::IpAddr;

use cofferdam_config::base_url::BaseUrlRules;
use cofferdam_config::{Diagnostic, Text, text};
use ipnet::IpNet;
use url::{Host, Url};

/// Parses the address of a service.
///
/// # Errors
///
/// A diagnostic without a key. It never quotes `text`: the user name or the query in it may be a secret.
pub(super) fn base_url(text: &str, insecure_http: bool) -> Result<Url, Diagnostic> {
    BaseUrlRules { insecure_http, user_name: false }.parse("", text)
}

/// Checks an origin that a browser may call from, `https://app.example`.
///
/// # Errors
///
/// A diagnostic without a key.
pub(super) fn origin(text: &str) -> Result<(), Diagnostic> {
    let is_origin = Url::parse(text).is_ok_and(|url| {
        let origin = url.origin();
        origin.is_tuple() && origin.ascii_serialization() == text
    });
    if is_origin {
        return Ok(());
    }
    let help = "write only scheme, host and port, such as \"https://app.example\"";
    Err(Diagnostic::error("", "not an origin", help))
}

/// Checks a host name that a request may have, `cofferdam.internal` or `cofferdam.internal:7080`.
///
/// # Errors
///
/// A diagnostic without a key.
pub(super) fn host(text: &str) -> Result<(), Diagnostic> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => text,
    };
    let is_host = !name.contains('*') && Host::parse(name).is_ok_and(|host| host.to_string() == name);
    if is_host {
        return Ok(());
    }
    let help = "write a host name in lowercase, such as \"cofferdam.internal\", with or without a port";
    Err(Diagnostic::error("", "not a host name", help))
}

/// Parses a range of addresses, `10.0.0.0/8`, or a single address.
///
/// # Errors
///
/// A diagnostic without a key.
pub(super) fn range(text: &str) -> Result<IpNet, Diagnostic> {
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let Ok(range) = parsed else {
        let help = "write a range such as \"10.0.0.0/8\" or \"2001:db8::/32\", or a single address";
        return Err(Diagnostic::error("", "not a range of IP addresses", help));
    };
    if range != range.trunc() {
        let message = text!("the address has bits that its prefix of {} leaves out", range.prefix_len());
        return Err(Diagnostic::error("", message, text!("write \"{}\"", Text::unchecked(range.trunc()))));
    }
    if range.prefix_len() == 0 {
        let help = "list only the addresses of your proxies";
        return Err(Diagnostic::error("", "every address would be trusted", help));
    }
    if matches!(range, IpNet::V6(range) if range.network().to_ipv4_mapped().is_some()) {
        let help = "write it as an IPv4 range: clients are compared by that address";
        return Err(Diagnostic::error("", "an IPv4 range in the form of IPv6", help));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine_unless_allowed() {
        for good in ["https://a.example/v3", "http://127.0.0.1:1", "http://[::1]:1/", "http://localhost/x"] {
            assert!(base_url(good, false).is_ok(), "{good}");
        }
        assert!(base_url("http://a.example", false).is_err());
        assert!(base_url("http://a.example", true).is_ok());
        assert!(base_url("http://localhost.a.example", false).is_err());
    }

    #[test]
    fn an_address_holds_no_user_no_query_and_no_other_scheme() {
        for bad in [
            "https://u@a.example",
            "https://u:canary@a.example",
            "https://a.example/?k=canary",
            "https://a.example/#x",
        ] {
            let found = base_url(bad, true).unwrap_err().to_string();
            assert!(!found.contains("canary"), "{bad}");
        }
        for bad in ["ftp://a.example", "file:///etc/passwd", "a.example", "", "https://", "data:x"] {
            assert!(base_url(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_exact() {
        assert!(origin("https://app.example").is_ok());
        assert!(origin("http://localhost:3000").is_ok());
        for bad in ["*", "null", "https://app.example/", "https://app.example/x", "app.example"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_a_name_and_perhaps_a_port() {
        for good in ["cofferdam.internal", "cofferdam.internal:7080", "10.0.0.1", "[::1]:7080"] {
            assert!(host(good).is_ok(), "{good}");
        }
        for bad in ["", "*", "https://a.example", "a b", "A.example", "a/b"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_range_is_exact_and_does_not_contain_everything() {
        for (text, expected) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("2001:db8::1", "2001:db8::1/128"),
        ] {
            assert_eq!(range(text).unwrap().to_string(), expected, "{text}");
        }
        for (bad, why) in [
            ("", "not a range"),
            ("proxy.example", "not a range"),
            ("10.0.0.0/33", "not a range"),
            ("10.0.0.1/8", "write \"10.0.0.0/8\""),
            ("0.0.0.0/0", "every address"),
            ("::/0", "every address"),
            ("::ffff:10.0.0.0/104", "an IPv4 range"),
        ] {
            let found = range(bad).unwrap_err().to_string();
            assert!(found.contains(why), "{bad}: {found}");
        }
    }
}
