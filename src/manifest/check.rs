//! Reads and checks a whole manifest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cofferdam_config::document::{SourceText, TableReader, parse};
use cofferdam_config::quote::string;
use cofferdam_config::text;

use super::description::line;
use super::error::ManifestError;
use super::tool::Tool;
use crate::broker::CredentialSpec;
use crate::connectors::http::HttpSettings;

/// The only format of manifests.
const FORMAT: &str = "1";

/// The maximum length of a title, in characters.
const MAX_TITLE_CHARS: usize = 80;

/// The maximum length of a module's description, in characters. A model reads all descriptions on every turn.
const MAX_DESCRIPTION_CHARS: usize = 200;

const KEYS: [&str; 9] =
    ["format", "name", "version", "title", "description", "source", "http", "credential", "tools"];

/// A manifest that has been checked. Modules share it.
#[derive(Debug)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The service's name.
    pub title: String,
    /// One line that says what the service is for.
    pub description: String,
    /// The address of the documentation that its facts come from.
    pub source: Option<String>,
    /// How the credential is added to a request.
    pub credential: CredentialSpec,
    /// How the service is reached.
    pub http: Arc<HttpSettings>,
    /// The tools in the file's order.
    pub tools: Vec<Arc<Tool>>,
    /// The index in `tools` of each name.
    pub tool_index: Arc<HashMap<String, usize>>,
}

impl Manifest {
    /// Parses and checks a manifest.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it. If it is not valid TOML, only that: the rest would follow from it.
    pub(super) fn parse(source: &SourceText) -> Result<Self, ManifestError> {
        let document = parse(source);
        let collector = document.collector();
        let (name, manifest) = if collector.is_empty() {
            check(&TableReader::root(&collector, document.root()))
        } else {
            (None, None)
        };
        match manifest {
            Some(manifest) if collector.is_empty() => Ok(manifest),
            _ => Err(ManifestError { name, diagnostics: collector.into_diagnostics() }),
        }
    }
}

/// The manifest's name if it is valid, and the manifest if nothing is wrong with it.
fn check(root: &TableReader<'_>) -> (Option<String>, Option<Manifest>) {
    // Another format may have other keys, and complaints about them would mislead.
    let Some(()) = format(root) else { return (module_name(root), None) };
    root.deny_unknown_keys(&KEYS);
    let name = module_name(root);
    let version = version(root);
    let title = line(root, "title", MAX_TITLE_CHARS);
    let description = line(root, "description", MAX_DESCRIPTION_CHARS);
    let source = root.string("source", "source = \"https://…\"");
    if let Some(source) = source.as_ref().filter(|source| !is_web_address(source.value)) {
        source
            .error("must be a web address", "write the address of the documentation: source = \"https://…\"");
    }
    let service = service(root);
    let tools = tools(root, service.as_ref().map(|(credential, _)| credential));
    let manifest = (|| {
        let (credential, http) = service?;
        let tool_index = tools.iter().enumerate().map(|(at, tool)| (tool.name.clone(), at)).collect();
        Some(Manifest {
            name: name.clone()?,
            version: version?,
            title: title?,
            description: description?,
            source: source.map(|source| source.value.to_owned()),
            credential,
            http,
            tools,
            tool_index: Arc::new(tool_index),
        })
    })();
    (name, manifest)
}

fn format(root: &TableReader<'_>) -> Option<()> {
    let format = root.required("format", "format = 1")?;
    if format.get_ref().as_integer().is_some_and(|number| number.as_str() == FORMAT) {
        return Some(());
    }
    root.error("format", "this version supports format 1 only", "write format = 1");
    None
}

fn module_name(root: &TableReader<'_>) -> Option<String> {
    let name = root.required_string("name", "name = \"github\"")?;
    let inner = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let valid = (1..=64).contains(&name.value.len())
        && name.value.bytes().all(inner)
        && !name.value.starts_with(['_', '-']);
    if !valid {
        name.error(
            text!("{} is not a valid module name", string(name.value)),
            "use 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit",
        );
    }
    valid.then(|| name.value.to_owned())
}

fn version(root: &TableReader<'_>) -> Option<String> {
    let version = root.required_string("version", "version = \"1.0.0\"")?;
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
    let valid = (1..=64).contains(&version.value.len()) && version.value.bytes().all(inner);
    if !valid {
        let message = text!("{} is not a valid version", string(version.value));
        version.error(message, "write for example version = \"1.0.0\"");
    }
    valid.then(|| version.value.to_owned())
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|address| matches!(address.scheme(), "https" | "http"))
}

/// The credential and the connector's settings, which all tools share.
fn service(root: &TableReader<'_>) -> Option<(CredentialSpec, Arc<HttpSettings>)> {
    let credential = root.required_table("credential", "[credential] with kind = \"bearer\"");
    let credential: Option<CredentialSpec> = credential.and_then(|table| table.deserialize());
    let http = root.required_table("http", "[http] with base_url = \"https://…\"")?;
    let table = http.deserialize()?;
    let credential = credential?;
    match HttpSettings::from_table(table, &credential) {
        Ok(settings) => Some((credential, Arc::new(settings))),
        Err(diagnostics) => {
            for found in diagnostics {
                // The connector also checks the credential, whose keys it names from the top.
                let from_top = found.key.starts_with("credential.");
                root.push(if from_top { found } else { found.below("http") });
            }
            None
        }
    }
}

fn tools(root: &TableReader<'_>, credential: Option<&CredentialSpec>) -> Vec<Arc<Tool>> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut tools = Vec::new();
    for table in root.tables("tools", "a [[tools]] table") {
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        if name.is_some_and(|name| !seen.insert(name)) {
            table.error("name", "an earlier tool has this name", "give each tool its own name");
        }
        tools.extend(Tool::read(&table, credential).map(Arc::new));
    }
    tools
}
