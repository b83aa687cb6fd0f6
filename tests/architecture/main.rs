//! Which way arrows point: the dependency rules of the design, checked against `cargo metadata` and the source.
//!
//! The checks are functions over text and names, so that each of them is also fed a planted violation: a rule
//! that cannot fail would be no rule.

#![allow(clippy::unwrap_used, clippy::panic)] // a panic is the report

mod guides;
mod paths;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use paths::paths_in;
use serde::Deserialize;

/// Production lines of one file, the size past which two things live together.
const MAX_LINES: usize = 400;

/// The contract crate, which a backend implements.
const CONTRACT: &str = "cofferdam-vault";

/// The crate of diagnostics and TOML. It depends on no crate of ours; the contract and the backends depend on it.
const CONFIG: &str = "cofferdam-config";

/// Files under `inside` name nothing that begins with one of `never`, but for the files in `except`.
struct Rule {
    inside: &'static [&'static str],
    except: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

const RULES: [Rule; 7] = [
    Rule {
        inside: &["src/"],
        except: &["src/broker/backends.rs"],
        never: &["cofferdam_vault_*"],
        because: "only src/broker/backends.rs names a concrete backend",
    },
    Rule {
        inside: &["src/profile/", "src/broker/"],
        except: &[],
        never: &[
            "crate::mcp",
            "crate::http",
            "crate::connectors",
            "crate::calls",
            "crate::registry",
            "axum",
            "rmcp",
            "reqwest",
        ],
        because: "profile and broker know nothing of MCP, HTTP or what is called with a credential",
    },
    Rule {
        inside: &["src/registry/", "src/connectors/", "src/catalogue/"],
        except: &[],
        never: &[
            "crate::broker::compartment",
            "crate::broker::backends",
            "crate::calls",
            "crate::mcp",
            "crate::http",
            "axum",
            "rmcp",
        ],
        because: "registry and connectors know the broker's interface, not its insides, and not who calls them",
    },
    Rule {
        inside: &["src/calls/", "src/caller.rs"],
        except: &[],
        never: &["crate::mcp", "crate::http", "crate::profile", "crate::broker::compartment", "axum", "rmcp"],
        because: "mcp and http are the outermost: nothing inside uses them",
    },
    Rule {
        inside: &["src/placeholders.rs", "src/os/"],
        except: &[],
        never: &["crate", "axum", "rmcp"],
        because: "what every part may use knows none of them",
    },
    Rule {
        inside: &["src/mcp/"],
        except: &[],
        never: &["crate::http", "crate::profile", "crate::broker::compartment", "crate::broker::backends"],
        because: "MCP is the same on every transport and for every profile",
    },
    Rule {
        inside: &["src/"],
        except: &["src/main.rs"],
        never: &["crate::cli"],
        because: "cli composes, and nothing uses it but main.rs",
    },
];

/// What is wrong with one file by [`RULES`].
fn broken_rules(file: &str, text: &str) -> Vec<String> {
    let named = paths_in(file, production(text));
    let mut problems = Vec::new();
    for rule in &RULES {
        let applies =
            rule.inside.iter().any(|folder| file.starts_with(folder)) && !rule.except.contains(&file);
        // A module may name its own parts.
        let own = |never: &str| file.starts_with(&format!("{}/", never.replace("crate::", "src/")));
        for never in rule.never.iter().filter(|never| applies && !own(never)) {
            problems.extend(
                named
                    .iter()
                    .filter(|path| is_below(path, never))
                    .map(|path| format!("{file} names `{path}`: {}", rule.because)),
            );
        }
    }
    problems
}

/// Whether `path` is `prefix` or below it; `name_*` matches every crate whose name begins so.
fn is_below(path: &str, prefix: &str) -> bool {
    match prefix.strip_suffix('*') {
        Some(stem) => path.starts_with(stem),
        None => path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}

/// The text of a file before its tests.
fn production(text: &str) -> &str {
    let tests =
        ["\n#[cfg(test)]\nmod ", "\n#[cfg(all(test,"].iter().filter_map(|start| text.find(start)).min();
    tests.map_or(text, |end| &text[..=end])
}

/// What is wrong with one file's length.
fn too_long(file: &str, text: &str) -> Option<String> {
    let lines = production(text).lines().count();
    (lines > MAX_LINES).then(|| {
        format!("{file} has {lines} lines before its tests, more than {MAX_LINES}: two things live in it")
    })
}

/// What `cargo metadata` says of our crates.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    kind: DependencyKind,
}

