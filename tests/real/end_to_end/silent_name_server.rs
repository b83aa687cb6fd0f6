//! Name servers that never respond, on the program as it ships: the module whose service has such a name fails alone. Other
//! modules answer every call, a vault that is reached by name comes back after a restart, and threads stay bounded.
//!
//! The test runs in a network namespace whose only name server is a UDP socket that nobody reads, with files of its own in
//! `/etc`.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cofferdam_servers::vault_binary;
use cofferdam_testing::vault_server::VaultServer;
use cofferdam_testing::{
    FakeService, Running, bring_loopback_up, cofferdam, run_in_a_namespace, serve, write_private,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Only a test that fails waits this long.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Callers of the module whose name server is silent. The runtime would have a thread for each of their look-ups, up to 512.
const CALLERS: usize = 300;
/// How many of their calls end before anything is asserted: each leaves a look-up behind that takes 10 s.
const CALLS: usize = 600;
/// More threads than the look-ups of a module and of two vaults, and than the compartments' threads, and far fewer than 512.
const MORE_THREADS: usize = 50;

/// A name that leads to loopback by `/etc/hosts` may only be a vault's: `localhost` is the one that a module may have.
const HOSTS: &str = "127.0.0.1 localhost\n127.0.0.1 vault.example\n";
const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n";
const NSSWITCH_CONF: &str = "hosts: files dns\n";

#[test]
fn a_silent_name_server_stops_its_module_alone() {
    // Built while there is a network.
    vault_binary().unwrap_or_else(|error| panic!("{error}"));
    let name = "silent_name_server::modules_and_vaults_do_without_it";
    println!("{}", run_in_a_namespace(&["--net", "--mount"], name));
}

/// Runs only inside the namespace that [`a_silent_name_server_stops_its_module_alone`] makes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a namespace that another test makes"]
async fn modules_and_vaults_do_without_it() {
    bring_loopback_up();
    let folder = tempfile::tempdir().unwrap();
    let _name_server = silence(folder.path());

    let service = FakeService::start(&[("one", "neighbour"), ("two", "literal"), ("three", "guarded")]).await;
    let vault = VaultServer::own();
    let mount = vault.mount_kv(2).await;
    vault.put(&mount, "guarded/default", "three").await;
    write_private(&folder.path().join("token"), &vault.root);
    let server = Server::start(folder.path(), &service.url(), &vault.address, &mount);
    let host = server.host.clone();
    for module in ["literal", "guarded"] {
        assert_eq!(host.login(module).await, Ok(module.to_owned()));
    }
    let idle = server.threads();

    let failed = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> =
        (0..CALLERS).map(|_| tokio::spawn(host.clone().call_silent(Arc::clone(&failed)))).collect();
    until("calls of the silent module end", async || failed.load(Ordering::SeqCst) >= CALLS).await;

    // Each module serves, also over new connections.
    for _ in 0..5 {
        for module in ["neighbour", "literal", "guarded"] {
            for login in join_all((0..16).map(|_| host.login(module))).await {
                assert_eq!(login, Ok(module.to_owned()));
            }
        }
    }
    // The vault restarts, so that all its connections are new.
    tokio::task::block_in_place(|| {
        vault.process(|vault| {
            vault.kill();
            vault.revive().unwrap();
        });
    });
    until("the vault serves again", async || host.login("guarded").await.is_ok()).await;
    for _ in 0..20 {
        assert_eq!(host.login("guarded").await, Ok("guarded".to_owned()));
    }
    assert!(callers.iter().all(|caller| !caller.is_finished()), "a caller of the silent module has ended");
    let (busy, failed) = (server.threads(), failed.load(Ordering::SeqCst));
    println!("{idle} threads idle, {busy} after {failed} calls of the silent module");
    assert!(busy <= idle + MORE_THREADS, "{idle} threads idle, {busy} with hanging look-ups");
    for caller in callers {
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
    }

    let log = server.stop();
    let reports: Vec<&str> = log.lines().filter(|line| line.contains("name look-ups hang")).collect();
    assert!((1..=2).contains(&reports.len()), "{reports:#?}");
    for words in ["silent", "silent.example", "lookups", "name servers"] {
        assert!(reports[0].contains(words), "{words}: {reports:#?}");
    }
}

/// Gives this namespace a name server that never responds. It is one for as long as the result lives.
fn silence(folder: &Path) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    for (path, text) in
        [("/etc/hosts", HOSTS), ("/etc/resolv.conf", RESOLV_CONF), ("/etc/nsswitch.conf", NSSWITCH_CONF)]
    {
        let file = folder.join(path.rsplit('/').next().unwrap());
        fs::write(&file, text).unwrap();
        let mounted =
            Command::new("mount").arg("--bind").args([file.as_path(), Path::new(path)]).output().unwrap();
        assert!(mounted.status.success(), "{path}: {}", String::from_utf8_lossy(&mounted.stderr));
    }
    let known = Command::new("getent").args(["hosts", "vault.example"]).output().unwrap();
    assert!(known.status.success(), "vault.example is not known");
    let hangs = Command::new("timeout").args(["3", "getent", "hosts", "silent.example"]).output().unwrap();
    assert_eq!(hangs.status.code(), Some(124), "a look-up ends: {hangs:?}");
    socket
}

