//! A day on a site without a network: the shipped profile `airgap` in a network namespace that has nothing but loopback and
//! no route. It starts, serves, rotates, loses its file and finds it again, and stops; and no packet is even tried.
//!
//! The kernel counts each packet that had no route (`OutNoRoutes`), for the namespace as a whole. A control in the same
//! namespace tries to reach an address of the documentation's networks, and must raise the count.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests: there a panic is the report

mod support;

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cofferdam_servers::Running;
use serde_json::{Value, json};
use support::{Service, call_tool, cofferdam, make_key, run_with_input, serve};
use tokio::time::Instant;

/// Only a test that fails waits this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a site with a second module adds to the profile. Each has a file and a key of its own.
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
    // What has to be fetched is fetched while there is a network.
    cofferdam_servers::age().unwrap();
    let ended = into_a_namespace()
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "the_day", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success() && stdout.contains("1 passed"), "{stdout}\n{stderr}");
    println!("{stdout}");
}

/// A command that runs what follows it in a network namespace of its own: as the superuser, else in a user namespace.
fn into_a_namespace() -> Command {
    let ways: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
    let mut refusals = String::new();
    for way in ways {
        let mut command = Command::new("unshare");
        match command.args(way).args(["ip", "link", "set", "lo", "up"]).output() {
            Ok(tried) if tried.status.success() => {
                let mut command = Command::new("unshare");
                command.args(way).arg("--");
                return command;
            }
            Ok(tried) => refusals += &String::from_utf8_lossy(&tried.stderr),
            Err(error) => refusals += &format!("unshare: {error}\n"),
        }
    }
    panic!(
        "no network namespace can be made:\n{refusals}Install util-linux and iproute2, and run as the superuser or allow user \
         namespaces (sysctl user.max_user_namespaces=15000, and where there are such keys kernel.unprivileged_userns_clone=1 \
         and kernel.apparmor_restrict_unprivileged_userns=0)"
    );
}

/// Runs only inside the namespace that [`no_packet_leaves_an_air_gapped_day`] makes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a network namespace that another test makes"]
async fn the_day() {
    assert!(Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap().success());
    assert_eq!(interfaces(), ["lo"], "this namespace has a network");
    assert_eq!(no_route(), 0);

    let service = Service::start(&[("first", "morning"), ("notes", "neighbour")]).await;
    let site = Site::new();
    site.set_secret("github/work", "first");
    site.set_secret("notes/work", "notes");
    let (server, url) = tokio::task::block_in_place(|| site.serve(&service.url()));
    let day = Day { url };
    assert_eq!(day.login("github").await, Ok("morning".into()));
    assert_eq!(day.login("notes").await, Ok("neighbour".into()));

    // The token is replaced while it serves, and the service takes the new one alone.
    site.set_secret("github/work", "second");
    service.accept(&[("second", "noon"), ("notes", "neighbour")]);
    day.until("github", Ok("noon")).await;

    let (file, kept) = (site.path("profiles/secrets/github.age"), site.path("kept"));
    for garbage in [None, Some("garbage")] {
        fs::rename(&file, &kept).unwrap();
        if let Some(garbage) = garbage {
            fs::write(&file, garbage).unwrap();
        }
        day.until("github", Err("module_unavailable")).await;
        assert_eq!(day.login("notes").await, Ok("neighbour".into()), "the other module goes on");
        fs::rename(&kept, &file).unwrap();
        day.until("github", Ok("noon")).await;
    }

    let stopped = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    let (status, _, stderr) = tokio::task::block_in_place(|| server.wait()).unwrap();
    assert_eq!(status.code(), Some(0), "{stderr}");

    assert_eq!((interfaces(), no_route()), (vec!["lo".to_owned()], 0), "something tried to get out");
    control();
}

/// What the count would have shown, had anything tried.
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

/// How many packets of this namespace had nowhere to go, of both families.
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

/// The folder in which everything lies: `profiles/airgap.toml` as it ships, with a second module below.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/airgap.toml");
        for folder in ["profiles/keys", "profiles/secrets"] {
            fs::create_dir_all(site.path(folder)).unwrap();
        }
        let profile = fs::read_to_string(shipped).unwrap() + NOTES;
        fs::write(site.path("profiles/airgap.toml"), profile).unwrap();
        for module in ["github", "notes"] {
            make_key(&site.path(&format!("profiles/keys/{module}.txt")));
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = cofferdam();
        command.current_dir(self.0.path()).args(["--profile", "airgap"]);
        command
    }

    /// `secret set`, as an operator does it, whether or not a server runs.
    fn set_secret(&self, account: &str, token: &str) {
        let output = run_with_input(self.command().args(["secret", "set", account, "token"]), token);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the server before the service at `url`. A day is short here: what takes minutes takes fractions of a second.
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
    /// Who the module's credential belongs to, or the code of the failure.
    async fn login(&self, module: &str) -> Result<String, String> {
        let called = json!({ "module": module, "tool": "get_authenticated_user", "arguments": {} });
        let answer: Value = serde_json::from_str(&call_tool(&self.url, called).await).unwrap();
        let content = &answer["result"]["structuredContent"];
        match content["error"]["code"].as_str() {
            Some(code) => Err(code.to_owned()),
            None => Ok(find_login(content).unwrap_or_else(|| panic!("{answer:#}")).to_owned()),
        }
    }

    /// Calls `module` until it answers so.
    async fn until(&self, module: &str, wanted: Result<&str, &str>) {
        let wanted = wanted.map(str::to_owned).map_err(str::to_owned);
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.login(module).await;
            if seen == wanted {
                return;
            }
            assert!(Instant::now() < end, "{module} never answered {wanted:?}, but {seen:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The value of the key `login`, however deep.
fn find_login(value: &Value) -> Option<&str> {
    match value {
        Value::Object(keys) => match keys.get("login") {
            Some(login) => login.as_str(),
            None => keys.values().find_map(find_login),
        },
        _ => None,
    }
}
