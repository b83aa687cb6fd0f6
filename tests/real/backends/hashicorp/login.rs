//! Each login method with the real server, and the lifetime of a login.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofferdam_servers::Kubernetes;
use cofferdam_testing::vault_server::{self, VaultServer, expect_error, open, read, text, token_of};
use cofferdam_vault::ErrorKind::{Denied, Misconfigured, Unauthenticated};
use cofferdam_vault::Scope;
use serde_json::{Value, json};

/// A server with the secret `m/a`, a policy that reads it, and a folder for files.
struct Fixture {
    server: Arc<VaultServer>,
    mount: String,
    policy: String,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let server = VaultServer::shared();
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

    /// The accessors of the valid tokens that the login at `auth` created.
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
async fn a_token_comes_from_a_file_that_is_read_again_when_it_has_expired() {
    let fixture = Fixture::new().await;
    let vault = fixture.open("method = 'token', token_file = 'token'");
    expect_error(read(&*vault, "m/a").await, Misconfigured, Scope::Vault);
    fixture.file("token", "hvs.nobody-knows-it");
    expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);

    let first = fixture.server.token(json!({"policies": [fixture.policy]})).await;
    fixture.file("token", format!("{first}\n"));
    assert_eq!(token_of(&*vault, "m/a").await, "one");
    let second = fixture.server.token(json!({"policies": [fixture.policy]})).await;
    fixture.file("token", &second);
    assert_eq!(token_of(&*vault, "m/a").await, "one");
    fixture.server.root("POST", "auth/token/revoke", json!({"token": first})).await;
    expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    vault.close().await;
    let (status, _) =
        vault_server::ask(&fixture.server.address, &second, "GET", "auth/token/lookup-self", Value::Null)
            .await;
    assert_eq!(status, 200, "a token of the operator is not revoked");
}

#[tokio::test]
async fn a_token_that_may_not_look_itself_up_is_used_until_it_is_rejected() {
    let fixture = Fixture::new().await;
    let blind = json!({"policies": [fixture.policy], "no_default_policy": true});
    let token = fixture.server.token(blind).await;
    let (status, _) =
        vault_server::ask(&fixture.server.address, &token, "GET", "auth/token/lookup-self", Value::Null)
            .await;
    assert_eq!(status, 403, "the token may not look itself up");
    fixture.file("token", format!("\u{feff}{token}\r\n"));
    let vault = fixture.open("method = 'token', token_file = 'token'");
    vault.probe().await.unwrap();
    assert_eq!(token_of(&*vault, "m/a").await, "one");
    fixture.server.root("POST", "auth/token/revoke", json!({"token": token})).await;
    let again = fixture.open("method = 'token', token_file = 'token'");
    expect_error(again.probe().await, Unauthenticated, Scope::Vault);
}

#[tokio::test]
async fn approle_logs_in_once_for_many_reads_and_its_token_ends_with_the_vault() {
    let fixture = Fixture::new().await;
    let (auth, role, secret) = fixture.server.approle(&fixture.policy, json!({})).await;
    fixture.file("secret-id", &secret);
    let vault = fixture.open(&format!(
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
    assert_eq!(fixture.tokens_of(&auth).await.len(), 1);
    vault.close().await;
    assert_eq!(fixture.tokens_of(&auth).await.len(), 0);
}

#[tokio::test]
async fn a_wrapped_secret_id_is_unwrapped_once() {
    let fixture = Fixture::new().await;
    let (auth, role, _) = fixture.server.approle(&fixture.policy, json!({})).await;
    let wrapped = || async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client
            .post(format!("{}/v1/auth/{auth}/role/r/secret-id", fixture.server.address))
            .header("x-vault-token", &fixture.server.root)
            .header("x-vault-wrap-ttl", "5m");
        let answer: Value =
            serde_json::from_slice(&answer.send().await.unwrap().bytes().await.unwrap()).unwrap();
        text(&answer, "/wrap_info/token")
    };
    let settings = format!(
        "method = 'approle', mount = '{auth}', role_id = '{role}', secret_id_wrapped_file = 'wrapped'"
    );
    fixture.file("wrapped", wrapped().await);
    let vault = fixture.open(&settings);
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    // A second login uses the unwrapped secret id; another process finds the wrapping token used.
    let made = fixture.tokens_of(&auth).await.remove(0);
    fixture.server.root("POST", "auth/token/revoke-accessor", json!({"accessor": made})).await;
    expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    assert_eq!(token_of(&*vault, "m/a").await, "one");
    let other = fixture.open(&settings);
    expect_error(read(&*other, "m/a").await, Unauthenticated, Scope::Vault);
    fixture.file("wrapped", wrapped().await);
    assert_eq!(token_of(&*other, "m/a").await, "one");
}

#[tokio::test]
async fn userpass_logs_in_with_a_password_from_a_file() {
    let fixture = Fixture::new().await;
    let auth = fixture.server.auth("userpass").await;
    let user = json!({"password": " pass word ", "token_policies": [fixture.policy]});
    fixture.server.root("POST", &format!("auth/{auth}/users/ada"), user).await;
    let settings =
        format!("method = 'userpass', mount = '{auth}', username = 'ada', password_file = 'password'");
    fixture.file("password", "wrong\n");
    let vault = fixture.open(&settings);
    expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    fixture.file("password", " pass word \n");
    assert_eq!(token_of(&*vault, "m/a").await, "one");
}

#[tokio::test]
async fn a_jwt_logs_in_and_is_read_again_at_each_login() {
    let fixture = Fixture::new().await;
    let auth = fixture.server.auth("jwt").await;
    let folder = fixture.folder.path();
    openssl(folder, &["genrsa", "-out", "key.pem", "2048"]);
    openssl(folder, &["rsa", "-in", "key.pem", "-pubout", "-out", "public.pem"]);
    let key = std::fs::read_to_string(folder.join("public.pem")).unwrap();
    fixture
        .server
        .root("POST", &format!("auth/{auth}/config"), json!({"jwt_validation_pubkeys": [key]}))
        .await;
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["cofferdam"], "token_policies": [fixture.policy],
    });
    fixture.server.root("POST", &format!("auth/{auth}/role/r"), role).await;
    let vault = fixture.open(&format!("method = 'jwt', mount = '{auth}', role = 'r', jwt_file = 'jwt'"));
    for (audience, good) in [("somebody-else", false), ("cofferdam", true)] {
        fixture.file("jwt", signed(folder, audience));
        match good {
            true => assert_eq!(token_of(&*vault, "m/a").await, "one"),
            false => expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault),
        }
    }
}

