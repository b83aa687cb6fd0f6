//! What is logged at `trace`, and what `Debug` prints. The log belongs to the whole process, so the test runs in a process
//! of its own.

use cofferdam_testing::runs_alone;
use cofferdam_testing::vault_server::{VaultServer, open, read, token_of};
use cofferdam_vault::testkit::{Log, fields, path};
use cofferdam_vault::{Expect, Stage};
use serde_json::json;

#[tokio::test]
async fn neither_log_nor_debug_holds_a_token_or_a_secret() {
    if runs_alone("hashicorp::log::neither_log_nor_debug_holds_a_token_or_a_secret") {
        return;
    }
    let log = Log::install();
    let server = VaultServer::shared();
    let mount = server.mount_kv(2).await;
    let policy = server.policy(&mount, 2).await;
    let (auth, role, secret_id) = server.approle(&policy, json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret-id"), &secret_id).unwrap();
    let user = server.auth("userpass").await;
    let password = "canary-password";
    server
        .root(
            "POST",
            &format!("auth/{user}/users/ada"),
            json!({"password": password, "token_policies": [policy]}),
        )
        .await;
    std::fs::write(folder.path().join("password"), password).unwrap();
    let token = server.token(json!({"policies": [policy]})).await;
    std::fs::write(folder.path().join("token"), &token).unwrap();
    server.put(&mount, "m/a", "canary-value").await;

    // The requests of the operator above are not those of the vault.
    log.clear();
    let mut shown = String::new();
    for auth in [
        format!("method = 'approle', mount = '{auth}', role_id = '{role}', secret_id_file = 'secret-id'"),
        format!("method = 'userpass', mount = '{user}', username = 'ada', password_file = 'password'"),
        "method = 'token', token_file = 'token'".to_owned(),
    ] {
        let text = format!("address = '{}'\nmount = '{mount}'\nauth = {{ {auth} }}", server.address);
        let vault = open(folder.path(), &text);
        vault.probe().await.unwrap();
        assert_eq!(token_of(&*vault, "m/a").await, "canary-value");
        let written = vault.write(&path("m/b"), &fields([("token", "canary-written")]), Expect::Any).await;
        let refused = vault.write(&path("m/b"), &fields([("token", "canary-written")]), Expect::Absent).await;
        let listed = vault.list(None, None).await;
        let absent = read(&*vault, "no/where").await;
        let all = vault.read(&path("m/b"), &[], Stage::Previous).await;
        shown += &format!("{vault:#?} {written:?} {refused:?} {listed:?} {absent:?} {all:?}");
        vault.close().await;
    }
    let logged = log.contents();
    assert!(logged.contains("TRACE") && logged.contains("hyper"), "it contains the logs of the clients");
    let tokens = logged.match_indices("hvs.").count() + shown.match_indices("hvs.").count();
    assert_eq!(tokens, 0, "a token is in a log or in Debug");
    for secret in ["canary", secret_id.as_str(), token.as_str()] {
        assert!(!logged.contains(secret), "a secret is in the log");
        assert!(!shown.contains(secret), "a secret is in Debug");
    }
}
