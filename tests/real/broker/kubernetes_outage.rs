//! An API server stops, throttles and revokes, and a watch breaks, while the broker runs.

use std::time::Duration;

use cofferdam::broker::{BrokerError, CompartmentPolicy, CompartmentState};
use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_testing::write_private;
use cofferdam_vault::testkit::open;
use cofferdam_vault_kubernetes::Config;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::fixture::{DEADLINE, Fixture, cache_off, until};

/// Longer than an API server takes to start, and to forget a token.
const PATIENCE: Duration = Duration::from_secs(60);

struct Cluster {
    server: KubernetesServer,
    namespace: String,
    account: String,
    folder: tempfile::TempDir,
}

impl Cluster {
    async fn start() -> Self {
        let server = KubernetesServer::own().await;
        let namespace = server.namespace().await;
        let (account, token) = server.login(&namespace, &["get", "list", "watch"], &[]).await;
        let folder = tempfile::tempdir().unwrap();
        write_private(&folder.path().join("token"), &token);
        let cluster = Self { server, namespace, account, folder };
        let config = cluster.folder.path().join("config");
        cluster.server.write_kubeconfig(&config, &cluster.server.address, "tokenFile: token");
        cluster.put("one").await;
        cluster
    }

    async fn put(&self, token: &str) {
        self.server.put(&self.namespace, "github.work", &[("token", token.as_bytes())], json!({})).await;
    }

    fn broker(&self, policy: CompartmentPolicy) -> Fixture {
        let settings = format!("namespace = '{}'\nkubeconfig = 'config'", self.namespace);
        let vault = open::<Config>(&settings, self.folder.path());
        let policy = CompartmentPolicy { probe_interval: Duration::from_secs(1), ..policy };
        Fixture::new(vault, policy, &["github"], "bearer")
    }

    fn kill(&self) {
        block_in_place(|| self.server.process(|process| process.kill()));
    }

    async fn revive(&self) {
        block_in_place(|| self.server.process(|process| process.revive().unwrap()));
        self.server.wait_until_ready().await;
    }
}

/// Waits until the vault is down. The other one serves all the time.
async fn goes_down(fixture: &Fixture, why: &str) {
    until(why, PATIENCE, async || {
        match fixture.token("github").await {
            Ok(_) => {}
            Err(error) => assert!(matches!(error, BrokerError::Unavailable { .. }), "{why}: {error:?}"),
        }
        fixture.others_serve().await;
        (fixture.state() == CompartmentState::Down).then_some(())
    })
    .await;
}

async fn comes_back(fixture: &Fixture, why: &str) {
    let token = until("back", PATIENCE, async || fixture.token("github").await.ok()).await;
    assert_eq!((token.as_str(), fixture.state()), ("one", CompartmentState::Ready), "after: {why}");
    fixture.others_serve().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_the_api_server_the_others_serve_and_it_comes_back_by_itself() {
    let cluster = Cluster::start().await;
    let fixture = cluster.broker(cache_off());
    fixture.broker.start().await;
    assert_eq!(fixture.token("github").await.unwrap(), "one");
    cluster.kill();
    goes_down(&fixture, "the API server is down").await;
    cluster.revive().await;
    comes_back(&fixture, "the API server is down").await;

    let accounts = format!("api/v1/namespaces/{}/serviceaccounts", cluster.namespace);
    cluster.server.admin("DELETE", &format!("{accounts}/{}", cluster.account), Value::Null).await;
    goes_down(&fixture, "the token is revoked").await;
    let (_, token) = cluster.server.login(&cluster.namespace, &["get", "list", "watch"], &[]).await;
    write_private(&cluster.folder.path().join("token"), &token);
    comes_back(&fixture, "the token is revoked").await;
    fixture.broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_seen_at_once_while_the_watch_works_and_after_it_broke() {
    let cluster = Cluster::start().await;
    // Long: a change that is seen was reported, and not found by reading again.
    let cache_ttl = Duration::from_secs(60 * 60);
    let fixture = cluster.broker(CompartmentPolicy { cache_ttl, ..CompartmentPolicy::default() });
    fixture.broker.start().await;
    let sees = async |token: &str| {
        until(token, DEADLINE, async || (fixture.token("github").await.ok()? == token).then_some(())).await;
    };
    sees("one").await;
    // A change from before the watch went live is seen after `cache_ttl` only.
    let mut changes = 0;
    until("watched", DEADLINE, async || {
        changes += 1;
        cluster.put(&format!("early {changes}")).await;
        (fixture.token("github").await.ok()? != "one").then_some(())
    })
    .await;
    cluster.put("two").await;
    sees("two").await;
    cluster.kill();
    assert_eq!(fixture.token("github").await.unwrap(), "two", "it is still fresh");
    fixture.others_serve().await;
    cluster.revive().await;
    cluster.put("three").await;
    sees("three").await;
    fixture.broker.close().await;
}
