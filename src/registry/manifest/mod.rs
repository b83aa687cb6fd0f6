//! A manifest: the file that describes a module. A text in; a checked [`Manifest`], or everything that is wrong with
//! it, out.
//!
//! # Keys
//!
//! At the top `format` (1), `name`, `version`, `title`, `description`, `source` (where its facts come from; may be
//! absent), the tables `[http]` and `[credential]`, and `[[tools]]`, at least one.
//!
//! A tool has `name`, `description`, `side_effect` (`none`, `write`, `destructive`), `request`, and may have
//!
//! - `input`: the JSON Schema 2020-12 of its arguments, an object. Where absent it takes none. Further arguments are
//!   always refused.
//! - `select`: a JMESPath over the answer. Where absent the whole answer is given.
//! - `full`: whether a caller may ask for the whole answer. `true` where absent; `false` where an answer holds secrets
//!   beside what is selected.
//! - `idempotent`: whether a second identical call changes nothing more. Where absent, `true` for `none` and `false`
//!   for the others.
//! - `concurrency_safe`: whether two calls may run at once. `true` where absent.

mod input;
mod keys;
mod problem;
mod read;
mod section;
#[cfg(test)]
mod tests;
mod tool;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use toml::de::DeTable;

pub(super) use input::compile;
pub use problem::{BrokenManifest, ManifestProblem};
use section::{Found, Report, Section};

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

/// A manifest that has been checked; modules share it.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) source: Option<String>,
    pub(super) credential: CredentialSpec,
    pub(super) http: Arc<HttpSettings>,
    pub(super) tools: Vec<Arc<Tool>>,
    /// Where in `tools` a name stands.
    pub(super) tool_index: Arc<HashMap<String, usize>>,
}

/// A manifest that is refused.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its name, where that could be read.
    pub(super) name: Option<String>,
    /// By line; never empty.
    pub(super) problems: Vec<ManifestProblem>,
}

/// What the tools of a manifest have in common.
pub(super) struct Shared {
    credential: CredentialSpec,
    http: Arc<HttpSettings>,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it. A text that is no TOML has no other problems but that: the rest would be echoes.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
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
            _ => Err(Refused { name, problems: report.into_problems() }),
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
    let title = on_one_line(root, "title", TITLE_MAX);
    let description = on_one_line(root, "description", DESCRIPTION_MAX);
    let source = root.text("source", "`source = \"https://…\"`");
    if let Some(source) = source.as_ref().filter(|source| !is_address(source.value)) {
        source.refuse("is no address", "write where its facts come from: `source = \"https://…\"`");
    }
    let shared = shared(root);
    let tools = tools(root, shared.as_ref());
    let manifest = (|| {
        let Shared { credential, http } = shared?;
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

/// A text that people and models read: not empty, and within `max` characters.
fn described<'a>(section: &Section<'a>, name: &str, max: usize) -> Option<Found<'a, &'a str>> {
    let text = section.required_text(name, &format!("`{name} = \"…\"`"))?;
    let length = text.value.chars().count();
    if text.value.trim().is_empty() {
        text.refuse("is empty", format!("say in up to {max} characters what it is"));
    } else if length > max {
        text.refuse(format!("has {length} characters"), format!("keep to {max}"));
    } else {
        return Some(text);
    }
    None
}

/// A described text on one line.
fn on_one_line(section: &Section<'_>, name: &str, max: usize) -> Option<String> {
    let text = described(section, name, max)?;
    let one = !text.value.contains(char::is_control);
    if !one {
        text.refuse("has more than one line, or a control character", "keep to one line");
    }
    one.then(|| text.value.to_owned())
}

fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|address| matches!(address.scheme(), "https" | "http"))
}

fn shared(root: &Section<'_>) -> Option<Shared> {
    let credential = root.required_table("credential", "`[credential]` with `kind = \"bearer\"`");
    let credential: Option<CredentialSpec> = credential.and_then(|table| table.read());
    let http = root.required_table("http", "`[http]` with `base_url = \"https://…\"`")?;
    let table = http.read()?;
    let credential = credential?;
    match HttpSettings::from_table(table, &credential) {
        Ok(settings) => Some(Shared { credential, http: Arc::new(settings) }),
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

fn tools(root: &Section<'_>, shared: Option<&Shared>) -> Vec<Arc<Tool>> {
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
        read.extend(tool::read(&section, shared).map(Arc::new));
    }
    read
}
