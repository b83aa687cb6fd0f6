//! `docker-compose.yml` with a real engine, under a project name of its own. Dropping the value removes its containers,
//! networks and volumes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use cofferdam_servers::Engine;
use cofferdam_testing::root;
use serde_json::{Value, json};

/// How long to wait for a state. Generous, because slow machines run this, and no test is about speed.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How often to check for what is waited for.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The user of the image.
const USER: u32 = 10001;

/// The tokens of a run.
pub(crate) struct Tokens {
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) ci: String,
}

/// The staging, with the additions of the test.
pub(crate) struct Stack {
    pub(crate) engine: Engine,
    pub(crate) tokens: Tokens,
    project: String,
    port: u16,
    admin_port: u16,
    secrets: tempfile::TempDir,
}

impl Stack {
    /// Creates the credential of `github-ci`; starts nothing.
    pub(crate) fn new() -> Self {
        let engine = Engine::reach().unwrap();
        let secrets = tempfile::tempdir().unwrap();
        let run = format!("{}-{}", std::process::id(), fastrand::u32(..));
        let token = |name: &str| format!("canary-{name}-{run}");
        let tokens = Tokens { first: token("first"), second: token("second"), ci: token("ci") };
        let file = secrets.path().join("github-ci.env");
        fs::write(&file, format!("GITHUB_CI_TOKEN={}\n", tokens.ci)).unwrap();
        give(secrets.path(), &file);
        Self {
            engine,
            tokens,
            project: format!("cofferdam-test-{run}"),
            port: cofferdam_servers::free().unwrap(),
            admin_port: cofferdam_servers::free().unwrap(),
            secrets,
        }
    }

    fn compose_command(&self, arguments: &[&str]) -> Command {
        let root = root();
        let mut compose = self.engine.compose();
        compose.current_dir(root).args(["--progress", "plain", "--project-name", &self.project]);
        compose.args(["--file", "docker-compose.yml", "--file", "tests/real/containers/override.yml"]);
        compose.env("COFFERDAM_PORT", self.port.to_string());
        compose.env("COFFERDAM_ADMIN_PORT", self.admin_port.to_string());
        compose.env("COFFERDAM_SECRETS", self.secrets.path());
        let Tokens { first, second, ci } = &self.tokens;
        compose.env("TEST_TOKENS", format!("{first}=ada {second}=grace {ci}=ci"));
        compose.args(arguments);
        compose
    }

