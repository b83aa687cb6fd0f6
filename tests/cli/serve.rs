//! `serve`: what it prints, what it serves, how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use cofferdam_testing::{RunningCommand, TWO_VAULTS, TestEnv};

/// The lines that a running command prints.
fn lines(running: &mut RunningCommand) -> impl Iterator<Item = String> + use<> {
    BufReader::new(running.child().stdout.take().unwrap()).lines().map(Result::unwrap)
}

/// Sends a request and returns the whole response.
fn get(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn serve_says_where_it_is_and_what_is_down_and_ends_well_on_a_signal() {
    let env = TestEnv::new(TWO_VAULTS);
    // Not an age file: its vault is down, and the server is not.
    env.write("secrets.age", "garbage");
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = env.start(&["serve"]);
        let mut printed = lines(&mut running);
        let address = printed.next().unwrap();
        assert!(address.starts_with("http://127.0.0.1:") && address.ends_with("/mcp"), "{address}");
        // The last lines are the snippets for the MCP host.
        let mut text = String::new();
        for line in printed.by_ref() {
            text.push_str(&line);
            text.push('\n');
            if line.contains("--stdio") {
                break;
            }
        }
        assert!(text.contains("down"), "the broken vault is not shown:\n{text}");
        assert!(text.contains("TICKETS_TOKEN"), "the absent variable is not named:\n{text}");
        assert!(text.contains(&format!("\"url\": \"{address}\"")), "{text}");
        assert!(get(&address.replace("/mcp", "/healthz")).starts_with("HTTP/1.1 200"));
        assert!(get(&address.replace("/mcp", "/readyz")).contains("\"down\":1"));
        running.signal(signal);
        assert_eq!(running.wait().code, Some(0));
    }
}

/// An MCP host starts the process in another folder.
#[test]
fn the_snippet_for_a_host_names_the_profiles_file() {
    let env = TestEnv::new(TWO_VAULTS);
    std::fs::create_dir(env.path("profiles")).unwrap();
    env.write("profiles/team.toml", &TWO_VAULTS.replace("\"modules\"", "\"../modules\""));
    env.write_own_profile("own", &TWO_VAULTS.replace("\"modules\"", "\"../../../modules\""));
    for (profile, file) in
        [("own", "home/.config/cofferdam/own.toml"), ("profiles/team.toml", "profiles/team.toml")]
    {
        let mut running = env.start(&["serve", "--json", "--profile", profile]);
        let mut text = String::new();
        for line in lines(&mut running) {
            text.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let document: Value = serde_json::from_str(&text).unwrap();
        let args = &document["host"]["stdio"]["mcpServers"]["cofferdam"]["args"];
        let file = env.folder().canonicalize().unwrap().join(file);
        assert_eq!(*args, json!(["serve", "--stdio", "--profile", file]), "{document:#}");
        running.signal(Signal::TERM);
        assert_eq!(running.wait().code, Some(0));
    }
}

#[test]
fn serve_says_which_manifest_was_refused() {
    let env = TestEnv::new(TWO_VAULTS);
    env.write("modules/notes.toml", "format = 1\nname = \"notes\"\nnonsense = true\n");
    let mut running = env.start(&["serve"]);
    let text: Vec<String> = lines(&mut running).take_while(|line| !line.contains("--stdio")).collect();
    let row = text.iter().find(|line| line.contains("files")).unwrap();
    assert!(row.contains("notes") && row.contains("down: cannot be loaded"), "{row}");
    assert!(text.iter().any(|line| line.contains("notes.toml:3") && line.contains("nonsense")), "{text:#?}");
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_server_beyond_loopback_is_refused_unless_one_insists() {
    let env = TestEnv::new(TWO_VAULTS);
    let output = env.run(&["serve", "--listen", "0.0.0.0:0"]).expect(2);
    assert!(output.stderr.contains("--insecure-no-auth"), "{output:#?}");
    let mut running = env.start(&["serve", "--listen", "0.0.0.0:0", "--insecure-no-auth"]);
    assert!(lines(&mut running).next().unwrap().starts_with("http://0.0.0.0:"));
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn on_stdio_standard_output_holds_the_protocol_alone() {
    let env = TestEnv::new(TWO_VAULTS).with_variable("COFFERDAM_LOG", "trace");
    let mut running = env.start(&["serve", "--stdio"]);
    let mut input = running.child().stdin.take().unwrap();
    let mut printed = lines(&mut running);
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    } });
    writeln!(input, "{hello}").unwrap();
    let answer: Value = serde_json::from_str(&printed.next().unwrap()).unwrap();
    assert_eq!(answer["result"]["serverInfo"]["name"], "cofferdam", "{answer:#}");
    drop(input);
    assert_eq!(printed.next(), None, "something else was printed");
    assert_eq!(running.wait().code, Some(0));
}

