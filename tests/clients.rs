//! Real MCP clients, as their makers publish them: list, schema and call, over HTTP and over stdio.

#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests: there a panic is the report

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Service, Site};

/// The site that every client meets, and the service behind it.
async fn site() -> (Site, Service) {
    let service = Service::start(&[("tickets-token", "ada"), ("notes-token", "ada")]).await;
    let site = Site::new(&service.url(), "");
    site.set_tickets("tickets-token");
    site.set_notes("notes-token");
    (site, service)
}

/// Runs `client` against both transports; it takes `http URL` or `stdio COMMAND…` at its end.
async fn both_transports(client: impl Fn() -> Command) {
    let (site, service) = site().await;
    let answers = tokio::task::block_in_place(|| {
        let (server, url) = site.serve(&mut support::cofferdam());
        let over_http = session(client().arg("http").arg(url));
        drop(server);
        let over_stdio = session(client().arg("stdio").args(stdio_command(&site)));
        [over_http, over_stdio]
    });
    for answer in answers {
        assert_eq!(answer["tools"], serde_json::json!(["get_module_schema", "call_module_tool"]));
        assert!(answer["schema"].as_str().unwrap().contains("whoami"), "{answer}");
        assert!(answer["good"].as_str().unwrap().contains("ada"), "{answer}");
        assert_eq!(answer["good_is_error"], false);
        assert_eq!(answer["bad_code"], "unknown_module");
        assert_eq!(answer["bad_is_error"], true);
    }
    assert_eq!(service.requests(), 2, "one call over each transport");
}

fn stdio_command(site: &Site) -> Vec<String> {
    let profile = site.profile().display().to_string();
    [env!("CARGO_BIN_EXE_cofferdam"), "serve", "--stdio", "--profile", &profile].map(str::to_owned).into()
}

fn session(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{command:?}: {error}\n{}\n{stderr}", String::from_utf8_lossy(&output.stdout))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_works() {
    let python = cofferdam_servers::python_clients().unwrap().python;
    both_transports(|| {
        let mut command = Command::new(&python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/session.py"));
        command
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_works() {
    let clients = cofferdam_servers::node_clients().unwrap();
    // Node.js finds packages from the script's own folder upwards.
    let script = clients.dir.join("session.mjs");
    std::fs::write(&script, include_str!("clients/session.mjs")).unwrap();
    both_transports(|| {
        let mut command = Command::new(&clients.node);
        command.arg(&script);
        command
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_works() {
    let clients = cofferdam_servers::node_clients().unwrap();
    let (site, service) = site().await;
    let count = tokio::task::block_in_place(|| {
        let (_server, url) = site.serve(&mut support::cofferdam());
        let mut count = 0;
        for target in [vec![url], stdio_command(&site)] {
            for era in ["modern", "legacy"] {
                let inspect = |arguments: &[&str]| {
                    let mut command = Command::new(&clients.node);
                    command
                        .arg(clients.dir.join("node_modules/.bin/mcp-inspector"))
                        .arg("--cli")
                        .args(&target);
                    command.args(["--protocol-era", era]).args(arguments);
                    session(&mut command)
                };
                let tools = inspect(&["--method", "tools/list"]);
                assert_eq!(tools["tools"][0]["name"], "get_module_schema");
                let call = ["--method", "tools/call", "--tool-name"];
                let schema =
                    inspect(&[&call[..], &["get_module_schema", "--tool-arg", "module=tickets"]].concat());
                assert!(schema.to_string().contains("whoami"), "{schema}");
                let arguments =
                    ["call_module_tool", "--tool-arg", "module=tickets", "tool=whoami", "arguments={}"];
                let called = inspect(&[&call[..], &arguments].concat());
                assert!(called.to_string().contains("ada"), "{called}");
                count += 1;
            }
        }
        count
    });
    assert_eq!(service.requests(), count);
}
