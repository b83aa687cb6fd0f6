//! Reads and checks a whole manifest.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toml::de::DeTable;

use super::problem::ManifestError;
use super::section::{Report, Section};
use super::tool::Tool;
use crate::broker::CredentialSpec;
use crate::connectors::http::HttpSettings;

/// The one format of manifests that there is.
const FORMAT: &str = "1";

/// How long a title may be, in characters.
const TITLE_MAX: usize = 80;

/// How long a module's description may be, in characters: it stands in a list that a model reads on every turn.
const DESCRIPTION_MAX: usize = 200;

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
    /// Reads and checks a manifest.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it. A text that is no TOML has no other problems but that: the rest would be echoes.
    pub(super) fn parse(text: &str) -> Result<Self, ManifestError> {
        let report = Report::of(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let place = error.span().unwrap_or(0..0);
            // The parser's own message quotes nothing of the file.
            report.add(place, "", format!("is no valid TOML: {}", error.message()), "mend the line");
        }
        let (name, manifest) = match report.is_clean() {
            true => check(&Section::root(&report, table.get_ref())),
            false => (None, None),
        };
        match manifest {
            Some(manifest) if report.is_clean() => Ok(manifest),
            _ => Err(ManifestError { name, problems: report.into_problems() }),
        }
    }
}

/// The manifest's name where it is one, and the manifest where nothing was refused.
fn check(root: &Section<'_>) -> (Option<String>, Option<Manifest>) {
    // Another format may have other keys, and complaints about them would mislead.
    let Some(()) = format(root) else { return (module_name(root), None) };
    root.only(&KEYS);
    let name = module_name(root);
    let version = version(root);
    let title = root.line("title", TITLE_MAX);
    let description = root.line("description", DESCRIPTION_MAX);
    let source = root.text("source", "`source = \"https://…\"`");
    if let Some(source) = source.as_ref().filter(|source| !is_address(source.value)) {
        source.refuse("is no address", "write where its facts come from: `source = \"https://…\"`");
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

fn format(root: &Section<'_>) -> Option<()> {
    let format = root.required("format", "`format = 1`")?;
    if format.get_ref().as_integer().is_some_and(|number| number.as_str() == FORMAT) {
        return Some(());
    }
    root.report.add(format.span(), "format", "is not a format that this version reads", "write `format = 1`");
    None
}

fn module_name(root: &Section<'_>) -> Option<String> {
    let name = root.required_text("name", "`name = \"github\"`")?;
    let inner = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    let good = (1..=64).contains(&name.value.len())
        && name.value.bytes().all(inner)
        && !name.value.starts_with(['_', '-']);
    if !good {
        let remedy = "use up to 64 of `a`–`z`, `0`–`9`, `_` and `-`, beginning with a letter or digit";
        name.refuse("is no name for a module", remedy);
    }
    good.then(|| name.value.to_owned())
}

fn version(root: &Section<'_>) -> Option<String> {
    let version = root.required_text("version", "`version = \"1.0.0\"`")?;
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
    let good = (1..=64).contains(&version.value.len()) && version.value.bytes().all(inner);
    if !good {
        version.refuse("is no version", "write one like `version = \"1.0.0\"`");
    }
    good.then(|| version.value.to_owned())
}

fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|address| matches!(address.scheme(), "https" | "http"))
}

/// The connector's settings and the credential, which all tools share.
fn service(root: &Section<'_>) -> Option<(CredentialSpec, Arc<HttpSettings>)> {
    let credential = root.required_table("credential", "`[credential]` with `kind = \"bearer\"`");
    let credential: Option<CredentialSpec> = credential.and_then(|table| table.read());
    let http = root.required_table("http", "`[http]` with `base_url = \"https://…\"`")?;
    let table = http.read()?;
    let credential = credential?;
    match HttpSettings::from_table(table, &credential) {
        Ok(settings) => Some((credential, Arc::new(settings))),
        Err(findings) => {
            for finding in findings {
                // The connector also sees whether the credential fits, and then its key begins at the top.
                let from_top = finding.key.starts_with("credential.");
                let key = match (from_top, finding.key.is_empty()) {
                    (true, _) => finding.key,
                    (false, true) => http.key.clone(),
                    (false, false) => http.key_of(&finding.key),
                };
                root.report.add(root.place_of(&key), key, finding.message, finding.help);
            }
            None
        }
    }
}

fn tools(root: &Section<'_>, credential: Option<&CredentialSpec>) -> Vec<Arc<Tool>> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut read = Vec::new();
    for section in root.tables("tools", "a `[[tools]]` table") {
        let name = section.get("name").and_then(|name| name.get_ref().as_str());
        if name.is_some_and(|name| !seen.insert(name)) {
            section.report.add(
                section.place_of("name"),
                section.key_of("name"),
                "is the name of an earlier tool too",
                "give each tool a name of its own",
            );
        }
        read.extend(Tool::read(&section, credential).map(Arc::new));
    }
    read
}
