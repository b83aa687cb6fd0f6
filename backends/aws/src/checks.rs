//! Checks single settings. Each function returns why the value is invalid, or `None`.

/// Maximum length of a prefix: half of the API's limit for a name, which leaves room for a path.
const PREFIX_MAX_BYTES: usize = 256;

/// Checks the name of a region.
pub(crate) fn region(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.split('-').collect();
    let words = |parts: &[&str]| {
        parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
    };
    let number = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let valid = match parts.as_slice() {
        [words_of @ .., last] => words_of.len() >= 2 && words(words_of) && number(last),
        [] => false,
    };
    (!valid).then_some("is not the name of a region")
}

/// Checks the ARN of a role.
pub(crate) fn role(text: &str) -> Option<&'static str> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let valid = match parts.as_slice() {
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
    (!valid).then_some("is not the ARN of a role")
}

/// Checks the name of a session.
pub(crate) fn session_name(text: &str) -> Option<&'static str> {
    let valid = (2..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-".contains(&b));
    (!valid).then_some("must be 2 to 64 letters, digits and `+=,.@_-`")
}

/// Checks an external ID.
pub(crate) fn external_id(text: &str) -> Option<&'static str> {
    let valid = (2..=1224).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@:/_-".contains(&b));
    (!valid).then_some("must be 2 to 1224 letters, digits and `+=,.@:/_-`")
}

/// Checks the prefix of names.
pub(crate) fn prefix(text: &str) -> Option<&'static str> {
    if text.len() > PREFIX_MAX_BYTES {
        return Some("is longer than 256 bytes");
    }
    if text.split('/').any(str::is_empty) {
        return Some("is empty, starts or ends with a slash, or has two slashes in a row");
    }
    let allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b));
    (!allowed).then_some("contains a character other than letters, digits and `/_+=.@-`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_differ_from_other_words() {
        for valid in ["eu-central-1", "us-gov-west-1", "cn-northwest-1", "ap-southeast-12", "us-iso-east-1"] {
            assert_eq!(region(valid), None, "{valid}");
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
    fn roles_differ_from_other_arns() {
        for valid in ["arn:aws:iam::123456789012:role/cofferdam", "arn:aws-cn:iam::123456789012:role/a/b/c_d"]
        {
            assert_eq!(role(valid), None, "{valid}");
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
    fn prefixes_are_whole_segments() {
        for valid in ["cofferdam", "team/cofferdam", "Team_1+=.@-"] {
            assert_eq!(prefix(valid), None, "{valid}");
        }
        for bad in ["", "/a", "a/", "a//b", "a b", "!a", "é", &"a".repeat(257)] {
            assert!(prefix(bad).is_some(), "{bad}");
        }
    }
}
