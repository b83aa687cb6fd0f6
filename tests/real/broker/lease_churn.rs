//! A thousand database logins are created and revoked, and one is revoked by another program.

use std::time::Duration;

use cofferdam::broker::{CompartmentPolicy, CompartmentState};
use cofferdam::caller::Caller;
use serde_json::json;
use tokio::time::Instant;

use crate::fixture::{DEADLINE, Fixture, cache_off, text, until};
use crate::lease_expiry::{DatabaseLogins, query};

/// Longer than a test, so that no login expires.
const LONG: Duration = Duration::from_secs(3600);

const ROUNDS: usize = 20;
const CYCLES: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_logins_leave_none_behind() {
    let database = DatabaseLogins::new(LONG, LONG).await;
    // Nothing is cached: each call creates a login and revokes it at its end.
    let policy = CompartmentPolicy { cache_entries: 0, ..cache_off() };
    let fixture = Fixture::new(database.vault(), policy, &["db"], "basic");
    fixture.broker.start().await;
    let mut made = 0;
    for _ in 0..ROUNDS {
        for _ in 0..CYCLES {
            drop(fixture.call("db").await.unwrap());
            made += 1;
        }
        until("revoked", DEADLINE, async || (database.leases().await == 0).then_some(())).await;
    }
    println!("{made} logins created and revoked, {} left", database.leases().await);
    fixture.broker.close().await;
    assert_eq!((database.leases().await, database.roles().as_str()), (0, "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_was_revoked_elsewhere_is_replaced_when_the_service_rejects_it() {
    let database = DatabaseLogins::new(LONG, LONG).await;
    let fixture = Fixture::new(database.vault(), cache_off(), &["db"], "basic");
    fixture.broker.start().await;
    let address = database.postgres.address();
    let works =
        |credential: &_| query(&address, &text(credential, "username"), &text(credential, "password"));
    let first = fixture.call("db").await.unwrap();
    works(&first).unwrap();

    database.server.root("PUT", "sys/leases/revoke-prefix/database/creds/readonly", json!({})).await;
    until("revoked", DEADLINE, async || (database.leases().await == 0).then_some(())).await;
    works(&first).unwrap_err();

    let deadline = Instant::now() + DEADLINE;
    let second = fixture.broker.after_rejection(&Caller::local(), &first, deadline).await.unwrap().unwrap();
    works(&second).unwrap();
    let next = fixture.call("db").await.unwrap();
    assert_eq!(text(&next, "username"), text(&second, "username"), "one new login serves all");
    assert_eq!((fixture.state(), database.leases().await), (CompartmentState::Ready, 1));
    drop((first, second, next));
    fixture.broker.close().await;
    assert_eq!((database.leases().await, database.roles().as_str()), (0, "0"));
}
