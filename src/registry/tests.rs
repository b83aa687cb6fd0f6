use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::*;
use crate::broker::PathTemplate;
use crate::profile::{AccountEntry, ToolFilter};

fn entry(name: &str, manifest: &str) -> ModuleEntry {
    let account = |name: &str| AccountEntry { name: name.into(), base_url: None };
    ModuleEntry {
        name: name.into(),
        vault: "local".into(),
        manifest: manifest.into(),
        accounts: vec![account("work"), account("personal")],
        base_url: None,
        path: PathTemplate::default(),
        insecure_http: false,
        tools: ToolFilter::default(),
        in_flight: None,
        queue: None,
        lookups: None,
    }
}

fn manifest(name: &str, tools: &[&str]) -> String {
    let mut text = format!(
        "format = 1\nname = \"{name}\"\nversion = \"2.0.0\"\ntitle = \"{name}\"\ndescription = \"About {name}\"\n\
         [http]\nbase_url = \"https://{name}.test/v1\"\n[credential]\nkind = \"bearer\"\n"
    );
    for tool in tools {
        write!(
            text,
            "[[tools]]\nname = \"{tool}\"\ndescription = \"Does {tool} with a widget\"\nside_effect = \"none\"\n\
             request = {{ method = \"GET\", path = \"/{{id}}\", query = [\"count\", \"tags\"] }}\n\
             select = \"{{id: id, items: items[].{{name: name, url: html_url}}}}\"\n\
             input.required = [\"id\"]\n\
             input.properties.id = {{ type = \"string\", maxLength = 8, description = \"Which one\" }}\n\
             input.properties.count = {{ type = [\"integer\", \"null\"], minimum = 1, description = \"How many\" }}\n\
             input.properties.tags = {{ type = \"array\", items = {{ enum = [\"a\", \"b\"] }}, description = \"Tags\" }}\n"
        )
        .unwrap();
    }
    text
}

fn github() -> Registry {
    Registry::load(&[entry("github", "github")], &ManifestLibrary::load(None))
}

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn a_module_has_the_look_ups_of_its_profile_or_else_of_its_manifest() {
    let manifest = manifest("m", &["one"]).replace("[credential]", "limits = { lookups = 7 }\n[credential]");
    let manifests = ManifestLibrary::from_files([("m/m.toml", manifest.as_str())]);
    let entries = [ModuleEntry { lookups: Some(5), ..entry("set", "m") }, entry("absent", "m")];
    let registry = Registry::load(&entries, &manifests);
    for (module, lookups) in [("set", 5), ("absent", 7)] {
        let clients = format!("{:?}", registry.module(&Caller::local(), module).unwrap().service.clients);
        assert!(clients.contains(&format!("Module({module:?}), max: {lookups}")), "{clients}");
    }
}

