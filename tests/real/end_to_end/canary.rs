//! A search for a canary, which is in each vault, everywhere that a secret must not be: in logs at `trace`, responses,
//! errors, health routes, the output of every command, and a core dump.
//!
//! The same search is first run on a process that can be dumped and removes nothing, where it must find the canary.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use cofferdam_testing::{FakeService, Running, TestEnv, call_tool, cofferdam};
use serde_json::{Value, json};

const TICKETS: &str = "cnry-7Qe+Zt/9w?x&Y~k2=env";
const NOTES: &str = "cnry-4Lm+Vb/3s?j&H~p8=age";

/// Every encoding in which a canary could appear.
fn encodings(canary: &str) -> Vec<Vec<u8>> {
    let percent: String = url::form_urlencoded::byte_serialize(canary.as_bytes()).collect();
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut found =
        vec![canary.to_owned(), percent.replace('+', "%20"), percent.clone(), hex.to_uppercase(), hex];
    found.push(percent.to_lowercase());
    found.push(canary.replace('/', "\\/"));
    found.push(canary.replace('&', "\\u0026"));
    found.push(canary.replace('&', "&amp;"));
    for prefix in ["", "Bearer "] {
        found.push(STANDARD_NO_PAD.encode(format!("{prefix}{canary}")));
        found.push(URL_SAFE_NO_PAD.encode(format!("{prefix}{canary}")));
    }
    found.into_iter().map(String::into_bytes).collect()
}

/// The places that were searched, and those where a canary was found.
#[derive(Default)]
struct Search {
    places: Vec<String>,
    found_in: Vec<String>,
}

impl Search {
    fn at(&mut self, place: &str, bytes: &[u8]) {
        self.places.push(place.to_owned());
        let hit = [TICKETS, NOTES]
            .iter()
            .flat_map(|canary| encodings(canary))
            .any(|encoding| contains(bytes, &encoding));
        if hit {
            self.found_in.push(place.to_owned());
        }
    }
}

fn contains(bytes: &[u8], searched: &[u8]) -> bool {
    aho_corasick::AhoCorasick::new([searched]).unwrap().is_match(bytes)
}

/// Kills `process` with SIGABRT; returns the core dump that it left in `dir`.
fn core_dump(process: Running, dir: &Path) -> Option<Vec<u8>> {
    let pid = process.id();
    let killed = Command::new("kill").args(["-ABRT", &pid.to_string()]).status().unwrap();
    assert!(killed.success());
    process.wait().unwrap();
    std::fs::read_dir(dir)
        .unwrap()
        .filter_map(|entry| entry.ok())
        .find(|entry| entry.file_name().to_string_lossy().starts_with("core"))
        .map(|entry| std::fs::read(entry.path()).unwrap())
}

/// `command` in `dir`, with core dumps enabled.
fn with_core_dumps(command: &Command, dir: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -c unlimited; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    shell.env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.current_dir(dir);
    shell
}

/// Where the kernel writes core dumps if that is not the process's own folder. Then the test cannot find them.
fn dumps_elsewhere() -> Option<String> {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").ok()?;
    (pattern.starts_with('|') || pattern.contains('/')).then(|| pattern.trim().to_owned())
}

