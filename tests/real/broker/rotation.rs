//! A secret of AWS that is rotated, deleted and restored under a running broker.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::access::Caller;
use cofferdam::broker::{BrokerError, Credential, Walls};
use cofferdam_vault::ErrorKind;
use serde_json::json;
use tokio::time::Instant;

use crate::cloud::Site;
use crate::world::{DEADLINE, World, text, until};

fn gone(error: &BrokerError) -> bool {
    matches!(error, BrokerError::Missing { source, .. } if source.kind() == ErrorKind::NotFound)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_credential_is_replaced_at_once_and_a_deleted_one_comes_back() {
    let site = Site::new().await;
    let put = async |value: &str| site.put("github/work", &json!({ "token": value }).to_string()).await;
    put("one").await;
    // The cache alone would serve the old one for minutes.
    let walls = Walls {
        deadline: DEADLINE,
        reject_interval: Duration::from_millis(100),
        missing_ttl: Duration::from_millis(100),
        ..Walls::default()
    };
    let world = World::new(site.open_with(&site.settings()), walls, &["github"], "bearer");
    world.broker.start().await;
    let rejected = async |old: &Arc<Credential>| {
        world.broker.after_rejection(&Caller::local(), old, Instant::now() + DEADLINE).await
    };
    let mut held = world.call("github").await.unwrap();
    for (old, new) in [("one", "two"), ("two", "three")] {
        put(new).await;
        held = world.call("github").await.unwrap();
        assert_eq!(text(&held, "token"), old, "cached");
        let next = rejected(&held).await.unwrap().expect("there is a new one");
        assert_eq!(text(&next, "token"), new);
        assert_eq!(world.token("github").await.unwrap(), new, "for every later call, too");
        held = next;
    }

    site.raw("DeleteSecret", json!({}), "github/work").await.unwrap();
    let error = until("gone", DEADLINE, async || rejected(&held).await.err()).await;
    assert!(gone(&error), "{error:?}");
    let error = until("gone", DEADLINE, async || world.token("github").await.err()).await;
    assert!(gone(&error), "{error:?}");
    world.others_serve().await;

    site.raw("RestoreSecret", json!({}), "github/work").await.unwrap();
    let token = until("back", DEADLINE, async || world.token("github").await.ok()).await;
    assert_eq!(token, "three");
    world.broker.close().await;
}
