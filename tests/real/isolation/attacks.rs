//! One test for each attack: the calls of every other module succeed, health is answered, and the process lives.

use cofferdam_testing::attacks::{Attack, AttackPlan, Fixture, measure};
use cofferdam_testing::{Program, program};
use tokio::sync::Mutex;

/// The attacks are not run against each other: each has two processors.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Runs `attack` on a server and asserts every promise that does not depend on the machine.
async fn withstands(attack: Attack) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let program = Program(program().to_owned());
    let fixture = Fixture::start().await.unwrap();
    let outcome = measure(&fixture, &program, &AttackPlan::quick(), attack).await;
    let outcome = outcome.unwrap_or_else(|error| panic!("{attack}: {error}"));
    println!("{attack}: {outcome:#?}");
    let broken: Vec<String> = outcome
        .comparison
        .promises
        .iter()
        .filter(|promise| !promise.kept)
        .map(|promise| format!("{}: {}", promise.name, promise.found))
        .collect();
    assert!(broken.is_empty(), "{attack}: {broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_decode_to_half_a_million_objects() {
    withstands(Attack::HostileAnswer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn such_answers_compressed_to_some_kib() {
    withstands(Attack::CompressedAnswer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_decode_to_half_a_million_objects() {
    withstands(Attack::HostileRequest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_name_servers_never_answer() {
    withstands(Attack::SilentNameServers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_idle_connections_than_descriptors() {
    withstands(Attack::IdleConnections).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_requests_whose_bodies_never_arrive_than_descriptors() {
    withstands(Attack::UnfinishedRequests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_whose_responses_are_never_read() {
    withstands(Attack::UnreadConnections).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_each_other() {
    withstands(Attack::SerializedCalls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_a_place_at_their_service() {
    withstands(Attack::InFlightCalls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_for_a_vault_that_hangs() {
    withstands(Attack::HungVaultCalls).await;
}
