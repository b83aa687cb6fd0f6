//! TLS: which certificates are accepted, and a login with a certificate.

use std::path::Path;
use std::process::Command;

use cofferdam_config::{Diagnostics, Severity};
use cofferdam_servers::{Running, free, vault_binary};
use cofferdam_testing::vault_server::{self, ask, expect_error, open, token_of};
use cofferdam_vault::ErrorKind::{Misconfigured, Unauthenticated};
use cofferdam_vault::Scope;
use serde_json::{Value, json};

/// A server in development mode, with certificates that it created in `folder`.
struct DevServer {
    address: String,
    /// The address with the certificate `server.pem`, which expires within a day.
    short: String,
    folder: tempfile::TempDir,
    _running: Running,
}

impl DevServer {
    async fn start() -> Self {
        let binary = vault_binary().unwrap_or_else(|error| panic!("{error}"));
        let (folder, port, short) = (tempfile::tempdir().unwrap(), free().unwrap(), free().unwrap());
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        // For a server, not for an authority.
        write(
            "server.cnf",
            "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = more\n[name]\nCN = cofferdam\n\
             [more]\nbasicConstraints = critical,CA:FALSE\nsubjectAltName = IP:127.0.0.1\n"
                .to_owned(),
        );
        let made = ["req", "-x509", "-config", "server.cnf", "-newkey", "rsa:2048", "-nodes", "-days", "1"];
        let files = ["-keyout", "server.key", "-out", "server.pem"];
        openssl(folder.path(), &[&made[..], &files].concat());
        let file = |name: &str| folder.path().join(name).display().to_string();
        write(
            "short.hcl",
            format!(
                "listener \"tcp\" {{\n address = \"127.0.0.1:{short}\"\n tls_cert_file = {:?}\n tls_key_file = {:?}\n}}\n",
                file("server.pem"),
                file("server.key")
            ),
        );
        let mut command = Command::new(binary);
        command.args(["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root", "-dev-tls"]);
        command.arg(format!("-dev-tls-cert-dir={}", folder.path().display()));
        command.arg(format!("-config={}", file("short.hcl")));
        command.arg(format!("-dev-listen-address=127.0.0.1:{port}")).env("HOME", folder.path());
        let running = Running::start(&mut command).unwrap();
        let [address, short] = [port, short].map(|port| format!("https://127.0.0.1:{port}"));
        let dev = Self { address, short, folder, _running: running };
        let client =
            reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        for _ in 0..600 {
            let health = client.get(format!("{}/v1/sys/health", dev.address)).send().await;
            if health.is_ok_and(|answer| answer.status() == 200) {
                return dev;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the server does not come up");
    }

    async fn root(&self, method: &str, api_path: &str, body: Value) {
        let (status, answer) = ask(&self.address, "root", method, api_path, body).await;
        assert!((200..300).contains(&status), "{api_path}: {status} {answer}");
    }

    /// Creates a certificate to log in with, which expires within a day, and its key.
    fn client(&self, name: &str) {
        let made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=cofferdam"];
        let usage = ["-addext", "extendedKeyUsage=clientAuth"];
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let files = ["-keyout", &key, "-out", &certificate];
        openssl(self.folder.path(), &[&made[..], &usage, &files].concat());
    }
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("the tests need `openssl`; install it (Debian: openssl)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_certificate_logs_in_and_an_unknown_authority_is_refused() {
    let dev = DevServer::start().await;
    dev.root("POST", "secret/data/m/a", json!({"data": {"token": "one"}})).await;
    dev.root("PUT", "sys/policies/acl/p", json!({"policy": vault_server::full_policy("secret", 2)})).await;
    dev.root("POST", "sys/auth/cert", json!({"type": "cert"})).await;
    for name in ["client", "stranger"] {
        dev.client(name);
    }
    let certificate = std::fs::read_to_string(dev.folder.path().join("client.pem")).unwrap();
    dev.root("POST", "auth/cert/certs/c", json!({"certificate": certificate, "token_policies": ["p"]})).await;

    let vault = |ca: &str, client: &str, name: &str| {
        let text = format!(
            "address = '{}'\n{ca}\nclient_cert_file = '{client}.pem'\nclient_key_file = '{client}.key'\n\
             auth = {{ method = 'cert'{name} }}",
            dev.address
        );
        open(dev.folder.path(), &text)
    };
    let ca = "ca_file = 'vault-ca.pem'";
    for name in ["", ", name = 'c'"] {
        assert_eq!(token_of(&*vault(ca, "client", name), "m/a").await, "one");
        expect_error(
            vault_server::read(&*vault(ca, "stranger", name), "m/a").await,
            Unauthenticated,
            Scope::Vault,
        );
    }

    // Neither the system's authorities nor another file contain this authority.
    for ca in ["", "ca_file = 'stranger.pem'"] {
        let vault = vault(ca, "client", "");
        expect_error(vault_server::read(&*vault, "m/a").await, Misconfigured, Scope::Vault);
        expect_error(vault.probe().await, Misconfigured, Scope::Vault);
    }
    for broken in ["ca_file = 'no-such-file'", "ca_file = 'client.key'"] {
        expect_error(
            vault_server::read(&*vault(broken, "client", ""), "m/a").await,
            Misconfigured,
            Scope::Vault,
        );
    }

    // Corrected files are read without a restart.
    std::fs::copy(dev.folder.path().join("stranger.pem"), dev.folder.path().join("changing.pem")).unwrap();
    let changing = vault("ca_file = 'changing.pem'", "client", "");
    expect_error(vault_server::read(&*changing, "m/a").await, Misconfigured, Scope::Vault);
    std::fs::copy(dev.folder.path().join("vault-ca.pem"), dev.folder.path().join("changing.pem")).unwrap();
    assert_eq!(token_of(&*changing, "m/a").await, "one");
}

#[tokio::test]
async fn certificates_are_reported_before_they_expire() {
    let dev = DevServer::start().await;
    dev.client("client");
    for (address, ca, server) in
        [(&dev.address, "vault-ca.pem", Severity::Info), (&dev.short, "server.pem", Severity::Warning)]
    {
        let text = format!(
            "address = '{address}'\nca_file = '{ca}'\nclient_cert_file = 'client.pem'\n\
             client_key_file = 'client.key'\nauth = {{ method = 'cert' }}"
        );
        let mut found = Diagnostics::new();
        open(dev.folder.path(), &text).diagnose(&[], &[], &mut found).await;
        for (what, level) in [
            ("the server's certificate", server),
            ("the CA certificate in", server),
            ("the client certificate", Severity::Warning),
        ] {
            let levels =
                found.iter().filter(|found| found.message.starts_with(what)).map(|found| found.severity);
            assert_eq!(levels.collect::<Vec<_>>(), [level], "{what}: {found:#?}");
        }
    }
}
