//! What is wrong with a setting by itself: the reason, or `None`.

use url::{Host, Url};

/// The longest name of a secret, in bytes, as Secrets Manager takes it, less what a path may need.
const PREFIX_MAX_BYTES: usize = 256;

/// Why `text` is no region's name.
pub(crate) fn region(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.split('-').collect();
    let words = |parts: &[&str]| {
        parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
    };
    let number = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let good = match parts.as_slice() {
        [words_of @ .., last] => words_of.len() >= 2 && words(words_of) && number(last),
        [] => false,
    };
    (!good).then_some("is no region's name")
}

/// Why `text` is not the ARN of a role.
pub(crate) fn role(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let good = match parts.as_slice() {
        ["arn", partition, "iam", "", account, resource] => {
            (*partition == "aws" || partition.starts_with("aws-"))
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && resource.strip_prefix("role/").is_some_and(|name| {
                    !name.is_empty()
                        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b))
                })
        }
        _ => false,
    };
    (!good).then_some("is not the ARN of a role")
}

/// Why a session cannot be called `text`.
pub(crate) fn session_name(text: &str) -> Option<&'static str> {
    let good = (2..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b));
    (!good).then_some("is not 2 to 64 letters, digits and `+=,.@_-`")
}

/// Why `text` is no external id.
pub(crate) fn external_id(text: &str) -> Option<&'static str> {
    let good = (2..=1224).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@:/_-".contains(&b));
    (!good).then_some("is not 2 to 1224 letters, digits and `+=,.@:/_-`")
}

/// Why names cannot begin with `text`.
pub(crate) fn prefix(text: &str) -> Option<&'static str> {
    if text.len() > PREFIX_MAX_BYTES {
        return Some("is longer than 256 bytes");
    }
    if text.split('/').any(str::is_empty) {
        return Some("is empty, or has a slash at an end or two in a row");
    }
    let taken = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b));
    (!taken).then_some("has characters that no secret's name can have")
}

/// Why `text` is no address to send credentials' signatures to. The address itself is never part of the answer: it may
/// hold a password.
pub(crate) fn endpoint(text: &str, insecure_http: bool) -> Option<&'static str> {
    let Ok(address) = Url::parse(text) else { return Some("is no address") };
    if !address.username().is_empty() || address.password().is_some() {
        return Some("has a user name in it");
    }
    if address.path() != "/" || address.query().is_some() || address.fragment().is_some() {
        return Some("has a path, a query or a fragment");
    }
    match address.scheme() {
        "https" => None,
        "http" if insecure_http || loopback(&address) => None,
        "http" => Some("is plain http beyond loopback"),
        _ => Some("is neither https nor http"),
    }
}

fn loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_from_other_words() {
        for good in ["eu-central-1", "us-gov-west-1", "cn-northwest-1", "ap-southeast-12", "us-iso-east-1"] {
            assert_eq!(region(good), None, "{good}");
        }
        for bad in [
            "",
            "eu",
            "eu-central",
            "EU-CENTRAL-1",
            "eu-central-1 ",
            "eu_central_1",
            "-a-1",
            "eu-central-100",
        ] {
            assert!(region(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn roles_are_told_from_other_arns() {
        for good in ["arn:aws:iam::123456789012:role/cofferdam", "arn:aws-cn:iam::123456789012:role/a/b/c_d"]
        {
            assert_eq!(role(good), None, "{good}");
        }
        for bad in [
            "",
            "cofferdam",
            "arn:aws:iam::123456789012:user/ada",
            "arn:aws:iam::12345678901:role/x",
            "arn:aws:iam:eu-central-1:123456789012:role/x",
            "arn:aws:iam::123456789012:role/",
            "arn:gcp:iam::123456789012:role/x",
            "arn:aws:sts::123456789012:role/x",
        ] {
            assert!(role(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in [
            "https://vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com",
            "http://127.0.0.1:5000",
            "http://[::1]:1",
            "http://localhost/",
        ] {
            assert_eq!(endpoint(good, false), None, "{good}");
        }
        assert!(endpoint("http://moto.internal:5000", false).is_some());
        assert_eq!(endpoint("http://moto.internal:5000", true), None);
        for bad in [
            "",
            "moto:5000",
            "ftp://127.0.0.1",
            "https://ada@host",
            "https://:pw@host",
            "https://host/path",
            "https://host/?q",
        ] {
            assert!(endpoint(bad, true).is_some(), "{bad}");
        }
    }

    #[test]
    fn prefixes_are_whole_segments() {
        for good in ["cofferdam", "team/cofferdam", "Team_1+=.@-"] {
            assert_eq!(prefix(good), None, "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "a b", "!a", "é", &"a".repeat(257)] {
            assert!(prefix(bad).is_some(), "{bad}");
        }
    }
}
