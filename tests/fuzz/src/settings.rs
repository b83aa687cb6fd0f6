//! Profiles and manifests: whatever a file says, its problems are reported, and no secret of it is.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cofferdam::caller::Caller;
use cofferdam::manifest::ManifestLibrary;
use cofferdam::profile::{self, Overrides, Profile, ProfileError, Source};
use cofferdam::registry::Registry;
use cofferdam_config::Diagnostics;
use serde_json::{Map, Value};

use crate::{CANARY, with_canaries};

/// Ends a manifest in the input of its target. The arguments of a call follow, as JSON.
const SEPARATOR: char = '\u{2}';

static MANIFESTS: LazyLock<ManifestLibrary> = LazyLock::new(|| ManifestLibrary::load(None));

/// A profile is checked twice with the same result. It is rejected if it is not TOML or if a name looks like a credential.
/// Each problem has its line, and no secret.
pub fn profile(data: &[u8]) {
    let text = String::from_utf8_lossy(&with_canaries(data)).into_owned();
    let result = check_profile(&text, &MANIFESTS);
    assert_eq!(shown(&result), shown(&check_profile(&text, &MANIFESTS)), "it depends on more than the text");
    assert!(!shown(&result).contains(CANARY), "{}", shown(&result));
    match &result {
        Ok(profile) => {
            let parsed = toml::from_str::<toml::Table>(&text);
            assert!(parsed.is_ok(), "a profile that is not TOML: {:?}", parsed.err());
            let modules = profile.modules.iter();
            let accounts = modules.clone().flat_map(|module| &module.accounts).map(|account| &account.name);
            let names = profile.vaults.iter().map(|vault| &vault.name);
            for name in names.chain(modules.map(|module| &module.name)).chain(accounts) {
                assert!(!name.contains(CANARY), "a credential is a name");
            }
            check_lines(&profile.warnings, &text);
        }
        Err(error) => {
            assert!(error.problems.has_errors(), "rejected for no reason");
            check_lines(&error.problems, &text);
        }
    }
}

fn check_profile(text: &str, manifests: &ManifestLibrary) -> Result<Profile, ProfileError> {
    let source = Source::new("fuzz", PathBuf::from("fuzz.toml"), Path::new("/nonexistent"), text.to_owned());
    profile::parse(&source, &Overrides::default()).and_then(|draft| draft.check(manifests))
}

/// All that a person sees of it.
fn shown(result: &Result<Profile, ProfileError>) -> String {
    match result {
        Ok(profile) => format!("{:?} {}", profile.warnings, profile.warnings),
        Err(error) => format!("{error:?} {error} {}", error.report()),
    }
}

/// Each problem is in the text, and there are not many more of them than it has words.
fn check_lines(found: &Diagnostics, text: &str) {
    let lines = text.split('\n').count();
    for diagnostic in found.iter() {
        let line = diagnostic.location.as_ref().and_then(|location| location.line);
        assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{diagnostic} in {lines} lines");
        assert!(!diagnostic.to_string().contains('\n'), "more than a line: {diagnostic}");
    }
    assert!(found.len() <= 20 + text.len(), "{} problems in {} bytes", found.len(), text.len());
}

/// A manifest is checked twice with the same result, and its problems hold no secret. All tools of an accepted one are
/// found, and judge any arguments without a value of them.
pub fn manifest(data: &[u8]) {
    let text = String::from_utf8_lossy(&with_canaries(data)).into_owned();
    let (text, arguments) = text.split_once(SEPARATOR).unwrap_or((&text, ""));
    let library = ManifestLibrary::from_text("fuzz.toml", text);
    let invalid = library.unused_invalid(&[]);
    let report = |library: &ManifestLibrary| {
        let invalid = library.unused_invalid(&[]);
        let reports: String = invalid.iter().map(|invalid| invalid.diagnostics.to_string()).collect();
        format!("{invalid:?} {reports} {:?}", library.names())
    };
    let (first, second) = (report(&library), report(&ManifestLibrary::from_text("fuzz.toml", text)));
    assert_eq!(first, second, "it depends on more than the text");
    assert!(!first.contains(CANARY), "{first}");
    for invalid in &invalid {
        check_lines(&invalid.diagnostics, text);
    }
    for name in library.names().into_iter().filter(|name| library.get(name).is_ok()) {
        let parsed = toml::from_str::<toml::Table>(text);
        assert!(parsed.is_ok(), "a manifest that is not TOML: {:?}", parsed.err());
        check_module(&library, name, &serde_json::from_str(arguments).unwrap_or_default());
    }
}

fn check_module(library: &ManifestLibrary, name: &str, arguments: &Map<String, Value>) {
    let profile = format!(
        "[vaults.local]\nbackend = \"env\"\n[modules.m]\nvault = \"local\"\nmanifest = \"{name}\"\n\
         base_url = \"https://svc.example\"\n"
    );
    let checked = check_profile(&profile, library);
    assert!(!shown(&checked).contains(CANARY), "{}", shown(&checked));
    let Ok(profile) = checked else { return };
    let registry = Registry::load(&profile.modules, library);
    let Some(module) = registry.module(&Caller::local(), "m") else { return };
    let manifest = library.get(name).unwrap();
    for tool in &manifest.tools {
        assert!(module.tool(&tool.name).is_some(), "{} is not there", tool.name);
        let found = registry.search(&Caller::local(), &tool.name, manifest.tools.len());
        assert!(
            found.iter().any(|(_, found)| found.name == tool.name),
            "a search does not find {}",
            tool.name
        );
        // A model that misspells an argument must recognise it, so names are quoted, and values are not.
        if let Err(error) = tool.check(arguments)
            && !keys(arguments).any(|key| key.contains(CANARY))
        {
            assert!(!error.contains(CANARY), "{error}");
        }
    }
}

/// The keys of an object, and of the objects in it.
fn keys(object: &Map<String, Value>) -> Box<dyn Iterator<Item = &String> + '_> {
    Box::new(object.keys().chain(object.values().flat_map(keys_in)))
}

fn keys_in(value: &Value) -> Box<dyn Iterator<Item = &String> + '_> {
    match value {
        Value::Object(object) => keys(object),
        Value::Array(items) => Box::new(items.iter().flat_map(keys_in)),
        _ => Box::new(std::iter::empty()),
    }
}
