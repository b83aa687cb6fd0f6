//! `doctor`: what is wrong, and what to do.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use cofferdam_testing::{RunningCommand, TWO_VAULTS, TestEnv, bare, program};

const LISTEN: &str = "COFFERDAM__SERVER__LISTEN";

#[test]
fn a_health_check_asks_only_the_profiles_own_server() {
    // Its vault is broken, which does not matter here.
    let env = TestEnv::new(TWO_VAULTS);
    env.write("secrets.age", "garbage");
    for exposed in [false, true] {
        let ip = if exposed { "0.0.0.0" } else { "127.0.0.1" };
        let insist = exposed.then_some("--insecure-no-auth");
        let listen = format!("{ip}:0");
        let serve: Vec<&str> = ["serve", "--listen", &listen].into_iter().chain(insist).collect();
        let mut running = env.start(&serve);
        let first = BufReader::new(running.child().stdout.take().unwrap()).lines().next().unwrap().unwrap();
        let address = first.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap().to_owned();
        let check = TestEnv::new(TWO_VAULTS).with_variable(LISTEN, &address);

        let alive = check.run(&["doctor", "--server"]).expect(0);
        assert_eq!((alive.stdout.lines().count(), alive.stderr.as_str()), (1, ""), "{alive:#?}");
        let document = check.run(&["doctor", "--server", "--json"]).expect(0).json();
        assert_eq!(document["alive"], true, "{document}");
        assert_eq!(document["address"], address.replace("0.0.0.0", "127.0.0.1"), "{document}");

        running.signal(Signal::TERM);
        assert_eq!(running.wait().code, Some(0));
        let gone = check.run(&["doctor", "--server"]).expect(1);
        assert_eq!((gone.stdout.as_str(), gone.stderr.lines().count()), ("", 1), "{gone:#?}");
    }
}

#[test]
fn a_health_check_is_not_fooled_by_another_program_and_does_not_wait_for_a_silent_one() {
    // Connections wait in its queue.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let other_address = other.local_addr().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
        while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").unwrap();
    });
    for (address, word) in
        [(silent.local_addr().unwrap().to_string(), "within"), (other_address, "not a Cofferdam server")]
    {
        let env = TestEnv::new(TWO_VAULTS).with_variable(LISTEN, &address);
        let output = env.run(&["doctor", "--server"]).expect(1);
        assert!(output.stderr.contains(word) && output.stderr.contains(&address), "{output:#?}");
    }
    serving.join().unwrap();
}

#[test]
fn a_health_check_of_a_wrong_profile_or_of_any_free_port_is_a_wrong_question() {
    let env = TestEnv::new("nonsense = 1");
    env.run(&["doctor", "--server"]).expect(2);
    let output = TestEnv::new(TWO_VAULTS).run(&["doctor", "--server"]).expect(2);
    assert!(output.stderr.contains("port 0"), "{output:#?}");
}

const CANARY: &str = "canary-d0ct0r";

/// The findings about `subject` at `level`.
fn found<'a>(document: &'a Value, subject: &str, level: &str) -> Vec<&'a str> {
    let all = document["findings"].as_array().unwrap();
    let of = all.iter().filter(|finding| finding["subject"] == subject && finding["level"] == level);
    of.map(|finding| finding["what"].as_str().unwrap()).collect()
}

fn healthy_env(profile: &str) -> TestEnv {
    let env = TestEnv::new(profile).with_variable("TICKETS_TOKEN", CANARY);
    for account in ["notes/default", "notes/work"] {
        for field in ["username", "password"] {
            env.run_with_input(&["secret", "set", account, field], CANARY).expect(0);
        }
    }
    env
}

#[test]
fn a_healthy_setup_has_no_bad_finding() {
    let env = healthy_env(TWO_VAULTS);
    let output = env.run(&["doctor"]).expect(0);
    assert!(output.stdout.contains("0 warnings, 0 errors") && output.stderr.is_empty(), "{output:#?}");
    assert!(!output.stdout.contains(CANARY), "a value was printed");
    let document = env.run(&["doctor", "--json"]).expect(0).json();
    assert_eq!(document["bad"], 0, "{document:#}");
    for subject in ["vault files", "vault variables", "account notes/work", "account tickets/default"] {
        assert_ne!(found(&document, subject, "good"), [""; 0], "{subject}: {document:#}");
    }
}

