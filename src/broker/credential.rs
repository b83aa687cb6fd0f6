//! What an account needs to reach its service, and how it goes onto a request.

use std::collections::BTreeMap;
use std::fmt;

use cofferdam_vault::{ExposeSecret, FieldName, Secret, SecretString, Stage, Version};
use schemars::JsonSchema;
use serde::Deserialize;

use super::compartment::LeaseGuard;
use crate::braces::{Piece, pieces};

/// How a module's credential goes onto a request: the `[credential]` table of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialSpec {
    /// `Authorization: Bearer …`.
    Bearer {
        /// What stands behind `Bearer `; `{token}` where absent.
        #[serde(default = "CredentialTemplate::token")]
        token: CredentialTemplate,
    },
    /// One header or several.
    Header {
        /// Each header's name with its value: `{ x-api-key = "{token}" }`.
        headers: BTreeMap<String, CredentialTemplate>,
    },
    /// One query parameter or several.
    Query {
        /// Each parameter's name with its value: `{ api_key = "{token}" }`.
        params: BTreeMap<String, CredentialTemplate>,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user's name; `{username}` where absent.
        #[serde(default = "CredentialTemplate::username")]
        username: CredentialTemplate,
        /// The password; `{password}` where absent.
        #[serde(default = "CredentialTemplate::password")]
        password: CredentialTemplate,
    },
}

impl CredentialSpec {
    /// The fields that the secret must have, each once.
    pub fn fields(&self) -> Vec<FieldName> {
        let mut fields: Vec<FieldName> = self.templates().flat_map(|t| t.fields()).cloned().collect();
        fields.sort();
        fields.dedup();
        fields
    }

    fn templates(&self) -> Box<dyn Iterator<Item = &CredentialTemplate> + '_> {
        match self {
            Self::Bearer { token } => Box::new(std::iter::once(token)),
            Self::Header { headers: map } | Self::Query { params: map } => Box::new(map.values()),
            Self::Basic { username, password } => Box::new([username, password].into_iter()),
        }
    }
}

/// Text with `{field}` in it, for example `token {token}`; a brace that stands for itself is doubled.
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
    fn token() -> Self {
        Self::of("token")
    }

    fn username() -> Self {
        Self::of("username")
    }

    fn password() -> Self {
        Self::of("password")
    }

    fn of(field: &str) -> Self {
        Self(field.parse().map(Part::Field).into_iter().collect())
    }

    /// The fields that the text names.
    pub fn fields(&self) -> impl Iterator<Item = &FieldName> {
        self.0.iter().filter_map(|part| match part {
            Part::Field(name) => Some(name),
            Part::Text(_) => None,
        })
    }

    /// The text with the credential's fields in it.
    pub fn fill(&self, credential: &Credential) -> SecretString {
        let pieces = || {
            self.0.iter().map(|part| match part {
                Part::Text(literal) => literal,
                Part::Field(name) => credential.secret.expose(name).unwrap_or_default(),
            })
        };
        // Of its final size at once: growing would leave a copy behind that nobody wipes.
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
            return Err(
                "names no field of the secret; write `{token}` where the secret's text belongs".into()
            );
        }
        Ok(template)
    }
}

/// The secret of one account, as it was read; bound to the call that asked for it.
///
/// Only the broker makes one, and only connectors read it.
pub struct Credential {
    /// The module it belongs to.
    pub module: String,
    /// The account it belongs to.
    pub account: String,
    /// Which state of the secret it is.
    pub stage: Stage,
    pub(crate) secret: Secret,
    /// Where the secret has a lease: it is not released while this credential is there.
    pub(crate) lease: Option<LeaseGuard>,
}

impl Credential {
    /// The version of the secret.
    pub fn version(&self) -> &Version {
        &self.secret.version
    }

    /// The text of every field, for the scrubber.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.secret.fields.values().map(|text| text.expose_secret())
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("module", &self.module)
            .field("account", &self.account)
            .field("stage", &self.stage)
            .field("version", self.version())
            .finish_non_exhaustive()
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
