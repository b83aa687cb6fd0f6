//! Which addresses a service may have.

use url::{Host, Url};

/// Reads a service's address; in the error what is wrong, and what would be right. Never repeats the text: a user name
/// or a query in it may be a secret.
pub(super) fn base_url(text: &str, insecure_http: bool) -> Result<Url, (String, String)> {
    let wrong = |message: &str, remedy: &str| Err((message.to_owned(), remedy.to_owned()));
    let https = "write an address such as \"https://api.example/v3\"";
    let Ok(url) = Url::parse(text) else { return wrong("this is no address", https) };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return wrong("a service's address begins with `https://` or `http://`", https);
    }
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = "take the part before `@` out; credentials belong into the module's vault";
        return wrong("a user name or password stands in this address", remedy);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong(
            "this address has a `?` or `#` in it",
            "end it before that; each tool adds its own query",
        );
    }
    if url.scheme() == "http" && !insecure_http && !is_loopback(&url) {
        let remedy = "write `https://`, or set `insecure_http = true` for this module and accept that";
        return wrong("over plain `http` everyone on the way can read the module's credentials", remedy);
    }
    Ok(url)
}

/// Whether the address stays on this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Reads an origin that a browser may call from, `https://app.example`; in the error as above.
pub(super) fn origin(text: &str) -> Result<(), (String, String)> {
    let remedy = || "write scheme, host and port alone, such as \"https://app.example\"".to_owned();
    let url = Url::parse(text).map_err(|_| ("this is no origin".to_owned(), remedy()))?;
    let plain = url.origin().is_tuple() && url.origin().ascii_serialization() == text;
    if plain { Ok(()) } else { Err(("this is more than an origin, or none".to_owned(), remedy())) }
}

/// Reads a host name that a request may name, `cofferdam.internal` or `cofferdam.internal:7080`; in the error as above.
pub(super) fn host(text: &str) -> Result<(), (String, String)> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => text,
    };
    let wild = name.contains('*');
    let known = !wild && Host::parse(name).is_ok_and(|host| host.to_string() == name);
    if known {
        return Ok(());
    }
    let remedy =
        "write a host's name in small letters, such as \"cofferdam.internal\", with or without a port";
    Err(("this is no host name".to_owned(), remedy.to_owned()))
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
            let (message, remedy) = base_url(bad, true).unwrap_err();
            assert!(!message.contains("canary") && !remedy.contains("canary"), "{bad}");
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
}
