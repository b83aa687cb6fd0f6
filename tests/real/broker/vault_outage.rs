//! A Vault that is sealed, killed, revoked and starved of permissions under a running broker.

use std::time::Duration;

use cofferdam::broker::{BrokerError, CompartmentState, Walls};
use cofferdam_vault::ErrorKind;
use serde_json::{Value, json};

use crate::hashi::{Server, full, open};
use crate::world::{DEADLINE, World, cache_off, until};

const PROBE_INTERVAL: Duration = Duration::from_secs(4);

/// The vault is out of reach for every call, and the other vault is not.
async fn is_down(world: &World) {
    until("down", DEADLINE, async || {
        let error = world.token("github").await.unwrap_err();
        assert!(matches!(error, BrokerError::Unavailable { .. }), "{error:?}");
        world.others_serve().await;
        (world.state() == CompartmentState::Down).then_some(())
    })
    .await;
}

/// It serves again, found by a probe: one interval, and half of one for the probe's jitter and the probe itself.
async fn recovers(world: &World) {
    let within = PROBE_INTERVAL.mul_f64(1.5);
    let token = until("back", within, async || world.token("github").await.ok()).await;
    assert_eq!((token.as_str(), world.state()), ("one", CompartmentState::Ready));
    world.others_serve().await;
}

/// How many logins of the role the server knows.
async fn logins(server: &Server, auth: &str) -> usize {
    let (_, listed) = server.ask("LIST", &format!("sys/leases/lookup/auth/{auth}/login"), Value::Null).await;
    listed["data"]["keys"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_broker_serves_again_by_itself_whatever_was_done_to_the_vault() {
    let server = Server::own();
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
    let walls = Walls { probe_interval: PROBE_INTERVAL, ..cache_off() };
    let world = World::new(open(folder.path(), &settings), walls, &["github"], "bearer");
    world.broker.start().await;
    assert_eq!(world.token("github").await.unwrap(), "one");
    assert_eq!(logins(&server, &auth).await, 1);

    server.process(|vault| vault.seal().unwrap());
    is_down(&world).await;
    server.process(|vault| vault.unseal().unwrap());
    recovers(&world).await;

    server.process(cofferdam_servers::Vault::kill);
    is_down(&world).await;
    server.process(|vault| vault.revive().unwrap());
    recovers(&world).await;
    assert_eq!(logins(&server, &auth).await, 1, "an outage costs no login");

    // Its token revoked: a call may be told so, and nothing else.
    server.root("POST", &format!("sys/leases/revoke-prefix/auth/{auth}"), json!({})).await;
    until("revoked", DEADLINE, async || (logins(&server, &auth).await == 0).then_some(())).await;
    if let Err(error) = world.token("github").await {
        assert!(
            matches!(&error, BrokerError::Unavailable { source, .. } if source.kind() == ErrorKind::Unauthenticated),
            "{error:?}"
        );
    }
    world.others_serve().await;
    recovers(&world).await;
    assert_eq!(logins(&server, &auth).await, 1, "it logged in anew, once");

    // Its policy removed: this secret's trouble, and not the vault's.
    server.root("DELETE", &format!("sys/policies/acl/{policy}"), Value::Null).await;
    for _ in 0..10 {
        let error = world.token("github").await.unwrap_err();
        assert!(
            matches!(&error, BrokerError::Missing { source, .. } if source.kind() == ErrorKind::Denied),
            "{error:?}"
        );
        assert_eq!(world.state(), CompartmentState::Ready);
        world.others_serve().await;
    }
    server.set_policy(&policy, &full(&mount, 2)).await;
    recovers(&world).await;
    assert_eq!(logins(&server, &auth).await, 1, "a missing permission costs no login");
    world.broker.close().await;
}
