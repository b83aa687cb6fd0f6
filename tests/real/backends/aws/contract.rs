//! The suite that every backend passes, with moto.

use cofferdam_testing::moto::MotoEnv;
use cofferdam_vault::testkit::exercise;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_backend_holds_the_contract() {
    // Held, so that the server outlives the cases.
    let _site = MotoEnv::new().await;
    exercise(MotoEnv::new).await;
}
