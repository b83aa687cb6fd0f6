//! Each login method against the real server, and how a login lives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofferdam_servers::Kubernetes;
use cofferdam_vault::ErrorKind::{Denied, Misconfigured, Unauthenticated};
use cofferdam_vault::Scope;
use serde_json::{Value, json};
use support::{Server, open, read, refused, text, token_of};

/// A server with the secret `m/a`, a policy that reads it, and a folder for files.
struct Site {
    server: Arc<Server>,
    mount: String,
    policy: String,
    folder: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        let server = Server::shared();
        let mount = server.mount_kv(2).await;
        server.put(&mount, "m/a", "one").await;
        let policy = server.policy(&mount, 2).await;
        Self { server, mount, policy, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn open(&self, auth: &str) -> Arc<dyn cofferdam_vault::Vault> {
        let text =
            format!("address = '{}'\nmount = '{}'\nauth = {{ {auth} }}", self.server.address, self.mount);
        open(self.folder.path(), &text)
    }

    /// The accessors of the good tokens that the login at `auth` made.
    async fn tokens_of(&self, auth: &str) -> Vec<String> {
        let mut found = Vec::new();
        let (_, listed) = self.server.ask("LIST", "auth/token/accessors", Value::Null).await;
        for accessor in listed["data"]["keys"].as_array().unwrap() {
            let (_, about) =
                self.server.ask("POST", "auth/token/lookup-accessor", json!({"accessor": accessor})).await;
            if about["data"]["path"] == format!("auth/{auth}/login") {
                found.push(accessor.as_str().unwrap().to_owned());
            }
        }
        found
    }
}

#[tokio::test]
async fn a_token_comes_from_a_file_that_is_read_anew_when_it_has_ended() {
    let site = Site::new().await;
    let vault = site.open("method = 'token', token_file = 'token'");
    refused(read(&*vault, "m/a").await, Misconfigured, Scope::Vault);
    site.file("token", "hvs.nobody-knows-it");
    refused(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);

    let first = site.server.token(json!({"policies": [site.policy]})).await;
    site.file("token", format!("{first}\n"));
    assert_eq!(token_of(&*vault, "m/a").await, "one");
    let second = site.server.token(json!({"policies": [site.policy]})).await;
    site.file("token", &second);
    assert_eq!(token_of(&*vault, "m/a").await, "one");
    site.server.root("POST", "auth/token/revoke", json!({"token": first})).await;
    refused(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    vault.close().await;
    let (status, _) =
        support::ask(&site.server.address, &second, "GET", "auth/token/lookup-self", Value::Null).await;
    assert_eq!(status, 200, "a token that somebody else made is not revoked");
}

#[tokio::test]
async fn approle_logs_in_once_for_many_reads_and_its_token_ends_with_the_vault() {
    let site = Site::new().await;
    let (auth, role, secret) = site.server.approle(&site.policy, json!({})).await;
    site.file("secret-id", &secret);
    let vault = site.open(&format!(
        "method = 'approle', mount = '{auth}', role_id = '{role}', secret_id_file = 'secret-id'"
    ));
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let vault = Arc::clone(&vault);
        reads.spawn(async move { token_of(&*vault, "m/a").await });
    }
    while let Some(answer) = reads.join_next().await {
        assert_eq!(answer.unwrap(), "one");
    }
    assert_eq!(site.tokens_of(&auth).await.len(), 1);
    vault.close().await;
    assert_eq!(site.tokens_of(&auth).await.len(), 0);
}

#[tokio::test]
async fn a_wrapped_secret_id_is_unwrapped_once() {
    let site = Site::new().await;
    let (auth, role, _) = site.server.approle(&site.policy, json!({})).await;
    let wrapped = || async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .post(format!("{}/v1/auth/{auth}/role/r/secret-id", site.server.address))
            .header("x-vault-token", &site.server.root)
            .header("x-vault-wrap-ttl", "5m");
        let answer: Value =
            serde_json::from_slice(&answer.send().await.unwrap().bytes().await.unwrap()).unwrap();
        text(&answer, "/wrap_info/token")
    };
    let settings = format!(
        "method = 'approle', mount = '{auth}', role_id = '{role}', secret_id_wrapped_file = 'wrapped'"
    );
    site.file("wrapped", wrapped().await);
    let vault = site.open(&settings);
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    // A second login uses the secret id that is kept; another process finds the token used up.
    let made = site.tokens_of(&auth).await.remove(0);
    site.server.root("POST", "auth/token/revoke-accessor", json!({"accessor": made})).await;
    refused(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    assert_eq!(token_of(&*vault, "m/a").await, "one");
    let other = site.open(&settings);
    refused(read(&*other, "m/a").await, Unauthenticated, Scope::Vault);
    site.file("wrapped", wrapped().await);
    assert_eq!(token_of(&*other, "m/a").await, "one");
}

#[tokio::test]
async fn userpass_logs_in_with_a_password_from_a_file() {
    let site = Site::new().await;
    let auth = site.server.auth("userpass").await;
    let user = json!({"password": " pass word ", "token_policies": [site.policy]});
    site.server.root("POST", &format!("auth/{auth}/users/ada"), user).await;
    let settings =
        format!("method = 'userpass', mount = '{auth}', username = 'ada', password_file = 'password'");
    site.file("password", "wrong\n");
    let vault = site.open(&settings);
    refused(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    site.file("password", " pass word \n");
    assert_eq!(token_of(&*vault, "m/a").await, "one");
}

#[tokio::test]
async fn a_jwt_logs_in_and_is_read_anew_at_each_login() {
    let site = Site::new().await;
    let auth = site.server.auth("jwt").await;
    let folder = site.folder.path();
    openssl(folder, &["genrsa", "-out", "key.pem", "2048"]);
    openssl(folder, &["rsa", "-in", "key.pem", "-pubout", "-out", "public.pem"]);
    let key = std::fs::read_to_string(folder.join("public.pem")).unwrap();
    site.server.root("POST", &format!("auth/{auth}/config"), json!({"jwt_validation_pubkeys": [key]})).await;
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["cofferdam"], "token_policies": [site.policy],
    });
    site.server.root("POST", &format!("auth/{auth}/role/r"), role).await;
    let vault = site.open(&format!("method = 'jwt', mount = '{auth}', role = 'r', jwt_file = 'jwt'"));
    for (audience, good) in [("somebody-else", false), ("cofferdam", true)] {
        site.file("jwt", signed(folder, audience));
        match good {
            true => assert_eq!(token_of(&*vault, "m/a").await, "one"),
            false => refused(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault),
        }
    }
}

