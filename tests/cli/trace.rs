//! The log at its most verbose level holds no secret, whatever a library logs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use cofferdam_testing::TestEnv;

const CANARY: &str = "c4nary-in-a-signed-body";

/// `text` as `Debug` prints its bytes.
fn bytes(text: &str) -> String {
    format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned()
}

/// Reads one request, and returns its body.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&buffer[..read]);
        let request = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(body.to_owned());
        }
    }
}

/// A Secrets Manager without secrets. Sends the body of each request.
fn secrets_manager(listener: TcpListener, bodies: &mpsc::Sender<String>) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { return };
        while let Some(body) = read_request(&mut stream) {
            let answer = r#"{"__type":"ResourceNotFoundException","message":"none"}"#;
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.1";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            if bodies.send(body).is_err() {
                return;
            }
        }
    }
}

#[test]
fn a_secret_that_is_written_to_aws_is_in_no_trace() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, bodies) = mpsc::channel();
    std::thread::spawn(move || secrets_manager(listener, &sender));
    let profile = format!(
        "[server]\nmodules_dir = \"modules\"\n[vaults.cloud]\nbackend = \"aws\"\nregion = \"eu-central-1\"\n\
         credentials_file = \"credentials\"\nendpoint = \"{endpoint}\"\n[modules.tickets]\nvault = \"cloud\"\n"
    );
    for filter in ["trace", "trace,aws_sigv4=trace,hyper=trace,aws_smithy_runtime=trace,log=trace"] {
        let env = TestEnv::new(&profile)
            .with_variable("COFFERDAM_LOG", filter)
            // Lets `aws_sigv4` log whole bodies.
            .with_variable("LOG_SIGNABLE_BODY", "true");
        env.write_private(
            "credentials",
            "[default]\naws_access_key_id = A\naws_secret_access_key = c4nary-key\n",
        );
        let output = env.run_with_input(&["secret", "set", "tickets/default", "token"], CANARY);
        let logged = output.stdout + &output.stderr;
        for form in [CANARY.to_owned(), bytes(CANARY), "c4nary-key".to_owned()] {
            let line = logged.lines().find(|line| line.contains(&form));
            assert_eq!(line, None, "a secret is in the log");
        }
        let sent = std::iter::from_fn(|| bodies.recv_timeout(Duration::from_secs(30)).ok());
        assert!(sent.take(16).any(|body| body.contains(CANARY)), "the secret was never sent");
    }
}