/// A module may keep connections to every address that its accounts have, and at most one for each call.
#[test]
fn a_module_may_have_files_open_for_each_address_of_its_accounts() {
    let text = manifest("m", &["one"]);
    let manifests = ManifestLibrary::from_files([("m/m.toml", text.as_str())]);
    let account = |index: usize, base_url: &str| AccountEntry {
        name: format!("account{index}"),
        base_url: Some(base_url.parse().unwrap()),
    };
    let accounts = |urls: &[&str]| urls.iter().enumerate().map(|(index, url)| account(index, url)).collect();
    let many: Vec<String> = (0..50).map(|index| format!("https://site{index}.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let entries = [
        entry("one", "m"),
        ModuleEntry {
            accounts: accounts(&["https://a.example/x", "https://a.example/y", "https://a.example:8443"]),
            ..entry("two", "m")
        },
        ModuleEntry { accounts: accounts(&many), lookups: Some(7), ..entry("many", "m") },
        ModuleEntry { accounts: accounts(&many), in_flight: Some(3), ..entry("few calls", "m") },
    ];
    let registry = Registry::load(&entries, &manifests);
    let files: Vec<_> = registry.all_modules().iter().map(|module| module.max_idle_files()).collect();
    assert_eq!(files, [32 + 4, 2 * 32 + 4, 50 * 32 + 14, 50 * 3 + 4]);
}

#[test]
fn a_broken_manifest_takes_down_its_module_and_no_other() {
    let good = manifest("good", &["one"]);
    let bad = good.replace("\"good\"", "\"bad\"").replace("side_effect = \"none\"", "");
    let manifests = ManifestLibrary::from_files([
        ("m/bad.toml", bad.as_str()),
        ("m/good.toml", &good),
        ("m/junk.toml", "junk"),
    ]);
    let entries = [entry("first", "bad"), entry("second", "good"), entry("third", "godo")];
    let registry = Registry::load(&entries, &manifests);
    let names: Vec<_> = registry.modules(&Caller::local()).map(|module| module.name.as_str()).collect();
    assert_eq!(names, ["second"]);
    let broken: Vec<_> = registry.broken().iter().map(|b| (b.module.as_deref(), b.file.as_str())).collect();
    assert_eq!(broken, [(Some("first"), "m/bad.toml"), (Some("third"), "godo.toml"), (None, "m/junk.toml")]);
    assert!(
        registry.broken()[0].to_string().starts_with("m/bad.toml:10:1  tools.one.side_effect: is missing; ")
    );
    assert!(registry.broken()[1].to_string().ends_with("did you mean \"good\"?"));
    assert!(registry.module(&Caller::local(), "first").is_none());
}

#[test]
fn two_modules_may_share_a_manifest_and_an_address_comes_from_the_nearest() {
    let mut moved = entry("moved", "github");
    moved.base_url = Some("https://github.example.test/api/v3".parse().unwrap());
    moved.accounts[1].base_url = Some("https://other.example.test/".parse().unwrap());
    let registry = Registry::load(&[entry("github", "github"), moved], &ManifestLibrary::load(None));
    let of = |module: &str, account: &str| {
        let module = registry.module(&Caller::local(), module).unwrap();
        module.account(account).unwrap().endpoint.base_url.to_string()
    };
    assert_eq!(of("github", "work"), "https://api.github.com/");
    assert_eq!(of("moved", "work"), "https://github.example.test/api/v3");
    assert_eq!(of("moved", "personal"), "https://other.example.test/");
    let tool = |module: &str| registry.module(&Caller::local(), module).unwrap().tool("get_issue").unwrap();
    assert!(Arc::ptr_eq(tool("github"), tool("moved")));
}

#[test]
fn the_limits_of_a_profile_go_before_those_of_the_manifest() {
    let text = manifest("m", &["one"])
        .replace("[credential]", "limits = { in_flight = 5, queue = 6 }\n[credential]");
    let mut own = entry("own", "m");
    (own.in_flight, own.queue) = (Some(7), Some(0));
    let manifests = ManifestLibrary::from_files([("m/m.toml", text.as_str())]);
    let registry = Registry::load(&[entry("plain", "m"), own], &manifests);
    let limits = |module: &str| {
        let module = registry.module(&Caller::local(), module).unwrap();
        (module.limits.in_flight, module.limits.queue, module.permits.available_permits())
    };
    assert_eq!((limits("plain"), limits("own")), ((5, 6, 5), (7, 0, 7)));
}

#[test]
fn the_folder_goes_before_the_catalogue_even_when_it_is_broken() {
    let own = manifest("github", &["only_this"]);
    let registry = Registry::load(
        &[entry("github", "github")],
        &ManifestLibrary::from_files([("m/github.toml", own.as_str())]),
    );
    let module = registry.module(&Caller::local(), "github").unwrap();
    assert!(module.tool("only_this").is_some() && module.tool("get_issue").is_none());

    let manifests = ManifestLibrary::from_files([("m/github.toml", "junk")]);
    let registry = Registry::load(&[entry("github", "github")], &manifests);
    assert!(registry.module(&Caller::local(), "github").is_none());
    assert_eq!(registry.broken()[0].file, "m/github.toml");
    assert!(manifests.names().contains(&"github"), "an invalid manifest must not make the profile invalid");
    assert_eq!(manifests.credential_fields("github"), Some(Vec::new()));
    assert_eq!(manifests.credential_fields("absent"), None);
}

#[test]
fn a_second_file_with_one_name_is_rejected_and_the_first_stays() {
    let (a, b) = (manifest("acme", &["first"]), manifest("acme", &["second"]));
    let manifests = ManifestLibrary::from_files([("m/a.toml", a.as_str()), ("m/b.toml", &b)]);
    let registry = Registry::load(&[entry("acme", "acme")], &manifests);
    assert!(registry.module(&Caller::local(), "acme").unwrap().tool("first").is_some());
    assert_eq!(registry.broken().len(), 1);
    assert!(registry.broken()[0].to_string().contains("already defined in m/a.toml"));
}

#[test]
fn only_regular_files_of_bounded_size_are_read_from_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    put("acme.toml", manifest("acme", &["one"]).as_bytes());
    put("notes.txt", b"no manifest");
    put(".acme.toml", b"an editor's");
    put("big.toml", &vec![b'#'; 1024 * 1024 + 1]);
    put("latin.toml", b"title = \"caf\xe9\"");
    std::fs::create_dir(folder.path().join("folder.toml")).unwrap();
    let manifests = ManifestLibrary::load(Some(folder.path()));
    let registry = Registry::load(&[entry("acme", "acme")], &manifests);
    assert_eq!(registry.modules(&Caller::local()).count(), 1);
    let reported: Vec<_> =
        registry.broken().iter().map(|b| b.problems.iter().next().unwrap().message.as_str()).collect();
    assert_eq!(reported, ["is larger than 1024 KiB", "is not a regular file", "is not valid UTF-8"]);

    let manifests = ManifestLibrary::load(Some(&folder.path().join("absent")));
    let registry = Registry::load(&[entry("github", "github")], &manifests);
    assert_eq!(registry.modules(&Caller::local()).count(), 1);
    assert!(registry.broken()[0].to_string().contains("absent  cannot read this folder of manifests: "));
}