    /// Runs `docker compose …`, which must succeed; returns its standard output.
    pub(crate) fn compose(&self, arguments: &[&str]) -> String {
        let output = good(&mut self.compose_command(arguments));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `docker …`, which must succeed; returns the bytes of its standard output.
    pub(crate) fn docker(&self, arguments: &[&str]) -> Vec<u8> {
        good(self.engine.docker().args(arguments)).stdout
    }

    /// Runs `docker compose run operator kv put …` with `token` on its standard input, as the documents describe.
    pub(crate) fn set_github(&self, token: &str) {
        use std::io::Write as _;
        use std::process::Stdio;
        let arguments =
            ["run", "--rm", "--no-TTY", "operator", "kv", "put", "secret/cofferdam/github/work", "token=-"];
        let mut command = self.compose_command(&arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", printed(&output));
        let text = printed(&output);
        assert!(text.contains("created_time") && !text.contains(token), "{text}");
    }

    /// Removes the unused volume `name`.
    pub(crate) fn remove_volume(&self, name: &str) {
        self.docker(&["volume", "rm", &format!("{}_{name}", self.project)]);
    }

    /// The container of `service`.
    pub(crate) fn container(&self, service: &str) -> String {
        let id = self.compose(&["ps", "--all", "--quiet", service]);
        let id = id.trim();
        assert!(!id.is_empty() && !id.contains('\n'), "one container of {service}: {id:?}");
        id.to_owned()
    }

    /// `docker inspect` of the container of `service`.
    pub(crate) fn inspect(&self, service: &str) -> Value {
        let printed = self.docker(&["inspect", &self.container(service)]);
        let mut found: Value = serde_json::from_slice(&printed).unwrap();
        found[0].take()
    }

    /// The result of the health check of `service`.
    pub(crate) fn health(&self, service: &str) -> String {
        let found = self.inspect(service);
        // podman calls it `Healthcheck`.
        let health = found["State"].get("Health").or_else(|| found["State"].get("Healthcheck"));
        health.and_then(|health| health["Status"].as_str()).unwrap_or_default().to_owned()
    }

    /// Waits until `service` is healthy.
    pub(crate) async fn healthy(&self, service: &str) {
        until(&format!("{service} healthy"), async || {
            let health = self.health(service);
            if health == "healthy" { Ok(()) } else { Err(health) }
        })
        .await;
    }

    /// The login of the credential of `module`, requested through `/mcp`, or the error code.
    pub(crate) async fn whoami(&self, module: &str) -> Result<String, String> {
        let arguments = json!({ "module": module, "tool": "get_authenticated_user", "arguments": {} });
        let params = json!({ "name": "call_module_tool", "arguments": arguments });
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let answer = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{}/mcp", self.port))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .json(&request)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        let text = answer.to_string();
        match answer["result"]["structuredContent"]["error"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => ["ada", "grace", "ci"]
                .into_iter()
                .find(|login| {
                    text.contains(&format!("\\\"{login}\\\"")) || text.contains(&format!("\"{login}\""))
                })
                .map(str::to_owned)
                .ok_or(text),
        }
    }

    /// The public `/readyz`: its status and its counts.
    pub(crate) async fn ready(&self) -> (u16, Value) {
        get(self.port, "/readyz").await
    }

    /// The state of the vault `name`, from the admin server.
    pub(crate) async fn state(&self, name: &str) -> String {
        let (_, details) = get(self.admin_port, "/readyz").await;
        let vaults = details["vaults"].as_array().cloned().unwrap_or_default();
        let vault = vaults.into_iter().find(|vault| vault["name"] == name).unwrap_or_default();
        vault["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Removes everything; asserts that nothing of the project is left.
    pub(crate) fn end(self) {
        self.remove();
        let filter = format!("label=com.docker.compose.project={}", self.project);
        for list in [
            vec!["ps", "--all", "--quiet"],
            vec!["network", "ls", "--quiet"],
            vec!["volume", "ls", "--quiet"],
        ] {
            let mut arguments = list.clone();
            arguments.extend(["--filter", &filter]);
            let left = self.docker(&arguments);
            assert!(left.trim_ascii().is_empty(), "{list:?}: {}", String::from_utf8_lossy(&left));
        }
    }

    fn remove(&self) {
        let down = ["--profile", "operator", "down", "--volumes", "--timeout", "10", "--remove-orphans"];
        // After a failed test, this is tried once; an error has no remedy there.
        let _ = self.compose_command(&down).output();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self
                .compose_command(&["logs", "--tail", "40", "bootstrap", "unseal", "cofferdam", "service"])
                .output();
            eprintln!("{}", logs.as_ref().map(printed).unwrap_or_default());
        }
        self.remove();
    }
}

/// Polls `check` until it succeeds; returns its result. The failure contains its last error.
pub(crate) async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + TIMEOUT;
    loop {
        match check().await {
            Ok(found) => return found,
            Err(why) => assert!(Instant::now() < end, "not {what} after {TIMEOUT:?}: {why}"),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn get(port: u16, path: &str) -> (u16, Value) {
    let Ok(answer) = reqwest::get(format!("http://127.0.0.1:{port}{path}")).await else {
        return (0, Value::Null);
    };
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Lets only the container's user read `file`; without root, lets everyone read it.
#[cfg(unix)]
fn give(folder: &Path, file: &Path) {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let mode = if chown(file, Some(USER), Some(USER)).is_ok() { 0o400 } else { 0o444 };
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn give(_folder: &Path, _file: &Path) {}

fn good(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, printed(&output));
    output
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
