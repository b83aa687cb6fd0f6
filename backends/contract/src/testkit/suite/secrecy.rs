//! Nothing that is printed holds a secret.

use std::fmt::{Debug, Write as _};

use super::{BackendUnderTest, names, token};
use crate::testkit::{field, fields, path};
use crate::{Expect, ReadRequest, Stage, Version};

/// A string that is in secrets only. Its parts are searched for too, because an error may quote a part of a value.
const CANARY: &str = "canary-5f2e\ncanary-91bd";
const CANARY_PART: &str = "canary";

pub(super) async fn cases<S: BackendUnderTest>(fresh: &impl AsyncFn() -> S) {
    nothing_printed_holds_a_secret(&fresh().await).await;
}

async fn nothing_printed_holds_a_secret(backend: &impl BackendUnderTest) {
    let (vault, at) = (backend.open(), path("github/work"));
    let secret = fields([("username", CANARY), ("password", CANARY)]);
    backend.seed(&at, &secret).await;
    let mut printed = String::new();
    let mut print = |value: &dyn Debug| write!(printed, "{value:?}\n{value:#?}\n").unwrap();

    print(&vault.info());
    let read = vault.read(&at, &names(&secret), Stage::Current).await;
    assert!(read.is_ok(), "{read:?}");
    print(&read);
    print(&vault.read(&at, &names(&secret), Stage::Previous).await);
    print(&vault.read(&at, &[field("username"), field("token")], Stage::Current).await);
    let requests =
        [&secret, &token("")].map(|fields| ReadRequest { path: at.clone(), fields: names(fields) });
    print(&vault.read_many(&requests).await);
    print(&vault.list(None, None).await);
    for expect in [Expect::Absent, Expect::Version(Version::new("wrong")), Expect::Any] {
        print(&vault.write(&at, &token(CANARY), expect).await);
    }
    for expect in [Expect::Absent, Expect::Version(Version::new("wrong"))] {
        print(&vault.delete(&at, expect).await);
    }
    backend.take_down().await;
    print(&vault.read(&at, &names(&secret), Stage::Current).await);
    print(&vault.probe().await);
    print(&vault.write(&at, &token(CANARY), Expect::Any).await);
    backend.bring_up().await;
    print(&vault);

    assert!(printed.contains(vault.info().backend), "the searched string is what was printed");
    assert!(!printed.contains(CANARY_PART), "a secret was printed");
}