#[test]
fn a_host_that_never_reads_standard_error_is_served_and_the_process_ends() {
    let env = TestEnv::new(TWO_VAULTS).with_variable("COFFERDAM_LOG", "info");
    let mut running = env.start(&["serve", "--stdio"]);
    let mut input = running.child().stdin.take().unwrap();
    let printed = lines(&mut running);
    let (answer, answers) = channel();
    std::thread::spawn(move || printed.for_each(|line| answer.send(line).unwrap_or_default()));
    let mut ask = |message: Value| {
        writeln!(input, "{message}").unwrap();
        answers.recv_timeout(Duration::from_secs(60)).expect("the server is stuck")
    };
    ask(json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    } }));
    let call = json!({ "module": "tickets", "tool": "list", "arguments": {} });
    let params = json!({ "name": "call_module_tool", "arguments": call });
    for id in 1..=1000 {
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        assert!(ask(call).contains("credential_missing"));
    }
    drop(input);
    assert_eq!(running.child().wait().unwrap().code(), Some(0));
    let log = running.wait().stderr;
    assert!(
        log.matches("credential_missing").count() < 1000,
        "the pipe took everything: nothing had to wait"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_holds_secrets_cannot_be_dumped() {
    let env = TestEnv::new(TWO_VAULTS);
    let mut running = env.start(&["serve"]);
    lines(&mut running).next().unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.child().id()));
    // Only a privileged user may read this of an undumpable process.
    if let Ok(limits) = limits {
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let soft_and_hard: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
        assert_eq!(soft_and_hard, ["0", "0"], "{core}");
    }
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(0));
}

/// Sends a message to `/mcp`; returns the connection.
fn post(url: &str, message: &Value) -> TcpStream {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let body = message.to_string();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nmcp-protocol-version: 2025-11-25\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream
}

/// An environment with a credential for `tickets`, and its service, which accepts connections and never responds.
fn silent_service() -> (TestEnv, TcpListener) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let env = TestEnv::new(TWO_VAULTS)
        .with_variable("COFFERDAM_LOG", "info")
        .with_variable("TICKETS_TOKEN", "a-good-token");
    env.call_service(&format!("http://{}", silent.local_addr().unwrap()));
    (env, silent)
}

/// Calls `tickets`.
fn call_tickets(url: &str) -> TcpStream {
    let call = json!({ "module": "tickets", "tool": "list", "arguments": {} });
    let params = json!({ "name": "call_module_tool", "arguments": call });
    post(url, &json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params }))
}

#[test]
fn the_first_signal_lets_a_call_finish_and_the_second_does_not() {
    let (env, silent) = silent_service();
    let mut running = env.start(&["serve"]);
    let url = lines(&mut running).next().unwrap();
    let _call = call_tickets(&url);
    let _connection = silent.accept().unwrap();
    let mut remarks = BufReader::new(running.child().stderr.take().unwrap()).lines().map(Result::unwrap);
    running.signal(Signal::TERM);
    assert!(remarks.any(|line| line.contains("a second signal terminates at once")));
    assert!(running.child().try_wait().unwrap().is_none(), "the call is still in flight");
    running.signal(Signal::TERM);
    assert_eq!(running.wait().code, Some(1));
}

#[test]
fn what_a_client_says_and_that_it_goes_is_no_fault_in_the_log() {
    let (env, silent) = silent_service();
    let mut running = env.start(&["serve"]);
    let mut printed = lines(&mut running);
    let url = printed.next().unwrap();
    let admin = printed.find_map(|line| Some(line.strip_prefix("admin: ")?.split_once(' ')?.0.to_owned()));

    let unknown = json!({ "jsonrpc": "2.0", "id": 1, "method": "canary/method", "params": {} });
    let mut answer = String::new();
    post(&url, &unknown).read_to_string(&mut answer).unwrap();
    assert!(answer.contains("-32601"), "{answer}");

    let gone = call_tickets(&url);
    let _connection = silent.accept().unwrap();
    drop(gone);
    let metrics = format!("{}/metrics", admin.unwrap());
    while !get(&metrics).contains("cofferdam_calls_total{code=\"cancelled\"} 1") {
        std::thread::yield_now();
    }
    running.signal(Signal::TERM);
    let output = running.wait();
    assert!(output.stderr.contains("cancelled"), "the call has a line: {}", output.stderr);
    assert!(!output.stderr.contains("canary") && !output.stderr.contains("ERROR"), "{}", output.stderr);
}