/// The program with four modules and two vaults.
struct Server {
    process: Running,
    host: Host,
}

/// Calls the program as a model's host does.
#[derive(Clone)]
struct Host {
    url: String,
    client: reqwest::Client,
}

impl Server {
    fn start(folder: &Path, service: &str, vault: &str, mount: &str) -> Self {
        let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
        let (service_port, vault_port) = (port(service), port(vault));
        let profile = format!(
            r#"
            [server]
            listen = "127.0.0.1:0"
            admin_listen = "127.0.0.1:0"
            call_timeout = "2s"
            [vaults.local]
            backend = "env"
            [vaults.named]
            backend = "hashicorp"
            address = "http://vault.example:{vault_port}"
            insecure_http = true
            mount = "{mount}"
            auth = {{ method = "token", token_file = "token" }}
            cache_ttl = "0s"
            stale_for = "0s"
            probe_interval = "200ms"
            [modules.silent]
            vault = "local"
            manifest = "github"
            base_url = "http://silent.example:{service_port}"
            insecure_http = true
            [modules.neighbour]
            vault = "local"
            manifest = "github"
            base_url = "http://localhost:{service_port}"
            [modules.literal]
            vault = "local"
            manifest = "github"
            base_url = "http://127.0.0.1:{service_port}"
            [modules.guarded]
            vault = "named"
            manifest = "github"
            base_url = "http://127.0.0.1:{service_port}"
            "#
        );
        let file = folder.join("profile.toml");
        fs::write(&file, profile).unwrap();
        let mut command = cofferdam();
        command.arg("--profile").arg(file);
        for (module, token) in [("SILENT", "none"), ("NEIGHBOUR", "one"), ("LITERAL", "two")] {
            command.env(format!("{module}_TOKEN"), token);
        }
        let (process, url) = tokio::task::block_in_place(|| serve(&mut command));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { process, host: Host { url, client } }
    }

    /// How many threads it has.
    fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap().count()
    }

    /// Ends it as an operator does. Returns its log.
    fn stop(self) -> String {
        let ended = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(ended.success());
        let (status, _, log) = tokio::task::block_in_place(|| self.process.wait()).unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Host {
    /// The content of the response to a call of `module`.
    async fn call(&self, module: &str) -> Value {
        let arguments = json!({ "module": module, "tool": "get_authenticated_user", "arguments": {} });
        let params = json!({ "name": "call_module_tool", "arguments": arguments });
        let request = self
            .client
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .json(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }));
        let response: Value = request.send().await.unwrap().json().await.unwrap();
        response["result"]["structuredContent"].clone()
    }

    /// The login of the module's credential, or the error.
    async fn login(&self, module: &str) -> Result<String, Value> {
        let content = self.call(module).await;
        match (&content["error"], content["result"]["login"].as_str()) {
            (Value::Null, Some(login)) => Ok(login.to_owned()),
            (Value::Null, None) => panic!("{content:#}"),
            (error, _) => Err(error.clone()),
        }
    }

    /// Calls the silent module again and again. Each call fails, and reports that nothing was sent.
    async fn call_silent(self, failed: Arc<AtomicUsize>) {
        loop {
            let error = self.login("silent").await.unwrap_err();
            assert_eq!(error["outcome"], "not_sent", "{error}");
            failed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn until(what: &str, reached: impl AsyncFn() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !reached().await {
        assert!(Instant::now() < end, "{what}: not within {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