/// Runs only as the control of [`the_canary_is_nowhere`], in a process of its own.
#[test]
#[ignore = "the control process of the canary test"]
fn control_process() {
    use std::io::Write as _;
    let mut line = TICKETS.to_owned();
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn the_search_finds_every_encoding() {
    for encoding in encodings(NOTES) {
        let mut search = Search::default();
        search.at("text", &[b"before ", &encoding[..], b" after"].concat());
        assert_eq!(search.found_in, ["text"], "{}", String::from_utf8_lossy(&encoding));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canary_is_nowhere() {
    if let Some(pattern) = dumps_elsewhere() {
        panic!(
            "core dumps go to `{pattern}`, where this test cannot find them; \
             set /proc/sys/kernel/core_pattern to `core` (it needs root), or run the tests in a container that has"
        );
    }
    control();
    let service = FakeService::start(&[(TICKETS, "ada"), (NOTES, "ada")]).await;
    let env = TestEnv::with_service(&service.url(), "");
    env.set_tickets(TICKETS);
    env.set_notes(NOTES);
    let mut search = Search::default();
    tokio::task::block_in_place(|| commands(&env, &mut search));

    let mut command = cofferdam();
    command.env("COFFERDAM_LOG", "trace");
    let (mut server, url) =
        tokio::task::block_in_place(|| env.serve(&mut with_core_dumps(&command, env.folder())));
    let admin = admin_address(&mut server);
    calls(&url, &mut search).await;
    let health = url.replace("/mcp", "");
    for route in [
        format!("{health}/healthz"),
        format!("{health}/readyz"),
        format!("{admin}/readyz"),
        format!("{admin}/metrics"),
    ] {
        search.at(&route, reqwest::get(&route).await.unwrap().text().await.unwrap().as_bytes());
    }
    let core = tokio::task::block_in_place(|| {
        // The log is complete once the process has ended, but then there is nothing to dump.
        let log = server.stderr();
        assert!(log.contains("DEBUG"), "the log holds no details, so searching it proves little:\n{log}");
        search.at("log", log.as_bytes());
        core_dump(server, env.folder())
    });
    search.at("core dump", &core.unwrap_or_default());
    assert_eq!(search.found_in, [""; 0], "of {:?}", search.places);
}

/// The search finds the canary in a process that does not protect it.
fn control() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "canary::control_process", "--ignored", "--nocapture"]);
    let mut control = Running::start(&mut with_core_dumps(&command, dir.path())).unwrap();
    let mut search = Search::default();
    while let Some(line) = control.line() {
        search.at("output", line.as_bytes());
        if !search.found_in.is_empty() {
            break;
        }
    }
    while !control.stderr().contains(TICKETS) {
        std::thread::yield_now();
    }
    search.at("log", control.stderr().as_bytes());
    search.at("core dump", &core_dump(control, dir.path()).unwrap());
    assert_eq!(search.found_in, ["output", "log", "core dump"]);
}

/// The output of every command that uses secrets, successful or not.
fn commands(env: &TestEnv, search: &mut Search) {
    let lines: [&[&str]; 11] = [
        &["profile", "check"],
        &["module", "list"],
        &["module", "show", "notes"],
        &["secret", "get", "notes/default"],
        &["secret", "get", "tickets/default"],
        &["secret", "list", "notes"],
        &["call", "notes", "reflect", "{}", "--full"],
        &["call", "tickets", "reflect", "{}"],
        &["call", "tickets", "fail", "{\"text\":\"x\"}"],
        &["call", "notes", "missing", "--full"],
        &["call", "notes", "fail", "{\"text\":1}"],
    ];
    for arguments in lines {
        for json in [&[][..], &["--json"]] {
            let output = cofferdam()
                .env("COFFERDAM_LOG", "trace")
                .args(arguments)
                .args(json)
                .arg("--profile")
                .arg(env.profile())
                .output()
                .unwrap();
            assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{arguments:?} says nothing");
            search.at(&format!("output of {arguments:?}"), &[output.stdout, output.stderr].concat());
        }
    }
    let revealed = cofferdam()
        .args(["secret", "get", "notes/default", "--reveal", "--profile"])
        .arg(env.profile())
        .output()
        .unwrap();
    assert!(contains(&revealed.stdout, NOTES.as_bytes()), "with --reveal, it is printed");
}

/// Calls every tool of both modules over MCP, with `select` and in full.
async fn calls(url: &str, search: &mut Search) {
    for module in ["tickets", "notes"] {
        for tool in ["whoami", "reflect", "fail", "missing", "absent"] {
            for full in [false, true] {
                let arguments = if tool == "fail" { json!({ "text": "x" }) } else { json!({}) };
                let called = json!({ "module": module, "tool": tool, "arguments": arguments, "full": full });
                let answer = call_tool(url, called).await;
                let parsed: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
                assert!(parsed.get("result").is_some(), "{answer}");
                search.at(&format!("answer of {module} {tool}"), answer.as_bytes());
            }
        }
    }
}

/// The URL of the admin server, from the output of `serve`.
fn admin_address(server: &mut Running) -> String {
    while let Some(line) = server.line() {
        let address = line.split_whitespace().find(|word| word.starts_with("http://"));
        if let (true, Some(address)) = (line.contains("admin"), address) {
            return address.trim_end_matches('/').to_owned();
        }
    }
    panic!("serve names no admin address:\n{}", server.stderr());
}
