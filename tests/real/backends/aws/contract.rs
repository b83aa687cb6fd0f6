//! The suite that every backend passes, on moto.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

mod support;

use cofferdam_vault::testkit::exercise;
use support::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_holds_the_contract() {
    // Kept, so that the server outlives the cases.
    let _site = Site::new().await;
    exercise(Site::new).await;
}
