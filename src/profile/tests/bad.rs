//! Wrong profiles, each with every line of its report.

use super::*;

/// The problems of a profile with `change` made to [`GOOD`].
fn with(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    problems(&GOOD.replacen(from, to, 1))
}

fn in_module(lines: &str) -> Vec<String> {
    problems(&format!("{GOOD}{lines}\n"))
}

fn in_vault(lines: &str) -> Vec<String> {
    with("\n\n[modules", &format!("\n{lines}\n[modules"))
}

fn in_server(lines: &str) -> Vec<String> {
    problems(&format!("{GOOD}[server]\n{lines}\n"))
}

#[test]
fn every_problem_is_reported_at_once() {
    let found = problems(
        r#"[vaults.a]
bakend = "store"
[vaults.b]
backend = "stor"
[vaults.c]
backend = "store"
address = "https://c.example"
attempt_timeout = "2 parsecs"
max_in_flight = 0
adress = "x"
[modules.github]
vault = "cc"
[modules.notion]
accounts = []
[modules.github]
vault = "c"
"#,
    );
    assert_eq!(
        found,
        [
            "p.toml:2:1  vaults.a.bakend: unknown key; did you mean \"backend\"?",
            "p.toml:4:11  vaults.b.backend: unknown backend \"stor\"; did you mean \"store\"? Allowed: store",
            "p.toml:8:19  vaults.c.attempt_timeout: \"2 parsecs\" is not a duration; \
             write a duration with its unit in double quotes, such as \"30s\" or \"5m\"",
            "p.toml:9:17  vaults.c.max_in_flight: 0 is out of range; write a number from 1 to 1024",
            "p.toml:10:1  vaults.c.adress: unknown key; did you mean \"address\"?",
            "p.toml:12:9  modules.github.vault: vault \"cc\" does not exist; did you mean \"c\"?",
            "p.toml:13:10  modules.notion: `vault` is missing; add `vault`: a string in double quotes",
            "p.toml:14:12  modules.notion.accounts: must not be empty; list at least one, or remove the key",
            "p.toml:15:10  modules.github: defined a second time; the first definition is in line 11; \
             keep one of the two, or rename one",
        ]
    );
}

