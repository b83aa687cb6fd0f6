//! Logins: what a role allows, what is revoked, and what `diagnose` says about it.

use cofferdam_config::{Diagnostics, Severity};
use cofferdam_servers::Kubernetes;
use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_testing::write_private;
use cofferdam_vault::ErrorKind::{Denied, Unauthenticated};
use cofferdam_vault::testkit::{expect_error, fields, path};
use cofferdam_vault::{Expect, Scope, Vault};
use serde_json::Value;

use super::fixture::{ALL, Namespace, next, read, token_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_names_reads_these_and_no_more() {
    let server = KubernetesServer::shared().await;
    let namespace = Namespace::new(server, &["get"], &["github.work"]).await;
    let vault = namespace.open();
    namespace.put("github.work", "one").await;
    namespace.put("notes.work", "other").await;
    assert_eq!(token_of(&*vault, "github/work").await, "one");
    expect_error(read(&*vault, "notes/work").await, Denied, Scope::Secret);
    expect_error(read(&*vault, "notes/absent").await, Denied, Scope::Secret);
    expect_error(vault.list(None, None).await, Denied, Scope::Secret);
    expect_error(next(&mut vault.watch()).await, Denied, Scope::Secret);
    let secret = fields([("token", "canary")]);
    expect_error(vault.write(&path("github/work"), &secret, Expect::Any).await, Denied, Scope::Secret);
    expect_error(vault.write(&path("new/work"), &secret, Expect::Absent).await, Denied, Scope::Secret);
    expect_error(vault.delete(&path("github/work"), Expect::Any).await, Denied, Scope::Secret);
    assert_eq!(vault.probe().await, Ok(()), "the vault is healthy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_stops_the_vault_until_its_file_holds_another() {
    let server = KubernetesServer::shared().await;
    let namespace = Namespace::new(server, ALL, &[]).await;
    namespace.put("github.work", "one").await;
    let file = namespace.folder.path().join("token");
    write_private(&file, &namespace.token);
    let vault = namespace.open_with(&namespace.server.address, "tokenFile: token");
    assert_eq!(token_of(&*vault, "github/work").await, "one");
    let accounts = format!("api/v1/namespaces/{}/serviceaccounts", namespace.name);
    let account = format!("{accounts}/{}", namespace.account);
    namespace.server.admin("DELETE", &account, Value::Null).await;
    // The API server remembers for some seconds that a token is valid.
    let revoked = async {
        while read(&*vault, "github/work").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), revoked).await.expect("it is revoked");
    expect_error(read(&*vault, "github/work").await, Unauthenticated, Scope::Vault);
    expect_error(vault.probe().await, Unauthenticated, Scope::Vault);
    expect_error(next(&mut vault.watch()).await, Unauthenticated, Scope::Vault);
    let (_, token) = namespace.server.login(&namespace.name, ALL, &[]).await;
    write_private(&file, &token);
    assert_eq!(vault.probe().await, Ok(()));
    assert_eq!(token_of(&*vault, "github/work").await, "one");
}

/// The diagnostics of the worst severity that there is.
async fn worst(vault: &dyn Vault, needs: &[&str], foreign: &[String]) -> (Severity, String) {
    let needs: Vec<_> = needs.iter().map(|at| path(at)).collect();
    let mut found = Diagnostics::new();
    vault.diagnose(&needs, foreign, &mut found).await;
    // The certificate that the server makes for itself, and the age of tokens, are no subject here.
    found.retain(|found| !found.message.contains("certificate") && !found.message.contains("expires in"));
    let worst = found.iter().map(|found| found.severity).max().unwrap();
    let messages: Vec<&str> =
        found.iter().filter(|found| found.severity == worst).map(|found| &*found.message).collect();
    (worst, messages.join("; "))
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_whether_the_login_may_do_less_or_more_than_needed() {
    let server = KubernetesServer::shared().await;
    for (verbs, names, severity, said) in [
        (&["get", "list", "watch"][..], &[][..], Severity::Info, "what is needed (1) and no more"),
        (&["get"], &["github.work"], Severity::Warning, "`list` and `watch`"),
        (&["get", "list", "watch"], &["notes.work"], Severity::Error, "may not `get` the Secret github.work"),
        (ALL, &[], Severity::Warning, "may also change what it reads"),
    ] {
        let namespace = Namespace::new(std::sync::Arc::clone(&server), verbs, names).await;
        let (found, message) = worst(&*namespace.open(), &["github/work"], &[]).await;
        assert!(found == severity && message.contains(said), "{verbs:?} on {names:?}: {found:?} {message}");
    }
    let namespace = Namespace::new(server, &["get", "list", "watch"], &[]).await;
    let (vault, admin) = (namespace.open(), format!("token: {}", Kubernetes::ADMIN));
    let foreign = vault.resource(&path("notes/work")).unwrap();
    let (severity, message) = worst(&*vault, &["github/work"], std::slice::from_ref(&foreign)).await;
    assert!(severity == Severity::Warning && message.contains(&foreign), "{message}");
    let vault = namespace.open_with(&namespace.server.address, &admin);
    let (severity, message) = worst(&*vault, &["github/work"], &[]).await;
    assert!(severity == Severity::Error && message.contains("may do everything"), "{message}");
}
