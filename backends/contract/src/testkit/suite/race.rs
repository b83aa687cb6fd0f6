//! Concurrent writers, and writers that lose the response. For vaults with `cas`.

use std::sync::Arc;

use super::{BackendUnderTest, assert_refused, expect_fields, must_write, token};
use crate::testkit::{Calls, Fault, Faults, field, path};
use crate::{ErrorKind, Expect, Scope, SecretPath, Stage, Vault};

/// How many writers run at once, each through a handle of its own, and how often each increments the value.
const WRITERS: usize = 8;
const ADDS: usize = 5;

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    if !fresh().await.open().info().capabilities.cas {
        return;
    }
    concurrent_writers_lose_nothing(&fresh().await).await;
    one_of_many_creators_wins(&fresh().await).await;
    a_lost_response_is_resolved_by_reading_back(&fresh().await).await;
    a_dropped_write_is_all_or_nothing(&fresh().await).await;
}

async fn concurrent_writers_lose_nothing(backend: &impl BackendUnderTest) {
    let at = path("counter/shared");
    must_write(&*backend.open(), &at, &token("0"), Expect::Absent).await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let (vault, at) = (backend.open(), at.clone());
        writers.spawn(async move {
            for _ in 0..ADDS {
                add_one(&*vault, &at).await;
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    expect_fields(&*backend.open(), &at, &token(&(WRITERS * ADDS).to_string())).await;
}

async fn add_one(vault: &dyn Vault, at: &SecretPath) {
    // Each round that ends in a conflict is one in which another writer succeeded.
    for _ in 0..=WRITERS * ADDS {
        let secret = vault.read(at, &[field("token")], Stage::Current).await.unwrap();
        let sum: usize = secret.expose(&field("token")).unwrap().parse().unwrap();
        match vault.write(at, &token(&(sum + 1).to_string()), Expect::Version(secret.version)).await {
            Ok(_) => return,
            Err(error) => assert_eq!((error.kind(), error.scope()), (ErrorKind::Conflict, Scope::Secret)),
        }
    }
    panic!("a writer met more conflicts than there were writes");
}

async fn one_of_many_creators_wins(backend: &impl BackendUnderTest) {
    let at = path("created/once");
    let mut creators = tokio::task::JoinSet::new();
    for number in 0..WRITERS {
        let (vault, at) = (backend.open(), at.clone());
        creators.spawn(async move {
            let value = number.to_string();
            (vault.write(&at, &token(&value), Expect::Absent).await, value)
        });
    }
    let mut winners = Vec::new();
    while let Some(creator) = creators.join_next().await {
        match creator.unwrap() {
            (Ok(_), value) => winners.push(value),
            (lost, _) => assert_refused(lost, ErrorKind::Conflict, Scope::Secret, "creating it second"),
        }
    }
    assert_eq!(winners.len(), 1, "exactly one creates it");
    expect_fields(&*backend.open(), &at, &token(&winners[0])).await;
}

async fn a_lost_response_is_resolved_by_reading_back(backend: &impl BackendUnderTest) {
    let (at, faults) = (path("github/work"), Faults::default());
    let vault = faults.wrap(backend.open());
    let before = must_write(&*vault, &at, &token("old"), Expect::Absent).await;
    faults.once(Calls::Writes, Fault::lost_response());
    let result = vault.write(&at, &token("new"), Expect::Version(before.clone())).await;
    assert_refused(result, ErrorKind::Unavailable, Scope::Vault, "a write whose response was lost");
    let after = expect_fields(&*vault, &at, &token("new")).await;
    assert_ne!(after.version, before);
    let again = vault.write(&at, &token("new"), Expect::Version(before)).await;
    assert_refused(again, ErrorKind::Conflict, Scope::Secret, "the same write again");
    faults.once(Calls::Writes, Fault::lost_response());
    let result = vault.delete(&at, Expect::Version(after.version.clone())).await;
    assert_refused(result, ErrorKind::Unavailable, Scope::Vault, "a delete whose response was lost");
    super::expect_absent(&*vault, &at, "reading after a delete whose response was lost").await;
}

/// Drops a write at a later and later point. The write may have happened, or may still happen on a thread. It happens as
/// a whole, and never replaces what was written in the meantime.
async fn a_dropped_write_is_all_or_nothing(backend: &impl BackendUnderTest) {
    let (vault, at): (Arc<dyn Vault>, _) = (backend.open(), path("github/work"));
    let mut version = must_write(&*vault, &at, &token("start"), Expect::Absent).await;
    for polls in 0..12 {
        let (lost, settled) = (token(&format!("lost {polls}")), token(&format!("settled {polls}")));
        let before = version.clone();
        tokio::select! {
            biased;
            _ = vault.write(&at, &lost, Expect::Version(before.clone())) => {}
            () = yields(polls) => {}
        }
        version = match vault.write(&at, &settled, Expect::Version(before)).await {
            Ok(version) => version,
            Err(error) => {
                assert_eq!((error.kind(), error.scope()), (ErrorKind::Conflict, Scope::Secret), "{error:?}");
                let read = expect_fields(&*vault, &at, &lost).await;
                must_write(&*vault, &at, &settled, Expect::Version(read.version)).await
            }
        };
        assert_eq!(expect_fields(&*vault, &at, &settled).await.version, version);
    }
}

async fn yields(polls: u32) {
    for _ in 0..polls {
        tokio::task::yield_now().await;
    }
}