#[test]
fn an_unknown_key_is_reported_with_the_nearest_at_every_level() {
    assert_eq!(problems("[severs]\n")[0], "p.toml:1:2  severs: unknown key; did you mean \"server\"?");
    assert_eq!(
        in_module("acounts = []"),
        ["p.toml:8:1  modules.github.acounts: unknown key; did you mean \"accounts\"?"]
    );
    assert_eq!(
        in_vault("breaker = { failurs = 3 }"),
        ["p.toml:5:13  vaults.main.breaker.failurs: unknown key; did you mean \"failures\"?"]
    );
    assert_eq!(
        in_vault(r#"auth = { method = "token", tokenfile = "x" }"#),
        ["p.toml:5:28  vaults.main.auth.tokenfile: unknown key; did you mean \"token_file\"?"]
    );
    assert_eq!(
        in_vault(r#"auth = { method = "tokn", token_file = "x" }"#),
        ["p.toml:5:19  vaults.main.auth.method: unknown method \"tokn\"; did you mean \"token\"? \
          Allowed: approle, token"]
    );
    assert_eq!(
        in_module("[[modules.github.accounts]]\nname = \"a\"\nbase_ur = \"x\""),
        ["p.toml:10:1  modules.github.accounts.0.base_ur: unknown key; did you mean \"base_url\"?"]
    );
    assert_eq!(
        in_vault("zebra = 1"),
        [
            "p.toml:5:1  vaults.main.zebra: unknown key; the keys here are backend, address, port, auth, cramped, \
          attempt_timeout, deadline, retries, max_in_flight, max_waiting, breaker, probe_interval, \
          cache_ttl, cache_entries, missing_ttl, stale_for, reject_interval"
        ]
    );
}

#[test]
fn a_backend_must_be_known_and_compiled_in() {
    assert_eq!(
        with("\"store\"", "\"papyrus\""),
        ["p.toml:3:11  vaults.main.backend: unknown backend \"papyrus\"; use store"]
    );
    assert_eq!(
        with("\"store\"", "\"safe\""),
        ["p.toml:3:11  vaults.main.backend: this binary was built without the backend \"safe\"; \
          build it with `--features safe`, or use store"]
    );
    assert_eq!(with("backend = \"store\"", ""), ["p.toml:2:9  vaults.main: `backend` is missing; use store"]);
}

#[test]
fn a_backends_own_diagnostic_is_located_at_its_key() {
    assert_eq!(
        with("https://", "gopher://"),
        ["p.toml:4:11  vaults.main.address: not an https address; write https://…"]
    );
    let both =
        problems(&GOOD.replace("https://", "gopher://").replace("\n\n[modules", "\nretires = 1\n[modules"));
    assert_eq!(
        both,
        [
            "p.toml:4:11  vaults.main.address: not an https address; write https://…",
            "p.toml:5:1  vaults.main.retires: unknown key; did you mean \"retries\"?",
        ]
    );
    assert_eq!(
        in_vault("port = 70000"),
        ["p.toml:5:8  vaults.main.port: 70000 is out of range; write a number from 0 to 65535"]
    );
}

#[test]
fn a_wrong_type_is_reported_without_the_value() {
    assert_eq!(
        in_vault("port = \"canary\"\ncramped = 1\nbreaker = 7"),
        [
            "p.toml:5:8  vaults.main.port: must not be a string; write a whole number without quotes",
            "p.toml:6:11  vaults.main.cramped: must not be a number; write `true` or `false` without quotes",
            "p.toml:7:11  vaults.main.breaker: must not be a number; write a table",
        ]
    );
    assert_eq!(
        in_module("accounts = [1]"),
        [
            "p.toml:8:13  modules.github.accounts.0: must not be a number; write a string in double quotes or a table with `name`"
        ]
    );
    assert_eq!(problems("vaults = 3\n")[0], "p.toml:1:10  vaults: must not be a number; write a table");
}

#[test]
fn a_duration_has_a_unit_and_bounds() {
    let bounds = |key: &str, value: &str| in_vault(&format!("{key} = \"{value}\""));
    for key in ["attempt_timeout", "deadline", "probe_interval"] {
        assert!(bounds(key, "0s")[0].contains(&format!("vaults.main.{key}: 0s is too short")), "{key}");
    }
    for key in ["cache_ttl", "missing_ttl", "stale_for", "reject_interval", "deadline"] {
        assert!(bounds(key, "500years")[0].contains("is too long"), "{key}");
        assert!(bounds(key, "5")[0].contains("5 is not a duration"), "{key}");
    }
    assert!(in_vault("breaker.window = \"0s\"")[0].contains("vaults.main.breaker.window: 0s is too short"));
    assert!(in_server("call_timeout = \"0s\"")[0].contains("server.call_timeout: 0s is too short"));
    assert!(in_server("call_timeout = \"2h\"")[0].contains("is too long"));
    assert!(in_server("drain_delay = \"11m\"")[0].contains("server.drain_delay: 11m is too long"));
    assert!(load_text(&format!("{GOOD}[server]\nshutdown_timeout = \"0s\"")).is_ok());
}

#[test]
fn a_name_fits_a_secrets_path() {
    for bad in ["GitHub", "\"git hub\"", "_x", "\"\"", "\"a/b\""] {
        let found = problems(&format!("{GOOD}[modules.{bad}]\nvault = \"main\"\nmanifest = \"github\"\n"));
        assert!(
            found[0].starts_with("p.toml:8:10  modules.") && found[0].contains("not a valid name"),
            "{found:?}"
        );
        let account = in_module(&format!("accounts = [\"{}\"]", bad.trim_matches('"')));
        assert!(account[0].contains("not a valid name"), "{account:?}");
    }
}

#[test]
fn names_that_differ_only_by_dashes_are_rejected() {
    let vault = "backend = \"store\"\naddress = \"https://x.example\"";
    let found = problems(&format!("[vaults.a-b]\n{vault}\n[vaults.a_b]\n{vault}\n"));
    assert_eq!(
        found[0],
        "p.toml:4:9  vaults.a_b: differs from \"a-b\" only in - and _; rename one of the two"
    );
}

#[test]
fn a_module_names_a_vault_a_manifest_and_each_account_once() {
    assert_eq!(
        with("vault = \"main\"", "vault = \"vault-x\""),
        ["p.toml:7:9  modules.github.vault: vault \"vault-x\" does not exist; the vaults are main"]
    );
    assert_eq!(
        with("[modules.github]", "[modules.gitub]"),
        ["p.toml:6:10  modules.gitub: manifest \"gitub\" does not exist; did you mean \"github\"? \
          Name one with `manifest`; the manifests are broken, github, notion, supabase, supabase_data"]
    );
    assert_eq!(
        in_module("manifest = \"noton\""),
        [
            "p.toml:8:12  modules.github.manifest: manifest \"noton\" does not exist; did you mean \"notion\"? \
          The manifests are broken, github, notion, supabase, supabase_data"
        ]
    );
    assert_eq!(
        in_module("accounts = [\"a\", { name = \"a\" }]"),
        ["p.toml:8:18  modules.github.accounts.1: account \"a\" is already listed; list each account once"]
    );
    assert!(in_module("in_flight = 0")[0].contains("modules.github.in_flight: 0 is out of range"));
    assert!(in_module("queue = -1")[0].contains("modules.github.queue: "));
    assert!(
        load_text(&format!("{GOOD}manifest = \"broken\"")).is_ok(),
        "the registry reports a broken manifest"
    );
}

#[test]
fn a_service_is_reached_by_https_unless_the_module_says_otherwise() {
    assert!(in_module("base_url = \"http://git.example\"")[0].contains("uses plain `http` beyond loopback"));
    assert!(load_text(&format!("{GOOD}base_url = \"http://git.example\"\ninsecure_http = true")).is_ok());
    let account = in_module("accounts = [{ name = \"a\", base_url = \"http://git.example\" }]");
    assert!(
        account[0].starts_with("p.toml:8:38  modules.github.accounts.0.base_url: uses plain `http`"),
        "{account:?}"
    );
}

#[test]
fn what_leaves_tools_out_is_checked_against_the_manifest() {
    for (keys, expected) in [
        (
            "tools = [\"list_*\", \"get_isue\"]",
            "p.toml:8:20  modules.github.tools.1: no tool of manifest \"github\" matches \"get_isue\"; did you mean \
             \"get_issue\"?",
        ),
        (
            "tools = [\"Get\"]",
            "p.toml:8:10  modules.github.tools.0: \"Get\" is not the name of a tool or a pattern; write a name, or a \
             pattern such as \"get_*\": a-z, 0-9, _ and * for any of them",
        ),
        (
            "read_only = true\neffects = [\"write\"]",
            "p.toml:8:13  modules.github.read_only: is true, and `effects` says which tools the module has; remove one of \
             them",
        ),
        (
            "tools = [\"create_*\"]\nread_only = true",
            "p.toml:6:10  modules.github: has no tool that `tools`, `effects` and `read_only` leave; change one of these \
             keys, or remove the module",
        ),
    ] {
        assert_eq!(in_module(keys), [expected]);
    }
    assert!(in_module("tools = []")[0].starts_with("p.toml:8:9  modules.github.tools: "));
    assert!(in_module("effects = [\"reads\"]")[0].starts_with("p.toml:8:12  modules.github.effects.0: "));
    let unknown = format!("{GOOD}manifest = \"broken\"\ntools = [\"x\"]");
    assert!(load_text(&unknown).is_ok(), "which tools a broken manifest has is not known");
}

#[test]
fn a_module_has_at_least_one_look_up() {
    for bad in [0, 65] {
        let found = in_module(&format!("lookups = {bad}"));
        let message = format!("modules.github.lookups: {bad} is out of range; write a number from 1 to 64");
        assert_eq!(found, [format!("p.toml:8:11  {message}")]);
    }
    let profile = load_text(&format!("{GOOD}lookups = 3")).unwrap();
    assert_eq!(profile.modules[0].lookups, Some(3));
    assert_eq!(load_text(GOOD).unwrap().modules[0].lookups, None);
}

#[test]
fn two_modules_never_read_one_secret() {
    let second = "path = \"{account}\"\n[modules.notion]\nvault = \"main\"\npath = \"{account}\"";
    assert_eq!(
        in_module(second),
        [
            "p.toml:11:8  modules.notion.path: account \"default\" of module \"notion\" reads the same secret as \
          account \"default\" of module \"github\": \"default\"; \
          put `{module}` into the path, or give one of the modules a vault with another `address`"
        ]
    );
    let users = second.replace("{account}", "{user}/{account}");
    assert_eq!(in_module(&users).len(), 1);
    assert!(
        load_text(&format!("{GOOD}{}", second.replace("\"{account}\"", "\"{module}/{account}\""))).is_ok()
    );
}

#[test]
fn a_vault_refuses_users_and_names_that_collide() {
    let cramped = GOOD.replace("\n\n[modules", "\ncramped = true\n[modules");
    assert_eq!(
        problems(&format!("{cramped}path = \"{{user}}/{{account}}\"")),
        ["p.toml:8:8  modules.github.path: `{user}` is not allowed: it is cramped; \
          remove `{user}`, or use another vault"]
    );
    assert_eq!(
        problems(&format!("{cramped}accounts = [\"a\", \"b\"]")),
        [
            "p.toml:8:12  modules.github.accounts: account \"b\" of module \"github\" reads the same secret as \
          account \"a\" of module \"github\": \"token\"; rename one of the two accounts"
        ]
    );
}

#[test]
fn the_server_listens_where_it_can() {
    assert!(in_server("listen = \"localhost:1\"")[0].contains("p.toml:9:10  server.listen: not an address"));
    assert!(
        in_server("listen = \"127.0.0.1:7081\"")[0]
            .contains("server.admin_listen: must not be the same as `listen`")
    );
    assert!(
        load_text(&format!("{GOOD}[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\""))
            .is_ok()
    );
    assert!(in_server("max_connections = 0")[0].contains("server.max_connections: 0 is out of range"));
    assert!(in_server("max_connections_per_peer = 0")[0].contains("0 is out of range"));
    assert!(in_server("connection_age = \"0s\"")[0].contains("server.connection_age: 0s is too short"));
    assert!(in_server("connection_age = \"25h\"")[0].contains("is too long"));
    assert!(in_server("max_calls = 0")[0].contains("server.max_calls: 0 is out of range"));
    assert!(in_server("memory_budget = \"8MiB\"")[0].contains("server.memory_budget: "));
    assert!(in_server("memory_budget = \"8MB\"")[0].contains("server.memory_budget: "));
    assert!(in_server("allowed_origins = [\"*\"]")[0].contains("server.allowed_origins.0: "));
    assert!(in_server("allowed_hosts = [\"https://x\"]")[0].contains("server.allowed_hosts.0: "));
}

#[test]
fn only_ranges_of_proxies_are_trusted() {
    let found =
        problems(&format!("{GOOD}[access]\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.1/8\", \"proxy\"]\n"));
    assert_eq!(
        found,
        [
            "p.toml:9:34  access.trusted_proxies.1: the address has bits that its prefix of 8 leaves out; write \"10.0.0.0/8\"",
            "p.toml:9:48  access.trusted_proxies.2: not a range of IP addresses; write a range such as \"10.0.0.0/8\" or \
             \"2001:db8::/32\", or a single address",
        ]
    );
}

#[test]
fn a_key_defined_twice_is_reported_with_both_lines() {
    assert_eq!(
        in_module("vault = \"main\""),
        ["p.toml:8:1  modules.github.vault: defined a second time; the first definition is in line 7; \
          keep one of the two, or rename one"]
    );
}
