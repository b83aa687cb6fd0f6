//! Credential templates: strings with placeholders for the fields of a secret.

use cofferdam_vault::{FieldName, SecretString};
use schemars::JsonSchema;
use serde::Deserialize;

use super::secret::Credential;
use crate::placeholders::{Piece, pieces};

/// A string with `{field}` placeholders, for example `token {token}`. A literal brace is doubled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct CredentialTemplate(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(FieldName),
}

impl CredentialTemplate {
    pub(super) fn token() -> Self {
        Self::from_field("token")
    }

    pub(super) fn username() -> Self {
        Self::from_field("username")
    }

    pub(super) fn password() -> Self {
        Self::from_field("password")
    }

    fn from_field(field: &str) -> Self {
        Self(field.parse().map(Part::Field).into_iter().collect())
    }

    /// The fields that the template uses.
    pub fn fields(&self) -> impl Iterator<Item = &FieldName> {
        self.0.iter().filter_map(|part| match part {
            Part::Field(name) => Some(name),
            Part::Text(_) => None,
        })
    }

    /// Replaces each placeholder with the field of `credential`.
    pub fn render(&self, credential: &Credential) -> SecretString {
        let pieces = || {
            self.0.iter().map(|part| match part {
                Part::Text(literal) => literal,
                Part::Field(name) => credential.secret.expose(name).unwrap_or_default(),
            })
        };
        // Allocated once in its final size: growing would leave a copy that is never zeroized.
        let mut text = String::with_capacity(pieces().map(str::len).sum());
        pieces().for_each(|piece| text.push_str(piece));
        text.into()
    }
}

impl TryFrom<String> for CredentialTemplate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut parts = Vec::new();
        for piece in pieces(&text)? {
            parts.push(match piece {
                Piece::Literal(text) => Part::Text(text),
                Piece::Name(name) => Part::Field(name.parse().map_err(|e| format!("{e}"))?),
            });
        }
        let template = Self(parts);
        if template.fields().next().is_none() {
            return Err("names no field of the secret; write `{token}` where the secret belongs".into());
        }
        Ok(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_its_fields() {
        let template = CredentialTemplate::try_from("a{{b}} {token}:{client-id}".to_owned()).unwrap();
        assert_eq!(template.fields().map(FieldName::as_str).collect::<Vec<_>>(), ["token", "client-id"]);
    }

    #[test]
    fn a_template_without_a_field_is_refused() {
        for bad in ["", "literal", "{", "{}", "}", "{a b}", "Bearer {token"] {
            assert!(CredentialTemplate::try_from(bad.to_owned()).is_err(), "{bad:?} was taken");
        }
    }
}
