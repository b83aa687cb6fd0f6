//! A module and its tools, checked and ready to be called.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::broker::CredentialSpec;
use crate::connectors::http::{Apart, HttpSettings, RequestTemplate};

/// A module as this process runs it: its manifest, and the accounts that the profile gives it.
#[derive(Debug)]
pub struct Module {
    /// Its name in the profile; two modules may share one manifest.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// The service's name.
    pub title: String,
    /// One line on what it is for.
    pub description: String,
    /// The address that the manifest's facts come from, where it says so.
    pub source: Option<String>,
    /// The accounts, the default first. Never empty.
    pub accounts: Vec<Account>,
    /// How its credential goes onto a request.
    pub credential: CredentialSpec,
    /// How its service is reached.
    pub http: Arc<HttpSettings>,
    /// Where its large answers are worked on.
    pub apart: Apart,
    /// Its tools in the manifest's order.
    pub tools: Vec<Arc<Tool>>,
    /// Where in `tools` a name stands; shared by the modules of one manifest.
    pub(crate) tool_index: Arc<HashMap<String, usize>>,
}

impl Module {
    /// The tool `name`.
    pub fn tool(&self, name: &str) -> Option<&Arc<Tool>> {
        self.tools.get(*self.tool_index.get(name)?)
    }

    /// The account `name`.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }
}

/// One account of a module.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Where the service is for this account: the account's own address, else the module's, else the manifest's.
    pub base_url: url::Url,
    /// Whether the credential may travel over plain `http` beyond loopback.
    pub insecure_http: bool,
}

/// One operation of a module.
#[derive(Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for a model.
    pub description: String,
    /// What it does to the world.
    pub effects: Effects,
    /// JSON Schema 2020-12 of the arguments: an object without further properties.
    pub input_schema: Arc<Map<String, Value>>,
    /// How the request is made from the arguments.
    pub request: RequestTemplate,
    /// What is kept of an answer.
    pub select: Option<jmespath::Expression<'static>>,
    /// Whether a caller may ask for the whole answer; where not, nothing but what is selected ever leaves.
    pub full: bool,
    /// Compiled on first use; an error where the schema cannot be, which the manifest's check should have found.
    pub(crate) validator: OnceLock<Result<jsonschema::Validator, String>>,
}

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// Nothing, a write, or a write that destroys.
    pub side_effect: SideEffect,
    /// Whether a second identical call changes nothing more.
    pub idempotent: bool,
    /// Whether two calls may run at once.
    pub concurrency_safe: bool,
}

/// Nothing, a write, or a write that destroys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SideEffect {
    /// It only reads.
    None,
    /// It changes or adds.
    Write,
    /// It deletes, or overwrites what cannot be brought back.
    Destructive,
}
