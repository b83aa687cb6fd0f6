//! The shipped profile `airgap` in a network namespace with loopback and no route: it starts, serves, rotates, loses its
//! file and recovers, and stops, without an attempt to send a packet.
//!
//! The kernel counts each packet without a route (`OutNoRoutes`) of the namespace. A control in the same namespace connects
//! to an address of the documentation networks and must increase the count.

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use cofferdam_testing::{
    FakeService, Running, bring_loopback_up, call_tool, cofferdam, make_key, root, run_in_a_namespace,
    run_with_input, serve,
};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Only a test that fails waits this long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A second module for the profile. Each module has a file and a key of its own.
const NOTES: &str = r#"
[vaults.notes-vault]
backend = "age"
file = "secrets/notes.age"
identity_file = "keys/notes.txt"

[modules.notes]
vault = "notes-vault"
accounts = ["work"]
manifest = "github"
"#;

#[test]
fn no_packet_leaves_an_air_gapped_day() {
    println!("{}", run_in_a_namespace(&["--net"], "airgap::a_day_without_a_network"));
}

/// Runs only inside the namespace that [`no_packet_leaves_an_air_gapped_day`] makes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a network namespace that another test makes"]
async fn a_day_without_a_network() {
    bring_loopback_up();
    assert_eq!(interfaces(), ["lo"], "this namespace has a network");
    assert_eq!(no_route(), 0);

    let service = FakeService::start(&[("first", "morning"), ("notes", "neighbour")]).await;
    let env = Environment::new();
    env.set_secret("github/work", "first");
    env.set_secret("notes/work", "notes");
    let (server, url) = tokio::task::block_in_place(|| env.serve(&service.url()));
    let day = Day { url };
    assert_eq!(day.login("github").await, Ok("morning".into()));
    assert_eq!(day.login("notes").await, Ok("neighbour".into()));

    // The token is replaced while it serves, and the service accepts only the new one.
    env.set_secret("github/work", "second");
    service.accept(&[("second", "noon"), ("notes", "neighbour")]);
    day.until("github", Ok("noon")).await;

    let (file, kept) = (env.path("profiles/secrets/github.age"), env.path("kept"));
    for garbage in [None, Some("garbage")] {
        fs::rename(&file, &kept).unwrap();
        if let Some(garbage) = garbage {
            fs::write(&file, garbage).unwrap();
        }
        day.until("github", Err("module_unavailable")).await;
        assert_eq!(day.login("notes").await, Ok("neighbour".into()), "the other module is not affected");
        fs::rename(&kept, &file).unwrap();
        day.until("github", Ok("noon")).await;
    }

    let stopped = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let (status, _, stderr) = tokio::task::block_in_place(|| server.wait()).unwrap();
    assert_eq!(status.code(), Some(0), "{stderr}");

    assert_eq!(
        (interfaces(), no_route()),
        (vec!["lo".to_owned()], 0),
        "something tried to reach the network"
    );
    control();
}

/// An attempt increases the count.
fn control() {
    for outside in ["192.0.2.1:443", "[2001:db8::1]:443"] {
        let before = no_route();
        TcpStream::connect(outside).unwrap_err();
        assert!(no_route() > before, "a connection to {outside} was not counted");
        let before = no_route();
        let any = if outside.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
        UdpSocket::bind(any).unwrap().send_to(b"query", outside).unwrap_err();
        assert!(no_route() > before, "a datagram to {outside} was not counted");
    }
}

/// The network interfaces of this namespace.
fn interfaces() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap();
    table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// The number of packets of this namespace without a route, of both families.
fn no_route() -> u64 {
    let table = fs::read_to_string("/proc/self/net/snmp").unwrap();
    let mut rows = table.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let (names, values) = (rows.next().unwrap(), rows.next().unwrap());
    let at = names.split(' ').position(|name| name == "OutNoRoutes").unwrap();
    let four: u64 = values.split(' ').nth(at).unwrap().parse().unwrap();
    let table = fs::read_to_string("/proc/self/net/snmp6").unwrap();
    let line = table.lines().find_map(|line| line.strip_prefix("Ip6OutNoRoutes")).unwrap();
    four + line.trim().parse::<u64>().unwrap()
}

/// A folder with the shipped `profiles/airgap.toml` and a second module.
struct Environment(tempfile::TempDir);

impl Environment {
    fn new() -> Self {
        let env = Self(tempfile::tempdir().unwrap());
        let shipped = root().join("profiles/airgap.toml");
        for folder in ["profiles/keys", "profiles/secrets"] {
            fs::create_dir_all(env.path(folder)).unwrap();
        }
        let profile = fs::read_to_string(shipped).unwrap() + NOTES;
        fs::write(env.path("profiles/airgap.toml"), profile).unwrap();
        for module in ["github", "notes"] {
            make_key(&env.path(&format!("profiles/keys/{module}.txt")));
        }
        env
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = cofferdam();
        command.current_dir(self.0.path()).args(["--profile", "profiles/airgap.toml"]);
        command
    }

    /// Runs `secret set`, as an operator does, also while a server runs.
    fn set_secret(&self, account: &str, token: &str) {
        let output = run_with_input(self.command().args(["secret", "set", account, "token"]), token);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the server with the service at `url`. What takes minutes by default takes fractions of a second here.
    fn serve(&self, url: &str) -> (Running, String) {
        let mut command = self.command();
        for (key, value) in [
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("SERVER__ADMIN_LISTEN", "127.0.0.1:0"),
            ("MODULES__GITHUB__BASE_URL", url),
            ("MODULES__NOTES__BASE_URL", url),
            ("VAULTS__GITHUB_VAULT__PROBE_INTERVAL", "200ms"),
            ("VAULTS__GITHUB_VAULT__REJECT_INTERVAL", "100ms"),
            ("VAULTS__GITHUB_VAULT__CACHE_TTL", "500ms"),
            ("VAULTS__GITHUB_VAULT__STALE_FOR", "1s"),
        ] {
            command.env(format!("COFFERDAM__{key}"), value);
        }
        serve(&mut command)
    }
}

/// The server as a model sees it.
struct Day {
    url: String,
}

impl Day {
    /// The login of the module's credential, or the error code.
    async fn login(&self, module: &str) -> Result<String, String> {
        let called = json!({ "module": module, "tool": "get_authenticated_user", "arguments": {} });
        let answer: Value = serde_json::from_str(&call_tool(&self.url, called).await).unwrap();
        let content = &answer["result"]["structuredContent"];
        match content["error"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(find_login(content).unwrap_or_else(|| panic!("{answer:#}")).to_owned()),
        }
    }

    /// Calls `module` until it returns `expected`.
    async fn until(&self, module: &str, expected: Result<&str, &str>) {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        let end = Instant::now() + TIMEOUT;
        loop {
            let seen = self.login(module).await;
            if seen == expected {
                return;
            }
            assert!(Instant::now() < end, "{module} never returned {expected:?}, but {seen:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The value of the key `login`, at any depth.
fn find_login(value: &Value) -> Option<&str> {
    match value {
        Value::Object(keys) => match keys.get("login") {
            Some(login) => login.as_str(),
            None => keys.values().find_map(find_login),
        },
        _ => None,
    }
}
