//! What is logged at `trace`, and what `Debug` prints. The log belongs to the whole process, so the test runs in a process
//! of its own.

use cofferdam_testing::runs_alone;
use cofferdam_vault::testkit::{Log, fields, path};
use cofferdam_vault::{Expect, Stage};

use super::fixture::{Session, token};

#[tokio::test(flavor = "multi_thread")]
async fn neither_log_nor_debug_holds_a_secret() {
    if runs_alone("keychain::log::neither_log_nor_debug_holds_a_secret") {
        return;
    }
    let log = Log::install();
    let session = Session::start();
    let vault = session.open("cofferdam");
    session.store("cofferdam", "by/hand", b"canary-value");
    session.store("cofferdam", "binary/one", b"canary-\xff");
    let mut shown = String::new();
    let at = path("github/work");
    let secret = fields([("token", "canary-written")]);
    shown += &format!("{:?}", vault.write(&at, &secret, Expect::Any).await);
    shown += &format!("{:?}", vault.write(&at, &secret, Expect::Absent).await);
    shown += &format!("{:?}", vault.read(&at, &[], Stage::Current).await);
    shown += &format!("{:?}", token(&*vault, "binary/one").await.unwrap_err());
    assert_eq!(token(&*vault, "by/hand").await.unwrap(), "canary-value");
    session.lock();
    shown += &format!("{:?} {vault:#?}", vault.write(&at, &secret, Expect::Any).await);
    vault.close().await;
    tracing::trace!("the log records");
    let logged = log.contents();
    assert!(logged.contains("the log records"));
    assert!(!logged.contains("canary") && !shown.contains("canary"), "a secret was printed");
}