#[tokio::test]
async fn a_service_account_of_kubernetes_logs_in() {
    let fixture = Fixture::new().await;
    let kubernetes = Kubernetes::start().unwrap_or_else(|error| panic!("{error}"));
    let ask = async |method: reqwest::Method, api_path: &str, body: Value| {
        let client =
            reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        let request = client.request(method, format!("{}{api_path}", kubernetes.address()));
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
        // The server creates its namespaces a moment after it listens.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(created.0, 201 | 409), "{created:?}");
    let token = async |audience: &str| {
        let request = json!({"spec": {"audiences": [audience], "expirationSeconds": 600}});
        let (status, answer) =
            ask(reqwest::Method::POST, &format!("{accounts}/cofferdam/token"), request).await;
        assert_eq!(status, 201, "{answer}");
        text(&answer, "/status/token")
    };
    let auth = fixture.server.auth("kubernetes").await;
    let config = json!({
        "kubernetes_host": kubernetes.address(), "token_reviewer_jwt": Kubernetes::ADMIN,
        "kubernetes_ca_cert": std::fs::read_to_string(kubernetes.certificate()).unwrap(), "disable_local_ca_jwt": true,
    });
    fixture.server.root("POST", &format!("auth/{auth}/config"), config).await;
    let role = json!({
        "bound_service_account_names": ["cofferdam"], "bound_service_account_namespaces": ["default"],
        "audience": "vault", "token_policies": [fixture.policy],
    });
    fixture.server.root("POST", &format!("auth/{auth}/role/r"), role).await;

    let vault =
        fixture.open(&format!("method = 'kubernetes', mount = '{auth}', role = 'r', jwt_file = 'jwt'"));
    fixture.file("jwt", token("somebody-else").await);
    expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    fixture.file("jwt", token("vault").await);
    assert_eq!(token_of(&*vault, "m/a").await, "one");
}

/// A JWT for `audience`, valid for a minute, signed with `key.pem`.
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
    let fixture = Fixture::new().await;
    let other = fixture.server.mount_kv(2).await;
    fixture.server.put(&other, "m/a", "one").await;
    // A token that may not look itself up does not log in for each refusal, either.
    for blind in [false, true] {
        let more = json!({"token_no_default_policy": blind});
        let (auth, role, secret) = fixture.server.approle(&fixture.policy, more).await;
        fixture.file("secret-id", &secret);
        let text = format!(
            "address = '{}'\nmount = '{other}'\nauth = {{ method = 'approle', mount = '{auth}', role_id = '{role}', \
             secret_id_file = 'secret-id' }}",
            fixture.server.address
        );
        let vault = open(fixture.folder.path(), &text);
        for _ in 0..5 {
            expect_error(read(&*vault, "m/a").await, Denied, Scope::Secret);
        }
        assert_eq!(fixture.tokens_of(&auth).await.len(), 1, "blind: {blind}");
    }
}

/// In real time, because the server's clock cannot be paused. Asserts only counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_five_seconds_under_load_fails_no_read_and_logs_in_seldom() {
    let fixture = Fixture::new().await;
    // Renewed about twice, then replaced.
    let short = json!({"token_ttl": "5s", "token_max_ttl": "12s"});
    let (auth, role, secret) = fixture.server.approle(&fixture.policy, short).await;
    fixture.file("secret-id", &secret);
    let vault = fixture.open(&format!(
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
        accessors.extend(fixture.tokens_of(&auth).await);
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
