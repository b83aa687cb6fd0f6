//! What is logged at `trace`, and what `Debug` prints. The log belongs to the whole process, so the test runs in a process
//! of its own.

use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_testing::runs_alone;
use cofferdam_vault::testkit::{Log, fields, path};
use cofferdam_vault::{Expect, Stage};
use serde_json::json;

use super::fixture::{ALL, Namespace, next, read, token_of, until_changed};

#[tokio::test(flavor = "multi_thread")]
async fn neither_log_nor_debug_holds_a_token_or_a_secret() {
    if runs_alone("kubernetes::log::neither_log_nor_debug_holds_a_token_or_a_secret") {
        return;
    }
    let log = Log::install();
    let namespace = Namespace::new(KubernetesServer::shared().await, ALL, &[]).await;
    // As `kubectl apply` writes it: the values are part of the metadata, too.
    let applied = json!({ "kubectl.kubernetes.io/last-applied-configuration": "canary-applied" });
    let metadata = json!({ "name": "github.work", "annotations": applied });
    let more = json!({ "metadata": metadata });
    let value: &[(&str, &[u8])] = &[("token", b"canary-value")];
    namespace.server.put(&namespace.name, "github.work", value, more.clone()).await;
    // The requests of the operator above are not those of the vault.
    log.clear();
    let vault = namespace.open();
    let mut watch = vault.watch();
    let live = next(&mut watch).await;
    vault.probe().await.unwrap();
    assert_eq!(token_of(&*vault, "github/work").await, "canary-value");
    let written = vault.write(&path("m/b"), &fields([("token", "canary-written")]), Expect::Any).await;
    let refused = vault.write(&path("m/b"), &fields([("token", "canary-written")]), Expect::Absent).await;
    let large = "canary".repeat(200 * 1024);
    let too_large = vault.write(&path("m/b"), &fields([("token", &*large)]), Expect::Any).await;
    let listed = vault.list(None, None).await;
    let absent = read(&*vault, "no/where").await;
    let all = vault.read(&path("m/b"), &[], Stage::Current).await;
    let changes = until_changed(&mut watch, "m/b").await;
    let mut found = cofferdam_config::Diagnostics::new();
    vault.diagnose(&[path("github/work")], &[], &mut found).await;
    let shown = format!(
        "{vault:#?} {live:?} {written:?} {refused:?} {too_large:?} {listed:?} {absent:?} {all:?} {changes:?} {found:?}"
    );
    drop(watch);
    vault.close().await;
    let logged = log.contents();
    assert!(logged.contains("TRACE") && logged.contains("hyper"), "it contains the logs of the clients");
    for secret in ["canary", "Y2FuYXJ5", namespace.token.as_str()] {
        assert!(!logged.contains(secret), "a secret is in the log");
        assert!(!shown.contains(secret), "a secret is in Debug: {shown}");
    }
}