#[test]
fn wrong_arguments_are_reported_together_and_without_their_values() {
    let text = manifest("acme", &["one"]);
    let registry = Registry::load(
        &[entry("acme", "acme")],
        &ManifestLibrary::from_files([("m/acme.toml", text.as_str())]),
    );
    let module = registry.module(&Caller::local(), "acme").unwrap();
    let tool = module.tool("one").unwrap();
    assert_eq!(tool.check(&arguments(json!({"id": "x", "count": null, "tags": ["a"]}))), Ok(()));
    let secret = "hunter2".repeat(1000);
    for (sent, reported) in [
        (json!({}), "the argument `id` is missing"),
        (json!({"id": 7}), "`id` must be a string"),
        (json!({"id": secret}), "`id` must have at most 8 characters"),
        (json!({"id": "x", "count": "y"}), "`count` must be null or an integer"),
        (json!({"id": "x", "count": 0}), "`count` must be at least 1"),
        (json!({"id": "x", "tags": ["a", secret]}), "`tags.1` must be one of a, b"),
        (json!({"id": "x", "cuont": 1}), "unknown argument `cuont`; did you mean `count`?"),
    ] {
        assert_eq!(tool.check(&arguments(sent)), Err(reported.to_owned()));
    }
    let several = tool.check(&arguments(json!({"count": "y", "more": 1}))).unwrap_err();
    for part in ["`id` is missing", "`count` must be", "unknown argument `more`"] {
        assert!(several.contains(part), "{several}");
    }
}

#[test]
fn however_much_is_wrong_the_answer_stays_short() {
    let github = github();
    let tool = github.module(&Caller::local(), "github").unwrap().tool("create_issue").unwrap();
    let labels: Vec<Value> = (0..10_000).map(Value::from).collect();
    let mut sent = arguments(json!({"owner": "o", "repo": "r", "title": "t", "labels": labels}));
    for at in 0..10_000 {
        sent.insert(format!("{}\u{1b}{at}", "x".repeat(1000)), json!(1));
    }
    let reported = tool.check(&sent).unwrap_err();
    assert!(reported.len() < 2000, "{} bytes", reported.len());
    assert!(reported.ends_with("; and more") && !reported.contains('\u{1b}'), "{reported}");
}

#[test]
fn a_module_without_an_address_is_left_out_and_the_profile_is_to_blame() {
    let text = manifest("nowhere", &["one"]).replace("base_url = \"https://nowhere.test/v1\"\n", "");
    let manifests = ManifestLibrary::from_files([("m/nowhere.toml", text.as_str())]);
    let mut half = entry("half", "nowhere");
    half.accounts[0].base_url = Some("https://work.example.test/".parse().unwrap());
    let mut addressed = entry("addressed", "nowhere");
    addressed.base_url = Some("https://all.example.test/".parse().unwrap());
    addressed.accounts[0].base_url = half.accounts[0].base_url.clone();
    let registry = Registry::load(&[entry("none", "nowhere"), half, addressed], &manifests);
    let reported: Vec<String> = registry.broken().iter().map(ToString::to_string).collect();
    let report = |module: &str, accounts: &str| {
        format!(
            "modules.{module}: needs a `base_url` for {accounts}, because its manifest has none; \
             add base_url = \"https://…\" in the profile, to the module or to each account"
        )
    };
    assert_eq!(reported, [report("none", "work, personal"), report("half", "personal")]);
    let module = registry.module(&Caller::local(), "addressed").unwrap();
    let addresses: Vec<&str> =
        module.accounts.iter().map(|account| account.endpoint.base_url.as_str()).collect();
    assert_eq!(addresses, ["https://work.example.test/", "https://all.example.test/"]);
}

