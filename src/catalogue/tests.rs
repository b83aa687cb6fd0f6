use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::ENTRIES;
use crate::broker::PathTemplate;
use crate::caller::Caller;
use crate::connectors::SideEffect;
use crate::connectors::search::select;
use crate::manifest::{ManifestLibrary, Tool};
use crate::profile::{AccountEntry, ModuleEntry, ToolFilter};
use crate::registry::{Module, Registry};

fn every_module() -> Registry {
    let manifests = ManifestLibrary::load(None);
    let entries: Vec<ModuleEntry> = manifests
        .names()
        .iter()
        .map(|name| ModuleEntry {
            name: (*name).to_owned(),
            vault: "local".into(),
            manifest: (*name).to_owned(),
            accounts: vec![AccountEntry { name: "default".into(), base_url: None }],
            // One of them leaves its address to the profile.
            base_url: Some("https://service.test".parse().unwrap()),
            path: PathTemplate::default(),
            insecure_http: false,
            tools: ToolFilter::default(),
            in_flight: None,
            queue: None,
            lookups: None,
        })
        .collect();
    Registry::load(&entries, &manifests)
}

/// The example answers of `module`, by tool.
fn fixtures(module: &Module) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for file in std::fs::read_dir(folder(module)).unwrap() {
        let path = file.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|kind| kind == "json") && stem != "openapi" {
            let text = std::fs::read_to_string(&path).unwrap();
            found.insert(stem, serde_json::from_str(&text).unwrap());
        }
    }
    found
}

fn folder(module: &Module) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(&module.name)
}

fn selected(tool: &Tool, answer: &Value) -> Value {
    select(tool.select.as_ref().unwrap(), answer, u64::MAX).unwrap().to_value()
}

/// Every object of an answer. One that a `select` passes on as it is may hold the vendor's own nulls.
fn objects(value: &Value, found: &mut Vec<Value>) {
    if value.is_object() {
        found.push(value.clone());
    }
    match value {
        Value::Array(list) => list.iter().for_each(|entry| objects(entry, found)),
        Value::Object(map) => map.values().for_each(|entry| objects(entry, found)),
        _ => {}
    }
}

