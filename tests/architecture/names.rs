//! Which names a file may not use.

use crate::paths::paths_in;
use crate::sources::{production, sources};

/// Files below `inside` name nothing that begins with one of `never`, except for the files in `except`.
struct Rule {
    inside: &'static [&'static str],
    except: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

const RULES: [Rule; 8] = [
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
        because: "profile and broker do not depend on MCP, HTTP or what is called with a credential",
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
        because: "registry and connectors know the broker's interface, not its parts, and not their callers",
    },
    Rule {
        inside: &["src/connectors/"],
        except: &[],
        never: &["crate::registry", "crate::manifest", "crate::profile"],
        because: "connectors names no registry type: it owns what it calls",
    },
    Rule {
        inside: &["src/calls/", "src/caller.rs"],
        except: &[],
        never: &["crate::mcp", "crate::http", "crate::profile", "crate::broker::compartment", "axum", "rmcp"],
        because: "mcp and http are outermost, so nothing inside uses them",
    },
    Rule {
        inside: &["src/placeholders.rs", "src/os/"],
        except: &[],
        never: &["crate", "axum", "rmcp"],
        because: "what every part may use depends on none of them",
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
        because: "only main.rs uses cli, which composes the rest",
    },
];

/// The problems of a file by [`RULES`].
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

/// Whether `path` is `prefix` or below it; `name_*` matches every crate with that prefix.
fn is_below(path: &str, prefix: &str) -> bool {
    match prefix.strip_suffix('*') {
        Some(stem) => path.starts_with(stem),
        None => path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}

#[test]
fn no_file_names_what_it_must_not_know() {
    let problems: Vec<String> =
        sources().iter().flat_map(|source| broken_rules(&source.file, &source.text)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
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
        ("src/connectors/http/mod.rs", "use crate::registry::Tool;"),
        ("src/connectors/mod.rs", "use crate::manifest::Manifest;"),
        ("src/registry/mod.rs", "use crate::mcp::Handler;"),
        ("src/calls/mod.rs", "use rmcp::model::CallToolResult;"),
        ("src/caller.rs", "use crate::http::Routes;"),
        ("src/mcp/mod.rs", "use crate::http::Routes;"),
        ("src/http/mod.rs", "use crate::cli::serve;"),
        ("src/placeholders.rs", "use crate::caller::Caller;"),
    ] {
        assert!(!broken_rules(file, text).is_empty(), "{file} may contain {text}");
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