/// `cargo metadata` writes `null` for a normal dependency.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(from = "Option<String>")]
enum DependencyKind {
    #[default]
    Normal,
    Development,
    Build,
}

impl From<Option<String>> for DependencyKind {
    fn from(kind: Option<String>) -> Self {
        match kind.as_deref() {
            None => Self::Normal,
            Some("dev") => Self::Development,
            Some("build") => Self::Build,
            Some(other) => panic!("cargo metadata has a new kind of dependency: {other}"),
        }
    }
}

impl Metadata {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
            .arg(root().join("Cargo.toml"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A dependency of one of our crates on another one of them.
#[derive(Clone)]
struct Arrow {
    from: String,
    to: String,
    kind: DependencyKind,
}

/// What is wrong with the arrows between our crates; `backends` are the crates under `backends/`, `fixtures` those
/// under `tests/`.
fn wrong_arrows(arrows: &[Arrow], backends: &[String], fixtures: &[String]) -> Vec<String> {
    let allowed = |arrow: &Arrow| {
        let fixture_of_a_test = arrow.kind == DependencyKind::Development && fixtures.contains(&arrow.to);
        if arrow.from == CONFIG {
            return fixture_of_a_test;
        }
        if arrow.from == CONTRACT {
            return arrow.to == CONFIG || fixture_of_a_test;
        }
        if backends.contains(&arrow.from) {
            return arrow.to == CONTRACT || arrow.to == CONFIG || fixture_of_a_test;
        }
        if fixtures.contains(&arrow.from) {
            return false;
        }
        arrow.kind == DependencyKind::Development || !fixtures.contains(&arrow.to)
    };
    arrows
        .iter()
        .filter(|arrow| !allowed(arrow))
        .map(|Arrow { from, to, kind }| format!("{from} depends on {to} ({kind:?})"))
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every production source file of ours, with its path from the root.
fn sources() -> Vec<(String, String)> {
    let mut folders = vec![root().join("src")];
    for backend in fs::read_dir(root().join("backends")).unwrap() {
        folders.push(backend.unwrap().path().join("src"));
    }
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let file = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((file, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(found.iter().any(|(file, _)| file == "src/lib.rs"), "the walk found no source");
    found
}

#[test]
fn no_file_names_what_it_must_not_know() {
    let problems: Vec<String> = sources().iter().flat_map(|(file, text)| broken_rules(file, text)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_production_file_is_short() {
    let problems: Vec<String> = sources().iter().filter_map(|(file, text)| too_long(file, text)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn backends_depend_on_the_contract_and_config_alone() {
    let metadata = Metadata::read();
    let ours: Vec<String> = metadata.packages.iter().map(|package| package.name.clone()).collect();
    let below = |folder: &str| -> Vec<String> {
        let folder = root().join(folder);
        let inside = metadata.packages.iter().filter(|package| package.manifest_path.starts_with(&folder));
        inside.map(|package| package.name.clone()).collect()
    };
    let (backends, fixtures) = (below("backends"), below("tests"));
    for leaf in [CONTRACT, CONFIG] {
        assert!(backends.iter().any(|name| name == leaf), "{leaf} was not found: {backends:?}");
    }
    let arrows: Vec<Arrow> = metadata
        .packages
        .iter()
        .flat_map(|package| {
            package.dependencies.iter().map(|dependency| Arrow {
                from: package.name.clone(),
                to: dependency.name.clone(),
                kind: dependency.kind,
            })
        })
        // A crate may switch on its own features for its tests.
        .filter(|arrow| ours.contains(&arrow.to) && arrow.from != arrow.to)
        .collect();
    let problems = wrong_arrows(&arrows, &backends, &fixtures);
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn a_planted_arrow_is_found() {
    let backends = [CONFIG, CONTRACT, "cofferdam-vault-env", "cofferdam-vault-age"].map(str::to_owned);
    let fixtures = ["cofferdam-test-servers".to_owned()];
    let arrow = |from: &str, to: &str, kind| Arrow { from: from.into(), to: to.into(), kind };
    let wrong = [
        arrow(CONFIG, CONTRACT, DependencyKind::Normal),
        arrow(CONFIG, "cofferdam", DependencyKind::Development),
        arrow(CONTRACT, "cofferdam-vault-env", DependencyKind::Normal),
        arrow(CONTRACT, "cofferdam", DependencyKind::Development),
        arrow("cofferdam-vault-env", "cofferdam-vault-age", DependencyKind::Normal),
        arrow("cofferdam-vault-env", "cofferdam-vault-age", DependencyKind::Development),
        arrow("cofferdam-vault-env", "cofferdam", DependencyKind::Build),
        arrow("cofferdam-test-servers", "cofferdam", DependencyKind::Normal),
        arrow("cofferdam", "cofferdam-test-servers", DependencyKind::Normal),
    ];
    for planted in wrong {
        let found = wrong_arrows(std::slice::from_ref(&planted), &backends, &fixtures);
        assert_eq!(found.len(), 1, "{} -> {} was let through", planted.from, planted.to);
    }
    let right = [
        arrow(CONTRACT, CONFIG, DependencyKind::Normal),
        arrow("cofferdam-vault-env", CONTRACT, DependencyKind::Normal),
        arrow("cofferdam-vault-env", CONFIG, DependencyKind::Normal),
        arrow("cofferdam-vault-age", "cofferdam-test-servers", DependencyKind::Development),
        arrow("cofferdam", "cofferdam-vault-env", DependencyKind::Normal),
    ];
    assert!(wrong_arrows(&right, &backends, &fixtures).is_empty());
}

#[test]
fn a_planted_name_is_found() {
    for (file, text) in [
        ("src/cli/secret.rs", "use cofferdam_vault_age::Config;"),
        ("src/broker/dispatch.rs", "fn f() { cofferdam_vault_env::open() }"),
        ("src/profile/load.rs", "use crate::{broker::CompartmentPolicy, http::Routes};"),
        ("src/profile/load.rs", "use crate::connectors::http::HttpSettings;"),
        ("src/profile/mod.rs", "use super::mcp;"),
        ("src/broker/compartment/cache.rs", "use super::super::super::registry::Module;"),
        ("src/broker/mod.rs", "use axum::Router;"),
        ("src/broker/mod.rs", "type T = rmcp::model::Tool;"),
        ("src/broker/compartment/limit.rs", "use reqwest as client;"),
        ("src/registry/mask.rs", "use crate::broker::{Broker, compartment::{CompartmentPolicy, Cache}};"),
        ("src/connectors/http/send.rs", "let b = crate::broker::backends::all();"),
        ("src/registry/mod.rs", "use crate::mcp::Handler;"),
        ("src/calls/mod.rs", "use rmcp::model::CallToolResult;"),
        ("src/caller.rs", "use crate::http::Routes;"),
        ("src/mcp/mod.rs", "use crate::http::Routes;"),
        ("src/http/mod.rs", "use crate::cli::serve;"),
        ("src/placeholders.rs", "use crate::caller::Caller;"),
    ] {
        assert!(!broken_rules(file, text).is_empty(), "{file} got away with {text}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (file, text) in [
        ("src/broker/backends.rs", "use cofferdam_vault_age::Config;"),
        ("src/broker/compartment/cache.rs", "use crate::broker::compartment::CompartmentPolicy;"),
        (
            "src/registry/mod.rs",
            "use crate::broker::{Broker, Credential};\nuse crate::connectors::http::HttpSettings;",
        ),
        ("src/http/mod.rs", "use axum::Router;\nuse crate::mcp::Handler;"),
        ("src/cli/serve.rs", "use crate::{http, mcp, cli::compose};"),
        ("src/profile/mod.rs", "// use crate::mcp\nlet text = \"crate::mcp::Handler\";\nuse url::Url;"),
        (
            "src/profile/mod.rs",
            "use url::Url;\n\n#[cfg(test)]\nmod tests {\n    use crate::registry::Module;\n}",
        ),
    ] {
        assert_eq!(broken_rules(file, text), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn a_planted_long_file_is_found() {
    let line = "let a = 1;\n";
    assert!(too_long("src/a.rs", &line.repeat(MAX_LINES)).is_none());
    assert!(too_long("src/a.rs", &line.repeat(MAX_LINES + 1)).is_some());
    let tests = format!("{}\n#[cfg(test)]\nmod tests {{\n{}}}\n", line.repeat(10), line.repeat(MAX_LINES));
    assert!(too_long("src/a.rs", &tests).is_none());
}
