//! A Vault is sealed, killed, and loses tokens and permissions while the broker runs.

use std::time::Duration;

use cofferdam::broker::{BrokerError, CompartmentPolicy, CompartmentState};
use cofferdam_vault::ErrorKind;
use serde_json::{Value, json};

use crate::fixture::{DEADLINE, Fixture, cache_off, until};
use cofferdam_testing::vault_server::{VaultServer, full_policy, open};

const PROBE_INTERVAL: Duration = Duration::from_secs(4);

/// Every call of the vault's module fails, and the other vault serves.
async fn is_down(fixture: &Fixture) {
    until("down", DEADLINE, async || {
        let error = fixture.token("github").await.unwrap_err();
        assert!(matches!(error, BrokerError::Unavailable { .. }), "{error:?}");
        fixture.others_serve().await;
        (fixture.state() == CompartmentState::Down).then_some(())
    })
    .await;
}

/// The vault serves again after the next probe: within one interval, and half of one for the jitter and the probe itself.
async fn recovers(fixture: &Fixture) {
    let within = PROBE_INTERVAL.mul_f64(1.5);
    let token = until("back", within, async || fixture.token("github").await.ok()).await;
    assert_eq!((token.as_str(), fixture.state()), ("one", CompartmentState::Ready));
    fixture.others_serve().await;
}

/// The number of logins of the role that the server has.
async fn logins(server: &VaultServer, auth: &str) -> usize {
    let (_, listed) = server.ask("LIST", &format!("sys/leases/lookup/auth/{auth}/login"), Value::Null).await;
    listed["data"]["keys"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_serves_again_by_itself_whatever_was_done_to_the_vault() {
    let server = VaultServer::own();
    let mount = server.mount_kv(2).await;
    server.put(&mount, "github/work", "one").await;
    let policy = server.policy(&mount, 2).await;
    let (auth, role, secret) = server.approle(&policy, json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret-id"), secret).unwrap();
    let settings = format!(
        "address = '{}'\nmount = '{mount}'\n\
         auth = {{ method = 'approle', mount = '{auth}', role_id = '{role}', secret_id_file = 'secret-id' }}",
        server.address
    );
    let compartment = CompartmentPolicy { probe_interval: PROBE_INTERVAL, ..cache_off() };
    let fixture = Fixture::new(open(folder.path(), &settings), compartment, &["github"], "bearer");
    fixture.broker.start().await;
    assert_eq!(fixture.token("github").await.unwrap(), "one");
    assert_eq!(logins(&server, &auth).await, 1);

    server.process(|vault| vault.seal().unwrap());
    is_down(&fixture).await;
    server.process(|vault| vault.unseal().unwrap());
    recovers(&fixture).await;

    server.process(cofferdam_servers::Vault::kill);
    is_down(&fixture).await;
    server.process(|vault| vault.revive().unwrap());
    recovers(&fixture).await;
    assert_eq!(logins(&server, &auth).await, 1, "an outage costs no login");

    // Its token is revoked: one call may fail for that reason.
    server.root("POST", &format!("sys/leases/revoke-prefix/auth/{auth}"), json!({})).await;
    until("revoked", DEADLINE, async || (logins(&server, &auth).await == 0).then_some(())).await;
    if let Err(error) = fixture.token("github").await {
        assert!(
            matches!(&error, BrokerError::Unavailable { source, .. } if source.kind() == ErrorKind::Unauthenticated),
            "{error:?}"
        );
    }
    fixture.others_serve().await;
    recovers(&fixture).await;
    assert_eq!(logins(&server, &auth).await, 1, "it logged in again, once");

    // Its policy is removed: that concerns the secret, not the vault.
    server.root("DELETE", &format!("sys/policies/acl/{policy}"), Value::Null).await;
    for _ in 0..10 {
        let error = fixture.token("github").await.unwrap_err();
        assert!(
            matches!(&error, BrokerError::Missing { source, .. } if source.kind() == ErrorKind::Denied),
            "{error:?}"
        );
        assert_eq!(fixture.state(), CompartmentState::Ready);
        fixture.others_serve().await;
    }
    server.set_policy(&policy, &full_policy(&mount, 2)).await;
    recovers(&fixture).await;
    assert_eq!(logins(&server, &auth).await, 1, "a missing permission costs no login");
    fixture.broker.close().await;
}
