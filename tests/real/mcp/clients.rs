//! Real MCP clients, as their makers publish them, each connected by nothing but what `client-config` makes: list, schema
//! and call, over HTTP and over stdio.

#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests: there a panic is the report

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Service, Site, cofferdam};

/// The site that every client meets, and the service behind it.
async fn site() -> (Site, Service) {
    let service = Service::start(&[("tickets-token", "ada"), ("notes-token", "ada")]).await;
    let site = Site::new(&service.url(), "");
    site.set_tickets("tickets-token");
    site.set_notes("notes-token");
    (site, service)
}

/// A folder that is not the site's: a host knows nothing but its file.
struct Elsewhere(tempfile::TempDir);

impl Elsewhere {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What is printed for `host`, where `site` is served at `url`.
    fn printed(&self, site: &Site, host: &str, url: &str) -> PathBuf {
        let listen = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/mcp")).unwrap();
        let mut command = cofferdam();
        command.env("COFFERDAM__SERVER__LISTEN", listen);
        let printed = ended_well(command.args(["client-config", host, "--profile"]).arg(site.profile()));
        let file = self.0.path().join(format!("{host}-http.json"));
        fs::write(&file, printed).unwrap();
        file
    }

    /// What is written for `host`, so that it starts the server itself.
    fn written(&self, site: &Site, host: &str) -> PathBuf {
        let file = self.0.path().join(format!("{host}-stdio.json"));
        let mut command = cofferdam();
        command.args(["client-config", host, "--stdio", "--write", "--file"]).arg(&file);
        ended_well(command.arg("--profile").arg(site.profile()));
        file
    }

    /// The document that a client prints.
    fn session(&self, command: &mut Command) -> Value {
        let printed = ended_well(command.current_dir(self.0.path()));
        serde_json::from_slice(&printed)
            .unwrap_or_else(|error| panic!("{command:?}: {error}\n{}", String::from_utf8_lossy(&printed)))
    }
}

fn ended_well(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    output.stdout
}

/// Runs `client` from the file of `over_http`, and from that of `over_stdio`, two hosts.
async fn both_transports(client: impl Fn(&Path) -> Command, over_http: &str, over_stdio: &str) {
    let (site, service) = site().await;
    let answers = tokio::task::block_in_place(|| {
        let elsewhere = Elsewhere::new();
        let (server, url) = site.serve(&mut cofferdam());
        let http = elsewhere.session(&mut client(&elsewhere.printed(&site, over_http, &url)));
        drop(server);
        let stdio = elsewhere.session(&mut client(&elsewhere.written(&site, over_stdio)));
        [http, stdio]
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

/// `program` with a script of `tests/clients`, for a host's file.
fn script(program: &Path, script: &Path, file: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(script).arg(file);
    command
}

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_works() {
    let python = cofferdam_servers::python_mcp().unwrap();
    let session = Path::new(SCRIPTS).join("session.py");
    both_transports(|file| script(&python, &session, file), "cursor", "cursor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_works() {
    let python = cofferdam_servers::fastmcp().unwrap();
    let session = Path::new(SCRIPTS).join("fastmcp_session.py");
    both_transports(|file| script(&python, &session, file), "claude-code", "claude-desktop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_works() {
    let clients = cofferdam_servers::node_clients().unwrap();
    // Node.js finds packages from the script's own folder upwards.
    let session = clients.dir.join("session.mjs");
    fs::copy(Path::new(SCRIPTS).join("session.mjs"), &session).unwrap();
    both_transports(|file| script(&clients.node, &session, file), "vscode", "vscode").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_works() {
    let clients = cofferdam_servers::node_clients().unwrap();
    let (site, service) = site().await;
    let count = tokio::task::block_in_place(|| {
        let elsewhere = Elsewhere::new();
        let (_server, url) = site.serve(&mut cofferdam());
        let mut count = 0;
        for file in [elsewhere.printed(&site, "inspector", &url), elsewhere.written(&site, "inspector")] {
            for era in ["modern", "legacy"] {
                let inspect = |arguments: &[&str]| {
                    let inspector = clients.dir.join("node_modules/.bin/mcp-inspector");
                    let mut command = Command::new(&clients.node);
                    command.arg(inspector).args(["--cli", "--config"]).arg(&file);
                    command.args(["--server", "cofferdam", "--protocol-era", era]).args(arguments);
                    elsewhere.session(&mut command)
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
