//! No secret text in what is printed.

use std::fmt::{Debug, Write as _};

use super::{Subject, names, token};
use crate::testkit::{field, fields, path};
use crate::{Expect, ReadRequest, Stage, Version};

/// Text that stands in secrets only. Its parts are looked for too: an error may quote less than a whole value.
const CANARY: &str = "canary-5f2e\ncanary-91bd";
const CANARY_PART: &str = "canary";

pub(super) async fn cases<S: Subject>(fresh: &impl AsyncFn() -> S) {
    nothing_printed_holds_a_secret(&fresh().await).await;
}

async fn nothing_printed_holds_a_secret(subject: &impl Subject) {
    let (vault, at) = (subject.open(), path("github/work"));
    let secret = fields([("username", CANARY), ("password", CANARY)]);
    subject.seed(&at, &secret).await;
    let mut printed = String::new();
    let mut print = |value: &dyn Debug| write!(printed, "{value:?}\n{value:#?}\n").unwrap();

    print(&vault.info());
    let read = vault.read(&at, &names(&secret), Stage::Current).await;
    assert!(read.is_ok(), "{read:?}");
    print(&read);
    print(&vault.read(&at, &names(&secret), Stage::Previous).await);
    print(&vault.read(&at, &[field("username"), field("token")], Stage::Current).await);
    let wanted = [&secret, &token("")].map(|fields| ReadRequest { path: at.clone(), fields: names(fields) });
    print(&vault.read_many(&wanted).await);
    print(&vault.list(None, None).await);
    for expect in [Expect::Absent, Expect::Version(Version::new("wrong")), Expect::Any] {
        print(&vault.write(&at, &token(CANARY), expect).await);
    }
    for expect in [Expect::Absent, Expect::Version(Version::new("wrong"))] {
        print(&vault.delete(&at, expect).await);
    }
    subject.take_down().await;
    print(&vault.read(&at, &names(&secret), Stage::Current).await);
    print(&vault.probe().await);
    print(&vault.write(&at, &token(CANARY), Expect::Any).await);
    subject.bring_up().await;
    print(&vault);

    assert!(printed.contains(vault.info().backend), "what is searched is what was printed");
    assert!(!printed.contains(CANARY_PART), "secret text was printed");
}
