use std::path::Path;

use super::ENTRIES;
use crate::access::Caller;
use crate::profile::{AccountEntry, ModuleEntry};
use crate::registry::{Manifests, Module, Registry, SideEffect};

fn every_module() -> Registry {
    let manifests = Manifests::load(None);
    let entries: Vec<ModuleEntry> = manifests
        .names()
        .iter()
        .map(|name| ModuleEntry {
            name: (*name).to_owned(),
            vault: "local".into(),
            manifest: (*name).to_owned(),
            accounts: vec![AccountEntry { name: "default".into(), base_url: None }],
            base_url: None,
            path: "{module}/{account}".into(),
            insecure_http: false,
        })
        .collect();
    Registry::load(&entries, &manifests)
}

fn fixture(module: &Module, tool: &str) -> Option<serde_json::Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(&module.name);
    let text = std::fs::read_to_string(folder.join(format!("{tool}.json"))).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

fn first_null(value: &serde_json::Value, at: &str) -> Option<String> {
    match value {
        serde_json::Value::Null => Some(at.to_owned()),
        serde_json::Value::Array(list) => list.iter().find_map(|entry| first_null(entry, at)),
        serde_json::Value::Object(map) => {
            map.iter().find_map(|(name, entry)| first_null(entry, &format!("{at}.{name}")))
        }
        _ => None,
    }
}

#[test]
fn every_shipped_manifest_has_no_problem() {
    let registry = every_module();
    let broken: Vec<String> = registry.broken().iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(registry.modules(&Caller::local()).count(), ENTRIES.len());
    for (module, entry) in registry.modules(&Caller::local()).zip(&ENTRIES) {
        assert_eq!(entry.file, format!("{}.toml", module.name));
        assert!(module.source.is_some(), "{} does not say where its facts come from", module.name);
    }
}

#[test]
fn every_shipped_argument_is_described() {
    let registry = every_module();
    for module in registry.modules(&Caller::local()) {
        for tool in &module.tools {
            for (name, argument) in tool.input_schema["properties"].as_object().unwrap() {
                assert!(argument["description"].is_string(), "{}.{}: {name}", module.name, tool.name);
            }
        }
    }
}

#[test]
fn what_is_kept_of_a_vendors_example_answer_holds_no_null_and_is_shorter() {
    let registry = every_module();
    for module in registry.modules(&Caller::local()) {
        for tool in &module.tools {
            let Some(select) = &tool.select else { continue };
            let answer = fixture(module, &tool.name)
                .unwrap_or_else(|| panic!("{}.{} selects and has no example answer", module.name, tool.name));
            let kept = serde_json::to_value(select.search(&answer).unwrap()).unwrap();
            let null = first_null(&kept, "");
            assert!(null.is_none(), "{}.{}: null at {null:?} of {kept}", module.name, tool.name);
            assert!(kept.to_string().len() <= answer.to_string().len(), "{}.{}", module.name, tool.name);
        }
    }
}

#[test]
fn github_has_the_tools_of_a_days_work_and_says_which_destroy() {
    let registry = every_module();
    let github = registry.module(&Caller::local(), "github").unwrap();
    assert!(github.tools.len() >= 12);
    let destructive = github.tools.iter().filter(|tool| tool.effects.side_effect == SideEffect::Destructive);
    assert_eq!(
        destructive.map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["delete_file", "merge_pull_request"]
    );
    for tool in &github.tools {
        let reads = ["get_", "list_", "search_"].iter().any(|start| tool.name.starts_with(start));
        assert_eq!(reads, tool.effects.side_effect == SideEffect::None, "{}", tool.name);
    }
}
