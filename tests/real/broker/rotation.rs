//! A secret of AWS is rotated, deleted and restored while the broker runs.

use std::sync::Arc;
use std::time::Duration;

use cofferdam::broker::{BrokerError, CompartmentPolicy, Credential};
use cofferdam::caller::Caller;
use cofferdam_vault::ErrorKind;
use serde_json::json;
use tokio::time::Instant;

use crate::fixture::{DEADLINE, Fixture, text, until};
use cofferdam_testing::moto::MotoEnv;

fn gone(error: &BrokerError) -> bool {
    matches!(error, BrokerError::Missing { source, .. } if source.kind() == ErrorKind::NotFound)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_credential_is_replaced_at_once_and_a_deleted_one_comes_back() {
    let moto = MotoEnv::new().await;
    let put = async |value: &str| moto.put("github/work", &json!({ "token": value }).to_string()).await;
    put("one").await;
    // The cache alone would serve the old secret for minutes.
    let policy = CompartmentPolicy {
        deadline: DEADLINE,
        reject_interval: Duration::from_millis(100),
        missing_ttl: Duration::from_millis(100),
        ..CompartmentPolicy::default()
    };
    let fixture = Fixture::new(moto.open_with(&moto.settings()), policy, &["github"], "bearer");
    fixture.broker.start().await;
    let rejected = async |old: &Arc<Credential>| {
        fixture.broker.after_rejection(&Caller::local(), old, Instant::now() + DEADLINE).await
    };
    let mut held = fixture.call("github").await.unwrap();
    for (old, new) in [("one", "two"), ("two", "three")] {
        put(new).await;
        held = fixture.call("github").await.unwrap();
        assert_eq!(text(&held, "token"), old, "cached");
        let next = rejected(&held).await.unwrap().expect("there is a new one");
        assert_eq!(text(&next, "token"), new);
        assert_eq!(fixture.token("github").await.unwrap(), new, "for every later call, too");
        held = next;
    }

    moto.raw("DeleteSecret", json!({}), "github/work").await.unwrap();
    let error = until("gone", DEADLINE, async || rejected(&held).await.err()).await;
    assert!(gone(&error), "{error:?}");
    let error = until("gone", DEADLINE, async || fixture.token("github").await.err()).await;
    assert!(gone(&error), "{error:?}");
    fixture.others_serve().await;

    moto.raw("RestoreSecret", json!({}), "github/work").await.unwrap();
    let token = until("back", DEADLINE, async || fixture.token("github").await.ok()).await;
    assert_eq!(token, "three");
    fixture.broker.close().await;
}
