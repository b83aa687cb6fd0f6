//! `MODULE/ACCOUNT` on the command line.

use std::fmt;
use std::str::FromStr;

/// A reference to an account of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct AccountRef {
    pub(super) module: String,
    pub(super) account: String,
}

impl FromStr for AccountRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((module, account)) if !module.is_empty() && !account.is_empty() => {
                Ok(Self { module: module.into(), account: account.into() })
            }
            _ => Err("expected MODULE/ACCOUNT, for example `github/default`".into()),
        }
    }
}

impl fmt::Display for AccountRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.module, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_module_and_an_account() {
        let account: AccountRef = "github/work".parse().unwrap();
        assert_eq!((account.module.as_str(), account.account.as_str()), ("github", "work"));
        for bad in ["", "github", "github/", "/work"] {
            assert!(bad.parse::<AccountRef>().is_err(), "{bad:?} was accepted");
        }
    }
}
