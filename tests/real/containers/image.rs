//! The image, and what its process may do.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::stack::Stack;

/// Maximum size of what the image holds beside the program, in bytes: the C library and some certificates. The program itself
/// is built without optimisation here, and larger than what ships.
const MAX_BESIDE_PROGRAM: u64 = 8 * 1024 * 1024;

/// What was found and how long each step took.
pub(crate) struct Report {
    text: String,
    last: Instant,
}

impl Report {
    pub(crate) fn new(stack: &Stack) -> Self {
        Self { text: format!("engine: {}\n", stack.engine.name()), last: Instant::now() }
    }

    pub(crate) fn step(&mut self, step: &str) {
        let seconds = self.last.elapsed().as_secs_f32();
        self.last = Instant::now();
        self.line(format_args!("{seconds:6.1} s  {step}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").unwrap();
    }

    pub(crate) fn write(&self) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("containers.txt");
        std::fs::write(file, &self.text).unwrap();
        eprintln!("{}", self.text);
    }
}

/// No root, no capability, no writable file, no shell; the containers beside it likewise.
pub(crate) fn is_confined(stack: &Stack, report: &mut Report) {
    let printed = stack.docker(&["image", "inspect", "cofferdam:test"]);
    let image: Value = serde_json::from_slice(&printed).unwrap();
    let size = image[0]["Size"].as_u64().unwrap();
    let program = process(stack, "cofferdam", &["stat", "--dereference", "--format=%s", "/proc/1/exe"]);
    let program: u64 = program.trim().parse().unwrap();
    report.line(format_args!("image: {:.1} MB, program: {:.1} MB", size as f64 / 1e6, program as f64 / 1e6));
    assert!(size < program + MAX_BESIDE_PROGRAM, "{size}, {program}");
    assert_eq!(image[0]["Config"]["User"], "10001:10001");

    for service in ["cofferdam", "vault", "unseal"] {
        let status = process(stack, service, &["cat", "/proc/1/status"]);
        let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        let (user, capabilities) = (line("Uid:"), line("CapBnd:"));
        report.line(format_args!("{service}: {user}, {capabilities}, {}", line("NoNewPrivs:")));
        assert!(!user.split_whitespace().any(|id| id == "0"), "{service}: {user}");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert!(line(set).ends_with("\t0000000000000000"), "{service}: {}", line(set));
        }
        assert!(line("NoNewPrivs:").ends_with("\t1"), "{service}");
        let mounts = process(stack, service, &["cat", "/proc/1/mountinfo"]);
        let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
        assert!(root.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{service}: {root}");
        assert_eq!(stack.inspect(service)["HostConfig"]["ReadonlyRootfs"], true, "{service}");
    }
    let shell =
        stack.engine.docker().args(["exec", &stack.container("cofferdam"), "/bin/sh"]).output().unwrap();
    assert!(!shell.status.success(), "there is no shell");

    let published = stack.inspect("cofferdam")["HostConfig"]["PortBindings"].clone();
    for (port, bindings) in published.as_object().unwrap() {
        assert_eq!(bindings[0]["HostIp"], "127.0.0.1", "{port}");
    }
    assert_eq!(published.as_object().unwrap().len(), 2);
    let others = stack.inspect("vault")["HostConfig"]["PortBindings"].clone();
    assert!(others.as_object().is_none_or(serde_json::Map::is_empty), "Vault is not published: {others}");
}

/// The output of `command` in a container that sees the processes of `service`.
fn process(stack: &Stack, service: &str, command: &[&str]) -> String {
    let container = format!("container:{}", stack.container(service));
    let mut arguments = vec![
        "run",
        "--rm",
        "--network",
        "none",
        "--cap-add",
        "SYS_PTRACE",
        "--pid",
        &container,
        "debian:bookworm-slim",
    ];
    arguments.extend(command);
    String::from_utf8(stack.docker(&arguments)).unwrap()
}