/// A vault that never responds is reported after its timeout with everything else that is wrong, and does not prevent the
/// other checks.
#[test]
fn each_problem_is_reported_with_what_to_do() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let profile = TWO_VAULTS.replacen("127.0.0.1:0", &taken.local_addr().unwrap().to_string(), 1)
        + &format!(
            "\n[vaults.silent]\nbackend = \"hashicorp\"\naddress = \"http://{}\"\n\
             auth = {{ method = \"token\", token_file = \"token\" }}\n\
             [modules.far]\nvault = \"silent\"\nmanifest = \"tickets\"\n",
            silent.local_addr().unwrap()
        );
    let env = healthy_env(&profile.replace("backend = \"env\"", "backend = \"env\"\ndotenv = \".env\""))
        .with_variable("TICKETS_TOKEN", &format!(" {CANARY}\n"));
    env.write_private("token", "t");
    env.write_private(".env", "");
    env.run(&["secret", "delete", "notes/work"]).expect(0);
    for (file, mode) in
        [("key.txt", 0o644), ("token", 0o644), (".env", 0o666), ("profile.toml", 0o664), ("modules", 0o777)]
    {
        std::fs::set_permissions(env.path(file), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let output = env.run(&["doctor", "--json"]).expect(1);
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY), "a value was printed");
    let document = output.json();
    for (subject, word) in [
        ("profile", "the profile"),
        ("profile", "modules_dir"),
        (format!("port {}", taken.local_addr().unwrap().port()).as_str(), "another program"),
        ("vault files", "the identity file"),
        ("vault variables", "the .env file"),
        ("vault silent", "no response within"),
        // Its files are checked without the server.
        ("vault silent", "the token file"),
        ("account notes/work", "notes/work"),
        ("account tickets/default", "white space"),
    ] {
        let bad = found(&document, subject, "bad");
        assert!(bad.iter().any(|what| what.contains(word)), "{subject}: no `{word}` in {document:#}");
    }
    assert_ne!(found(&document, "account notes/default", "good"), [""; 0], "{document:#}");
    for finding in document["findings"].as_array().unwrap() {
        let remedy = finding["remedy"].as_str().unwrap_or_default();
        assert_eq!(remedy.is_empty(), finding["level"] == "good", "{finding:#}");
    }
}

/// The server says the same in its log.
#[test]
fn too_few_open_files_are_reported_with_what_to_do() {
    let env = healthy_env(TWO_VAULTS);
    let limited = |words: &str, limit: u32| {
        let mut command = bare(Command::new("sh"));
        command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" {words} --profile \"$1\"")]);
        command.arg(program()).arg(env.profile()).env("TICKETS_TOKEN", CANARY);
        command
    };
    let says = ["server.max_calls", "this process may have 512"];
    let document = RunningCommand::start(&mut limited("doctor --json", 512)).wait().expect(0).json();
    let warnings = found(&document, "open files", "notice");
    assert!(says.iter().all(|part| warnings.iter().any(|warning| warning.contains(part))), "{document:#}");
    let finding = document["findings"].as_array().unwrap().iter().find(|one| one["subject"] == "open files");
    assert!(finding.unwrap()["remedy"].as_str().unwrap().contains("LimitNOFILE="), "{document:#}");

    let mut server = RunningCommand::start(&mut limited("serve", 512));
    BufReader::new(server.child().stdout.take().unwrap()).lines().next().unwrap().unwrap();
    server.signal(Signal::TERM);
    let log = server.wait().stderr;
    let line = log.lines().find(|line| line.contains(says[1])).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("WARN") && line.contains(says[0]) && line.contains("LimitNOFILE="), "{line}");

    let mut server = RunningCommand::start(&mut limited("serve --stdio", 64));
    drop(server.child().stdin.take());
    let log = server.wait().stderr;
    let line = log.lines().find(|line| line.contains("this process may have 64"));
    assert!(line.is_some_and(|line| line.contains("WARN") && line.contains("LimitNOFILE=")), "{log}");
}

/// The profile's own server may use its ports.
#[test]
fn ports_that_our_own_server_has_are_good() {
    let env = healthy_env(TWO_VAULTS);
    let mut running = env.start(&["serve"]);
    let first = BufReader::new(running.child().stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let address = first.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap().to_owned();
    let env = env.with_variable(LISTEN, &address);
    let document = env.run(&["doctor", "--json"]).expect(0).json();
    let port = format!("port {}", address.rsplit(':').next().unwrap());
    assert!(found(&document, &port, "good")[0].contains("a Cofferdam server"), "{document:#}");
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}
