//! A module's service with TLS: its certificate is verified with the machine's, and the client offers what the service
//! speaks.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cofferdam_servers::{Running, free};
use cofferdam_testing::cofferdam;

/// Only a test that fails waits this long.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What `openssl s_server -HTTP` sends for `GET /user`, as it is.
const USER: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"login\": \"ada\"}";

const CERTIFICATE: &str = "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = more\n[name]\nCN = cofferdam\n\
                           [more]\nbasicConstraints = critical,CA:FALSE\nsubjectAltName = DNS:localhost\n";

#[test]
fn a_service_is_verified_with_the_certificates_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let (_service, port) = serve_with_tls(folder.path());
    let call = |certificates: &str| {
        let mut command = cofferdam();
        command.current_dir(folder.path()).args(["call", "github", "get_authenticated_user", "{}"]);
        command.env("GITHUB_TOKEN", "none").env("SSL_CERT_FILE", folder.path().join(certificates));
        command.env("COFFERDAM__MODULES__GITHUB__BASE_URL", format!("https://localhost:{port}"));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let (called, output) = call("service.pem");
    assert!(called && output.contains("ada"), "{output}");
    let (called, output) = call("stranger.pem");
    assert!(!called && output.contains("invalid peer certificate"), "{output}");
    let (called, output) = call("absent.pem");
    assert!(!called && output.contains("this server has no CA certificates"), "{output}");
}

/// Starts a service on `localhost` that accepts HTTP/1.1 only, with `service.pem`. Returns it and its port.
fn serve_with_tls(folder: &Path) -> (Running, u16) {
    fs::write(folder.join("certificate.cnf"), CERTIFICATE).unwrap();
    fs::write(folder.join("user"), USER).unwrap();
    for name in ["service", "stranger"] {
        let made =
            ["req", "-x509", "-config", "certificate.cnf", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let files = ["-keyout", &key, "-out", &certificate];
        let output = Command::new("openssl").args(made).args(files).current_dir(folder).output();
        let output = output.expect("the tests need `openssl`; install it (Debian: openssl)");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let port = free().unwrap();
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(["s_server", "-quiet", "-HTTP", "-alpn", "http/1.1"]);
    command.args(["-accept", &format!("127.0.0.1:{port}"), "-cert", "service.pem", "-key", "service.key"]);
    let service = Running::start(&mut command).unwrap();
    let end = Instant::now() + TIMEOUT;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "the service does not come up: {}", service.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
    (service, port)
}
