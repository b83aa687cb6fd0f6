//! Database logins that come and go a thousand times, or are taken away behind our back.

use std::time::Duration;

use cofferdam::access::Caller;
use cofferdam::broker::{CompartmentState, Walls};
use serde_json::json;
use tokio::time::Instant;

use crate::dynamic::{Site, query};
use crate::world::{DEADLINE, World, cache_off, text, until};

/// So long that none ends by itself while a test runs.
const LONG: Duration = Duration::from_secs(3600);

const ROUNDS: usize = 20;
const CYCLES: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_logins_leave_none_behind() {
    let site = Site::new(LONG, LONG).await;
    // Nothing is kept: each call makes a login, and gives it back when it is over.
    let walls = Walls { cache_entries: 0, ..cache_off() };
    let world = World::new(site.vault(), walls, &["db"], "basic");
    world.broker.start().await;
    let mut made = 0;
    for _ in 0..ROUNDS {
        for _ in 0..CYCLES {
            drop(world.call("db").await.unwrap());
            made += 1;
        }
        until("given back", DEADLINE, async || (site.leases().await == 0).then_some(())).await;
    }
    println!("{made} logins made and given back, {} left", site.leases().await);
    world.broker.close().await;
    assert_eq!((site.leases().await, site.roles().as_str()), (0, "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_was_revoked_behind_our_back_is_replaced_when_the_service_rejects_it() {
    let site = Site::new(LONG, LONG).await;
    let world = World::new(site.vault(), cache_off(), &["db"], "basic");
    world.broker.start().await;
    let address = site.postgres.address();
    let works =
        |credential: &_| query(&address, &text(credential, "username"), &text(credential, "password"));
    let first = world.call("db").await.unwrap();
    works(&first).unwrap();

    site.server.root("PUT", "sys/leases/revoke-prefix/database/creds/readonly", json!({})).await;
    until("revoked", DEADLINE, async || (site.leases().await == 0).then_some(())).await;
    works(&first).unwrap_err();

    let deadline = Instant::now() + DEADLINE;
    let second = world.broker.after_rejection(&Caller::local(), &first, deadline).await.unwrap().unwrap();
    works(&second).unwrap();
    let next = world.call("db").await.unwrap();
    assert_eq!(text(&next, "username"), text(&second, "username"), "one new login serves all");
    assert_eq!((world.state(), site.leases().await), (CompartmentState::Ready, 1));
    drop((first, second, next));
    world.broker.close().await;
    assert_eq!((site.leases().await, site.roles().as_str()), (0, "0"));
}
