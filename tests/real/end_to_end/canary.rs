//! A canary in each vault, and a look for it everywhere that a secret must not be: logs at `trace`, answers, errors,
//! health routes, the output of every command, a core dump.
//!
//! The same look is first taken at a process that is dumpable and unscrubbed, and finds the canary in each of those
//! places: a harness that can find nothing proves nothing.

#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests: there a panic is the report

mod support;

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use cofferdam_servers::Running;
use serde_json::{Value, json};
use support::{Service, Site, call_tool, cofferdam};

const TICKETS: &str = "cnry-7Qe+Zt/9w?x&Y~k2=env";
const NOTES: &str = "cnry-4Lm+Vb/3s?j&H~p8=age";

/// Every form in which a canary could stand somewhere.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let percent: String = url::form_urlencoded::byte_serialize(canary.as_bytes()).collect();
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms =
        vec![canary.to_owned(), percent.replace('+', "%20"), percent.clone(), hex.to_uppercase(), hex];
    forms.push(percent.to_lowercase());
    forms.push(canary.replace('/', "\\/"));
    forms.push(canary.replace('&', "\\u0026"));
    forms.push(canary.replace('&', "&amp;"));
    for prefix in ["", "Bearer "] {
        forms.push(STANDARD_NO_PAD.encode(format!("{prefix}{canary}")));
        forms.push(URL_SAFE_NO_PAD.encode(format!("{prefix}{canary}")));
    }
    forms.into_iter().map(String::into_bytes).collect()
}

/// The places where a canary was found, by name.
#[derive(Default)]
struct Look {
    looked_at: Vec<String>,
    found_in: Vec<String>,
}

impl Look {
    fn at(&mut self, place: &str, bytes: &[u8]) {
        self.looked_at.push(place.to_owned());
        let hit = [TICKETS, NOTES].iter().flat_map(|canary| forms(canary)).any(|form| contains(bytes, &form));
        if hit {
            self.found_in.push(place.to_owned());
        }
    }
}

fn contains(bytes: &[u8], form: &[u8]) -> bool {
    aho_corasick::AhoCorasick::new([form]).unwrap().is_match(bytes)
}

/// Kills `process` with SIGABRT and answers what core dump it left in `dir`.
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

/// `command`, run in `dir` with core dumps allowed.
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

/// Where the kernel puts core dumps, unless into the process's own folder: then this look cannot be taken.
fn dumps_elsewhere() -> Option<String> {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").ok()?;
    (pattern.starts_with('|') || pattern.contains('/')).then(|| pattern.trim().to_owned())
}

/// Runs only as the control of [`the_canary_is_nowhere`], in a process of its own.
#[test]
#[ignore = "the control process of the canary test"]
fn control_process() {
    use std::io::Write as _;
    let mut kept = TICKETS.to_owned();
    kept.push('\n');
    std::io::stdout().write_all(kept.as_bytes()).unwrap();
    std::io::stderr().write_all(kept.as_bytes()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn the_look_finds_every_form() {
    for form in forms(NOTES) {
        let mut look = Look::default();
        look.at("text", &[b"before ", &form[..], b" after"].concat());
        assert_eq!(look.found_in, ["text"], "{}", String::from_utf8_lossy(&form));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_canary_is_nowhere() {
    if let Some(pattern) = dumps_elsewhere() {
        panic!(
            "core dumps go to `{pattern}`, where this test cannot look; \
             set /proc/sys/kernel/core_pattern to `core` (it needs root), or run the tests in a container that has"
        );
    }
    control();
    let service = Service::start(&[(TICKETS, "ada"), (NOTES, "ada")]).await;
    let site = Site::new(&service.url(), "");
    site.set_tickets(TICKETS);
    site.set_notes(NOTES);
    let mut look = Look::default();
    tokio::task::block_in_place(|| commands(&site, &mut look));

    let mut command = cofferdam();
    command.env("COFFERDAM_LOG", "trace");
    let (mut server, url) =
        tokio::task::block_in_place(|| site.serve(&mut with_core_dumps(&command, site.path("").as_path())));
    let admin = admin_address(&mut server);
    calls(&url, &mut look).await;
    let health = url.replace("/mcp", "");
    for route in [
        format!("{health}/healthz"),
        format!("{health}/readyz"),
        format!("{admin}/readyz"),
        format!("{admin}/metrics"),
    ] {
        look.at(&route, reqwest::get(&route).await.unwrap().text().await.unwrap().as_bytes());
    }
    let core = tokio::task::block_in_place(|| {
        // The log is whole once the process has ended; but then there is no process to dump.
        let log = server.stderr();
        assert!(log.contains("DEBUG"), "the log holds no details, so a look at it proves little:\n{log}");
        look.at("log", log.as_bytes());
        core_dump(server, &site.path(""))
    });
    look.at("core dump", &core.unwrap_or_default());
    assert_eq!(look.found_in, [""; 0], "of {:?}", look.looked_at);
}

/// The look finds the canary in a process that guards nothing.
fn control() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "control_process", "--ignored", "--nocapture"]);
    let mut control = Running::start(&mut with_core_dumps(&command, dir.path())).unwrap();
    let mut look = Look::default();
    while let Some(line) = control.line() {
        look.at("output", line.as_bytes());
        if !look.found_in.is_empty() {
            break;
        }
    }
    while !control.stderr().contains(TICKETS) {
        std::thread::yield_now();
    }
    look.at("log", control.stderr().as_bytes());
    look.at("core dump", &core_dump(control, dir.path()).unwrap());
    assert_eq!(look.found_in, ["output", "log", "core dump"]);
}

/// The output of every command that has to do with secrets, good and bad.
fn commands(site: &Site, look: &mut Look) {
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
                .arg(site.profile())
                .output()
                .unwrap();
            assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{arguments:?} says nothing");
            look.at(&format!("output of {arguments:?}"), &[output.stdout, output.stderr].concat());
        }
    }
    let revealed = cofferdam()
        .args(["secret", "get", "notes/default", "--reveal", "--profile"])
        .arg(site.profile())
        .output()
        .unwrap();
    assert!(contains(&revealed.stdout, NOTES.as_bytes()), "asked to reveal, it does");
}

/// Every tool of both modules over MCP, with `select` and in full.
async fn calls(url: &str, look: &mut Look) {
    for module in ["tickets", "notes"] {
        for tool in ["whoami", "reflect", "fail", "missing", "absent"] {
            for full in [false, true] {
                let arguments = if tool == "fail" { json!({ "text": "x" }) } else { json!({}) };
                let called = json!({ "module": module, "tool": tool, "arguments": arguments, "full": full });
                let answer = call_tool(url, called).await;
                let parsed: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"));
                assert!(parsed.get("result").is_some(), "{answer}");
                look.at(&format!("answer of {module} {tool}"), answer.as_bytes());
            }
        }
    }
}

/// The address of the admin routes, from what `serve` prints.
fn admin_address(server: &mut Running) -> String {
    while let Some(line) = server.line() {
        let address = line.split_whitespace().find(|word| word.starts_with("http://"));
        if let (true, Some(address)) = (line.contains("admin"), address) {
            return address.trim_end_matches('/').to_owned();
        }
    }
    panic!("serve names no admin address:\n{}", server.stderr());
}
