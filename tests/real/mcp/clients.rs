//! MCP clients as their makers publish them, each configured only by `client-config`: list, schema and call, over HTTP and
//! over stdio.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_testing::{FakeService, TestEnv, cofferdam, root};
use serde_json::Value;

/// The environment of every client, and its service.
async fn environment() -> (TestEnv, FakeService) {
    let service = FakeService::start(&[("tickets-token", "ada"), ("notes-token", "ada")]).await;
    let env = TestEnv::with_service(&service.url(), "");
    env.set_tickets("tickets-token");
    env.set_notes("notes-token");
    (env, service)
}

/// The folder of a host, which only has its configuration file.
struct HostFolder(tempfile::TempDir);

impl HostFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The file that `client-config` prints for `host`, with `env` served at `url`.
    fn printed(&self, env: &TestEnv, host: &str, url: &str) -> PathBuf {
        let listen = url.strip_prefix("http://").and_then(|url| url.strip_suffix("/mcp")).unwrap();
        let mut command = cofferdam();
        command.env("COFFERDAM__SERVER__LISTEN", listen);
        let printed = successful(command.args(["client-config", host, "--profile"]).arg(env.profile()));
        let file = self.0.path().join(format!("{host}-http.json"));
        fs::write(&file, printed).unwrap();
        file
    }

    /// The file that `client-config` writes for `host`, which starts the server itself.
    fn written(&self, env: &TestEnv, host: &str) -> PathBuf {
        let file = self.0.path().join(format!("{host}-stdio.json"));
        let mut command = cofferdam();
        command.args(["client-config", host, "--stdio", "--write", "--file"]).arg(&file);
        successful(command.arg("--profile").arg(env.profile()));
        file
    }

    /// Runs a client; returns the document that it prints.
    fn session(&self, command: &mut Command) -> Value {
        let printed = successful(command.current_dir(self.0.path()));
        serde_json::from_slice(&printed)
            .unwrap_or_else(|error| panic!("{command:?}: {error}\n{}", String::from_utf8_lossy(&printed)))
    }
}

fn successful(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stderr}", output.status);
    output.stdout
}

/// Runs `client` with the file of the host `over_http`, and with that of the host `over_stdio`.
async fn both_transports(client: impl Fn(&Path) -> Command, over_http: &str, over_stdio: &str) {
    let (env, service) = environment().await;
    let answers = tokio::task::block_in_place(|| {
        let folder = HostFolder::new();
        let (server, url) = env.serve(&mut cofferdam());
        let http = folder.session(&mut client(&folder.printed(&env, over_http, &url)));
        drop(server);
        let stdio = folder.session(&mut client(&folder.written(&env, over_stdio)));
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

/// `program` with a script and a host's file.
fn script(program: &Path, script: &Path, file: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(script).arg(file);
    command
}

/// A script of `tests/clients`.
fn client_script(name: &str) -> PathBuf {
    root().join("tests/clients").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_works() {
    let python = cofferdam_servers::python_mcp().unwrap();
    let session = client_script("session.py");
    both_transports(|file| script(&python, &session, file), "cursor", "cursor").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fastmcp_works() {
    let python = cofferdam_servers::fastmcp().unwrap();
    let session = client_script("fastmcp_session.py");
    both_transports(|file| script(&python, &session, file), "claude-code", "claude-desktop").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_typescript_client_works() {
    let clients = cofferdam_servers::node_clients().unwrap();
    // Node.js searches packages from the script's folder upwards.
    let session = clients.dir.join("session.mjs");
    fs::copy(client_script("session.mjs"), &session).unwrap();
    both_transports(|file| script(&clients.node, &session, file), "vscode", "vscode").await;
}

/// With which `docs/models.md` counts.
#[test]
fn the_tokens_of_texts_are_counted() {
    let clients = cofferdam_servers::node_clients().unwrap();
    let tokens = clients.dir.join("tokens.mjs");
    fs::copy(client_script("tokens.mjs"), &tokens).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.json");
    fs::write(&texts, r#"[{ "name": "greeting", "text": "hello world" }]"#).unwrap();
    let counted = successful(&mut script(&clients.node, &tokens, &texts));
    assert_eq!(String::from_utf8(counted).unwrap(), "     11 B      2 tokens  greeting\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inspector_works() {
    let clients = cofferdam_servers::node_clients().unwrap();
    let (env, service) = environment().await;
    let count = tokio::task::block_in_place(|| {
        let folder = HostFolder::new();
        let (_server, url) = env.serve(&mut cofferdam());
        let mut count = 0;
        for file in [folder.printed(&env, "inspector", &url), folder.written(&env, "inspector")] {
            for era in ["modern", "legacy"] {
                let inspect = |arguments: &[&str]| {
                    let inspector = clients.dir.join("node_modules/.bin/mcp-inspector");
                    let mut command = Command::new(&clients.node);
                    command.arg(inspector).args(["--cli", "--config"]).arg(&file);
                    command.args(["--server", "cofferdam", "--protocol-era", era]).args(arguments);
                    folder.session(&mut command)
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
