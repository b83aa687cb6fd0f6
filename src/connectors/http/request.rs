//! A tool's `request`: as it is written, and checked against the arguments that the tool declares.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::finding::Finding;
use super::settings::HttpSettings;
use crate::broker::CredentialSpec;

/// A tool's `request`, as it is written.
///
/// `query` and `body` take a list, a table, or a list with tables in it:
///
/// ```toml
/// query = ["state", "labels"]                                  # arguments under their own names
/// query = { state = "{state}", per_page = "{limit}", v = "2" } # renamed on the wire, and a constant
/// body = ["title", { parent = { page_id = "{page}" } }]        # both
/// body = "{payload}"                                           # one argument is the whole body
/// ```
///
/// A text that is one placeholder takes the argument with its JSON type; a placeholder inside a longer text
/// (`"repo:{repo} {terms}"`) takes it as text, and its argument must be required. A brace that stands for itself is
/// doubled. An absent argument is left out, and so is a table or list that held nothing but absent arguments.
/// `null` is sent in a JSON body, and left out elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTable {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Where below the base address: `/repos/{owner}/{repo}/contents/{path*}`. `{path*}` may hold slashes.
    pub path: String,
    /// The query's parameters. None where absent.
    pub query: Option<Value>,
    /// Headers of this tool, over those of the module: a constant or a text with placeholders. None where absent.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body. None where absent.
    pub body: Option<Value>,
    /// How the body is written. `"json"` where absent.
    #[serde(default)]
    pub body_format: BodyFormat,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/json`.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// An argument that a tool declares in its input schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredArgument<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether a call must carry it.
    pub required: bool,
}

/// A tool's `request`, checked against the arguments it declares.
#[derive(Debug)]
pub struct RequestTemplate {}

impl RequestTemplate {
    /// Checks a tool's `request`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it at once; keys are those inside the `request` table. An argument that is
    /// declared and not used is reported at the empty key.
    pub fn from_table(
        table: RequestTable,
        declared: &[DeclaredArgument<'_>],
        settings: &HttpSettings,
        credential: &CredentialSpec,
    ) -> Result<Self, Vec<Finding>> {
        todo!()
    }
}