fn first_null(value: &Value, at: &str, passed_on: &[Value]) -> Option<String> {
    match value {
        Value::Null => Some(at.to_owned()),
        Value::Array(list) => list.iter().find_map(|entry| first_null(entry, at, passed_on)),
        Value::Object(map) if !passed_on.contains(value) => {
            map.iter().find_map(|(name, entry)| first_null(entry, &format!("{at}.{name}"), passed_on))
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
        assert!(module.source.is_some(), "{} has no `source`", module.name);
        assert!(
            folder(module).join("README.md").exists(),
            "{} has no source of its example answers",
            module.name
        );
    }
}

#[test]
fn every_shipped_argument_is_described() {
    let registry = every_module();
    for module in registry.modules(&Caller::local()) {
        for tool in &module.tools {
            for (name, argument) in tool.operation.input_schema["properties"].as_object().unwrap() {
                assert!(argument["description"].is_string(), "{}.{}: {name}", module.name, tool.name);
            }
        }
    }
}

#[test]
fn what_is_kept_of_a_vendors_example_answer_holds_no_null_and_is_shorter() {
    let registry = every_module();
    for module in registry.modules(&Caller::local()) {
        let answers = fixtures(module);
        for tool in module.tools.iter().filter(|tool| tool.select.is_some()) {
            let name = format!("{}.{}", module.name, tool.name);
            let answer =
                answers.get(&tool.name).unwrap_or_else(|| panic!("{name} selects and has no example answer"));
            let selected = selected(tool, answer);
            let mut passed_on = Vec::new();
            objects(answer, &mut passed_on);
            let null = first_null(&selected, "", &passed_on);
            assert!(null.is_none(), "{name}: null at {null:?} of {selected}");
            assert!(selected != json!([]) && selected != json!({}), "{name} keeps nothing");
            assert!(
                selected.to_string().len() <= answer.to_string().len(),
                "{name} keeps more than there is"
            );
        }
        for tool in answers.keys() {
            let selects = module.tool(tool).is_some_and(|tool| tool.select.is_some());
            assert!(selects, "{}: an example answer for `{tool}`, which does not select", module.name);
        }
    }
}

#[test]
fn each_service_has_the_tools_of_a_days_work_and_says_which_destroy() {
    let registry = every_module();
    let destructive = |module: &str, at_least: usize| -> Vec<String> {
        let module = registry.module(&Caller::local(), module).unwrap();
        assert!(module.tools.len() >= at_least, "{} has {} tools", module.name, module.tools.len());
        let destroys =
            |tool: &&std::sync::Arc<Tool>| tool.operation.effects.side_effect == SideEffect::Destructive;
        module.tools.iter().filter(destroys).map(|tool| tool.name.clone()).collect()
    };
    assert_eq!(
        destructive("github", 27),
        ["delete_file", "merge_pull_request", "run_workflow", "rerun_workflow", "rerun_failed_jobs"]
    );
    assert_eq!(
        destructive("notion", 15),
        [
            "replace_page_markdown",
            "edit_page_markdown",
            "trash_page",
            "update_block",
            "delete_block",
            "update_data_source"
        ]
    );
    assert_eq!(
        destructive("supabase", 15),
        [
            "pause_project",
            "execute_sql",
            "apply_migration",
            "merge_branch",
            "reset_branch",
            "delete_branch",
            "delete_function"
        ]
    );
    assert_eq!(
        destructive("supabase_data", 6),
        ["upsert_rows", "update_rows", "delete_rows", "call_function"]
    );
}

#[test]
fn the_name_of_a_tool_says_whether_it_only_reads() {
    let registry = every_module();
    for module in registry.modules(&Caller::local()) {
        for tool in &module.tools {
            let verb = tool.name.split('_').next().unwrap();
            let reads = ["get", "list", "search", "query", "select", "generate"].contains(&verb);
            assert_eq!(
                reads,
                tool.operation.effects.side_effect == SideEffect::None,
                "{}.{}",
                module.name,
                tool.name
            );
        }
    }
}

#[test]
fn answers_that_hold_secrets_give_nothing_else_and_not_these() {
    let registry = every_module();
    let supabase = registry.module(&Caller::local(), "supabase").unwrap();
    let withheld: Vec<&str> =
        supabase.tools.iter().filter(|tool| !tool.full).map(|tool| tool.name.as_str()).collect();
    assert_eq!(withheld, ["list_secret_names", "list_api_key_names", "get_data_api_settings"]);
    let answers = fixtures(supabase);
    for (tool, secrets) in [
        ("list_secret_names", &["value"][..]),
        ("list_api_key_names", &["api_key", "hash", "prefix"]),
        ("get_data_api_settings", &["jwt_secret"]),
    ] {
        let answer = &answers[tool];
        let selected = selected(supabase.tool(tool).unwrap(), answer).to_string();
        for secret in secrets {
            let text = answer.get(0).unwrap_or(answer)[secret].as_str().unwrap();
            assert!(
                !selected.contains(text) && !selected.contains(secret),
                "{tool} shows `{secret}`: {selected}"
            );
        }
    }
}

#[test]
fn rows_are_filtered_by_listed_operators_alone_and_never_changed_without_a_filter() {
    let registry = every_module();
    let data = registry.module(&Caller::local(), "supabase_data").unwrap();
    let takes =
        |tool: &str, arguments: Value| data.tool(tool).unwrap().check(arguments.as_object().unwrap()).is_ok();
    let filtered = |filter: &str| {
        let read = takes("select_rows", json!({ "table": "orders", "limit": 1, "filter": filter }));
        for name in ["filter", "any"] {
            let either = takes("select_rows", json!({ "table": "orders", "limit": 1, name: filter }));
            assert_eq!(either, read, "{name} {filter}");
        }
        let delete = takes("delete_rows", json!({ "table": "orders", "filter": filter }));
        let update =
            takes("update_rows", json!({ "table": "orders", "filter": filter, "values": { "a": 1 } }));
        assert_eq!((delete, update), (read, read), "{filter}");
        read
    };
    for good in [
        "(id.eq.7)",
        "(status.eq.open,price.gte.10)",
        "(name.ilike.*ada*)",
        "(id.in.(1,2,3))",
        "(id.not.in.(1,\"a,b\"))",
        "(deleted_at.is.null)",
        "(name.not.eq.\"a,b (c)\")",
        "(data->>kind.eq.x)",
        "(at.gte.2026-01-31T00:00:00Z)",
        "(tags.cs.\"{a,b}\")",
        "(note.eq.\"say \\\"hi\\\"\")",
    ] {
        assert!(filtered(good), "{good} was rejected");
    }
    for bad in [
        "",
        "()",
        "id.eq.7",
        "(id.eq.)",
        "(id.foo.7)",
        "(id.foo.(1,2))",
        "(or(a.eq.1,b.eq.2))",
        "(id.eq.7)(x.eq.1)",
        "(id.eq.7),(x.eq.1)",
        "(id.eq.7",
        "(id=eq.7)",
        "(id.eq.7)&select=*",
        "(id.eq.a\"b)",
        "(id.is.7)",
        "(id.eq.a\nb)",
        "(id.in.())",
        "(id.not.not.eq.1)",
        "(1d.eq.2)",
        "(id.eq.\"a\"b)",
        "(id.eq.7)\n",
    ] {
        assert!(!filtered(bad), "{bad} was accepted");
    }
    assert!(!takes("delete_rows", json!({ "table": "orders" })));
    assert!(!takes("update_rows", json!({ "table": "orders", "values": { "a": 1 } })));
    assert!(!takes("select_rows", json!({ "table": "orders", "limit": 1, "status": "eq.open" })));
    for table in ["rpc/x", "a b", "../x", "a?b", ""] {
        assert!(!takes("select_rows", json!({ "table": table, "limit": 1 })), "{table} was accepted");
    }
}