#[test]
fn a_search_finds_the_obvious_first() {
    let registry = github();
    for (query, expected) in [
        ("create issue", "create_issue"),
        ("open a new issue", "create_issue"),
        ("merging a PR pull request", "merge_pull_request"),
        ("search code", "search_code"),
        ("list repositories", "list_repositories"),
        ("who am I, authenticated user", "get_authenticated_user"),
        ("GitHub Actions workflow runs", "list_workflow_runs"),
        ("comment on an issue", "add_issue_comment"),
        ("deleteFile", "delete_file"),
        ("branches", "list_branches"),
        ("diff of a pull request's changed files", "list_pull_request_files"),
    ] {
        let found = registry.search(&Caller::local(), query, 3);
        let names: Vec<_> = found.iter().map(|(_, tool)| tool.name.as_str()).collect();
        assert_eq!(names.first(), Some(&expected), "{query:?} found {names:?}");
        assert!(names.len() <= 3);
    }
    let by_prefix = registry.search(&Caller::local(), "repo", 20);
    assert!(by_prefix.iter().any(|(_, tool)| tool.name == "get_repository"));
    for nothing in ["", " the of ", "xyzzy", &"\u{1f600}".repeat(100_000)] {
        assert!(registry.search(&Caller::local(), nothing, 5).is_empty());
    }
}

#[test]
fn a_thousand_modules_of_twenty_tools_load_and_are_found() {
    let names: Vec<String> =
        (0..20).map(|at| format!("{}_{at}", ["get", "list", "create", "find"][at % 4])).collect();
    let tools: Vec<&str> = names.iter().map(String::as_str).collect();
    let sources: Vec<(String, String)> = (0..1000)
        .map(|at| (format!("m/service{at}.toml"), manifest(&format!("service{at}"), &tools)))
        .collect();
    let entries: Vec<ModuleEntry> =
        (0..1000).map(|at| entry(&format!("service{at}"), &format!("service{at}"))).collect();
    let started = Instant::now();
    let manifests =
        ManifestLibrary::from_files(sources.iter().map(|(file, text)| (file.as_str(), text.as_str())));
    let checked = started.elapsed();
    let registry = Registry::load(&entries, &manifests);
    let loaded = started.elapsed();
    assert!(registry.broken().is_empty());
    let count = registry.modules(&Caller::local()).map(|module| module.tools.len()).sum::<usize>();
    assert_eq!((registry.modules(&Caller::local()).count(), count), (1000, 20_000));
    // Nothing was compiled that was not called.
    let compiled = |module: &Arc<Module>| module.tools.iter().filter(|tool| tool.is_compiled()).count();
    assert_eq!(registry.modules(&Caller::local()).map(compiled).sum::<usize>(), 0);
    let asked = Instant::now();
    let found = registry.search(&Caller::local(), "create a widget in service 777 create_6", 5);
    println!("checked in {checked:?}, indexed in {:?}, searched in {:?}", loaded - checked, asked.elapsed());
    assert_eq!(found.len(), 5);
    let (module, tool) = &registry.search(&Caller::local(), "service777 create", 1)[0];
    assert_eq!(module.name, "service777");
    assert!(tool.name.starts_with("create"));
}

#[test]
fn a_tool_that_the_profile_leaves_out_does_not_exist() {
    let text = r#"
        [vaults.local]
        backend = "env"
        [modules.github]
        vault = "local"
        tools = ["*_issue", "list_issues"]
        effects = ["none", "write"]
        [modules.all]
        vault = "local"
        manifest = "github"
        [modules.reading]
        vault = "local"
        manifest = "github"
        read_only = true
    "#;
    let source =
        crate::profile::Source::new("p", "p.toml".into(), std::path::Path::new("/"), text.to_owned());
    let manifests = ManifestLibrary::load(None);
    let profile = crate::profile::parse(&source, &Default::default()).unwrap().check(&manifests).unwrap();
    let registry = Registry::load(&profile.modules, &manifests);
    let module = |name| registry.module(&Caller::local(), name).unwrap();
    let names: Vec<_> = module("github").tools.iter().map(|tool| tool.name.as_str()).collect();
    assert!(names.contains(&"list_issues") && names.contains(&"create_issue"), "{names:?}");
    assert!(names.iter().all(|name| name.ends_with("_issue") || *name == "list_issues"), "{names:?}");
    for tool in &module("github").tools {
        assert!(Arc::ptr_eq(module("github").tool(&tool.name).unwrap(), tool), "{}", tool.name);
    }
    assert!(module("github").tool("merge_pull_request").is_none());
    assert!(module("all").tool("merge_pull_request").is_some());
    assert!(
        module("reading").tool("get_issue").is_some() && module("reading").tool("create_issue").is_none()
    );
    let found = registry.search(&Caller::local(), "merge a pull request", 200);
    assert!(found.iter().any(|(module, tool)| module.name == "all" && tool.name == "merge_pull_request"));
    assert!(found.iter().all(|(module, tool)| module.name == "all" || tool.name != "merge_pull_request"));
}
