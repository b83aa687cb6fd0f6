//! The content of one version of a secret: its fields, or a tombstone.

use cofferdam_vault::{ErrorKind, FieldName, SecretFields, SecretText, VaultError};

/// The member of a tombstone. No field can have this name.
const DELETED: &str = "cofferdam:deleted";
/// Replaces a deleted secret, so that a delete conflicts with concurrent writes.
pub(crate) const TOMBSTONE: &str = r#"{"cofferdam:deleted":true}"#;

/// The content of one version of a secret.
pub(crate) enum Content {
    Present(SecretText),
    /// A tombstone.
    Deleted,
}

impl Content {
    /// Parses the string of a secret, which is `None` if the secret is binary.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        match text.map_or(SecretText::Binary, SecretText::parse) {
            SecretText::Fields(fields) if fields.has_member(DELETED) => Self::Deleted,
            text => Self::Present(text),
        }
    }

    /// The fields `names`, or all of them if `names` is empty; `secret` is the name of the secret, for messages.
    ///
    /// # Errors
    ///
    /// `NotFound` (secret) for a deleted secret, and those of [`SecretText::select`].
    pub(crate) fn select(self, secret: &str, names: &[FieldName]) -> Result<SecretFields, VaultError> {
        let secret = format!("the secret {secret}");
        match self {
            Self::Present(text) => text.select(secret, names),
            Self::Deleted => {
                Err(VaultError::secret(ErrorKind::NotFound, format!("{secret} is deleted; write it again")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_vault::testkit::field;

    #[test]
    fn a_tombstone_is_absent_and_binary_content_is_malformed() {
        for names in [vec![field("token")], Vec::new()] {
            let kind =
                |text| Content::parse(text).select("a/b", &names).map(drop).map_err(|error| error.kind());
            assert_eq!(kind(Some(TOMBSTONE)), Err(ErrorKind::NotFound));
            assert_eq!(kind(None), Err(ErrorKind::Malformed));
        }
    }
}
