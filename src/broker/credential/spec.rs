//! How a module's credential is applied to a request.

use std::collections::BTreeMap;

use cofferdam_vault::FieldName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::template::CredentialTemplate;

/// How a module's credential is applied to a request: the `[credential]` table of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialSpec {
    /// `Authorization: Bearer …`.
    Bearer {
        /// What follows `Bearer `. Default `{token}`.
        #[serde(default = "CredentialTemplate::token")]
        token: CredentialTemplate,
    },
    /// One or more headers.
    Header {
        /// Each header's name with its value: `{ x-api-key = "{token}" }`.
        headers: BTreeMap<String, CredentialTemplate>,
    },
    /// One or more query parameters.
    Query {
        /// Each parameter's name with its value: `{ api_key = "{token}" }`.
        params: BTreeMap<String, CredentialTemplate>,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// The user name. Default `{username}`.
        #[serde(default = "CredentialTemplate::username")]
        username: CredentialTemplate,
        /// The password. Default `{password}`.
        #[serde(default = "CredentialTemplate::password")]
        password: CredentialTemplate,
    },
}

impl CredentialSpec {
    /// The fields that the secret must have, sorted and without duplicates.
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