#[tokio::test]
async fn a_service_account_of_kubernetes_logs_in() {
    let site = Site::new().await;
    let kubernetes = Kubernetes::start().unwrap_or_else(|error| panic!("{error}"));
    let ask = async |method: reqwest::Method, place: &str, body: Value| {
        let client =
            reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        let request = client.request(method, format!("{}{place}", kubernetes.address()));
        let answer = request.bearer_auth(Kubernetes::ADMIN).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice::<Value>(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
    };
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    let account = json!({"metadata": {"name": "cofferdam"}});
    let mut created = (0, Value::Null);
    for _ in 0..200 {
        created = ask(reqwest::Method::POST, accounts, account.clone()).await;
        if matches!(created.0, 201 | 409) {
            break;
        }
        // The server makes its namespaces by itself, a moment after it listens.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(created.0, 201 | 409), "{created:?}");
    let token = async |audience: &str| {
        let wanted = json!({"spec": {"audiences": [audience], "expirationSeconds": 600}});
        let (status, answer) =
            ask(reqwest::Method::POST, &format!("{accounts}/cofferdam/token"), wanted).await;
        assert_eq!(status, 201, "{answer}");
        text(&answer, "/status/token")
    };
    let auth = site.server.auth("kubernetes").await;
    let config = json!({
        "kubernetes_host": kubernetes.address(), "token_reviewer_jwt": Kubernetes::ADMIN,
        "kubernetes_ca_cert": std::fs::read_to_string(kubernetes.certificate()).unwrap(), "disable_local_ca_jwt": true,
    });
    site.server.root("POST", &format!("auth/{auth}/config"), config).await;
    let role = json!({
        "bound_service_account_names": ["cofferdam"], "bound_service_account_namespaces": ["default"],
        "audience": "vault", "token_policies": [site.policy],
    });
    site.server.root("POST", &format!("auth/{auth}/role/r"), role).await;

    let vault = site.open(&format!("method = 'kubernetes', mount = '{auth}', role = 'r', jwt_file = 'jwt'"));
    site.file("jwt", token("somebody-else").await);
    refused(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    site.file("jwt", token("vault").await);
    assert_eq!(token_of(&*vault, "m/a").await, "one");
}

/// A JWT for `audience`, good for a minute, signed with `key.pem`.
fn signed(folder: &Path, audience: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"sub": "ada", "aud": audience, "iat": now, "nbf": now - 5, "exp": now + 60});
    let signed = format!("{}.{}", part(json!({"alg": "RS256", "typ": "JWT"})), part(claims));
    std::fs::write(folder.join("signed"), &signed).unwrap();
    openssl(folder, &["dgst", "-sha256", "-sign", "key.pem", "-out", "signature", "signed"]);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(std::fs::read(folder.join("signature")).unwrap()))
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("the tests need `openssl`; install it (Debian: openssl)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_secret_that_is_denied_is_no_ended_login() {
    let site = Site::new().await;
    let other = site.server.mount_kv(2).await;
    site.server.put(&other, "m/a", "one").await;
    // A token that may not look itself up cannot tell; even so it does not log in for each refusal.
    for blind in [false, true] {
        let more = json!({"token_no_default_policy": blind});
        let (auth, role, secret) = site.server.approle(&site.policy, more).await;
        site.file("secret-id", &secret);
        let text = format!(
            "address = '{}'\nmount = '{other}'\nauth = {{ method = 'approle', mount = '{auth}', role_id = '{role}', \
             secret_id_file = 'secret-id' }}",
            site.server.address
        );
        let vault = open(site.folder.path(), &text);
        for _ in 0..5 {
            refused(read(&*vault, "m/a").await, Denied, Scope::Secret);
        }
        assert_eq!(site.tokens_of(&auth).await.len(), 1, "blind: {blind}");
    }
}

/// Real time: the server's clock cannot be paused. What is asserted are counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_five_seconds_under_load_fails_no_read_and_logs_in_seldom() {
    let site = Site::new().await;
    // Renewed twice or so, then replaced.
    let short = json!({"token_ttl": "5s", "token_max_ttl": "12s"});
    let (auth, role, secret) = site.server.approle(&site.policy, short).await;
    site.file("secret-id", &secret);
    let vault = site.open(&format!(
        "method = 'approle', mount = '{auth}', role_id = '{role}', secret_id_file = 'secret-id'"
    ));
    let (end, read_count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (vault, end, read_count) = (Arc::clone(&vault), Arc::clone(&end), Arc::clone(&read_count));
        readers.spawn(async move {
            while !end.load(Ordering::Relaxed) {
                assert_eq!(token_of(&*vault, "m/a").await, "one");
                read_count.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let mut accessors = std::collections::BTreeSet::new();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        accessors.extend(site.tokens_of(&auth).await);
    }
    end.store(true, Ordering::Relaxed);
    while let Some(reader) = readers.join_next().await {
        reader.expect("no read may fail");
    }
    let reads = read_count.load(Ordering::Relaxed);
    println!("{reads} reads, {} logins in 30 s", accessors.len());
    assert!(reads > 100, "{reads}");
    assert!((3..=6).contains(&accessors.len()), "{} logins", accessors.len());
}
