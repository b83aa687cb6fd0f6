//! Concurrent writes and deletes, interrupted ones, and ones whose response is lost.

use cofferdam_testing::moto::{Fault, MotoEnv, token};
use cofferdam_vault::testkit::{fields, path};
use cofferdam_vault::{ErrorKind, Expect, Scope, Stage, Vault, VaultError, Version};
use serde_json::json;

const AT: &str = "github/work";

async fn write(vault: &dyn Vault, value: &str, expect: Expect) -> Result<Version, VaultError> {
    vault.write(&path(AT), &fields([("token", value)]), expect).await
}

fn kind<T>(answer: Result<T, VaultError>) -> Option<ErrorKind> {
    answer.err().map(|error| error.kind())
}

/// All stages of all versions of the secret, sorted.
async fn stages(env: &MotoEnv) -> Vec<String> {
    let described = env.raw("DescribeSecret", json!({}), AT).await.unwrap();
    let versions = described["VersionIdsToStages"].as_object().unwrap().clone();
    let mut stages: Vec<_> = versions
        .values()
        .flat_map(|stages| stages.as_array().unwrap().clone())
        .map(|stage| stage.as_str().unwrap().to_owned())
        .collect();
    stages.sort();
    stages
}

#[tokio::test]
async fn a_writer_that_was_overtaken_has_changed_nothing_and_left_nothing() {
    let env = MotoEnv::new().await;
    let (slow, quick) = (env.open_with(&env.settings()), env.open_with(&env.settings()));
    let first = write(&*slow, "one", Expect::Absent).await.unwrap();
    env.proxy.once("UpdateSecretVersionStage", Fault::Held);
    let overtaken = tokio::spawn({
        let first = first.clone();
        async move { write(&*slow, "slow", Expect::Version(first)).await }
    });
    env.proxy.wait_for("UpdateSecretVersionStage", 1).await;
    write(&*quick, "quick", Expect::Version(first)).await.unwrap();
    env.proxy.release();
    assert_eq!(kind(overtaken.await.unwrap()), Some(ErrorKind::Conflict));
    assert_eq!(token(&*quick, AT).await.unwrap(), "quick");
    assert_eq!(stages(&env).await, ["AWSCURRENT", "AWSPREVIOUS", "COFFERDAM_PENDING"]);
    let pending =
        env.raw("GetSecretValue", json!({ "VersionStage": "COFFERDAM_PENDING" }), AT).await.unwrap();
    assert!(pending["SecretString"].as_str().unwrap().contains("quick"), "what lost has no stage left");
}

#[tokio::test]
async fn what_lost_has_no_stage_left_even_where_no_other_writer_takes_it() {
    let env = MotoEnv::new().await;
    let (one, two) = (env.open_with(&env.settings()), env.open_with(&env.settings()));
    let first = write(&*one, "start", Expect::Absent).await.unwrap();
    let mut writers = Vec::new();
    for (number, vault) in [one, two.clone()].into_iter().enumerate() {
        env.proxy.once("UpdateSecretVersionStage", Fault::Held);
        let first = first.clone();
        writers.push(tokio::spawn(async move {
            write(&*vault, &number.to_string(), Expect::Version(first)).await
        }));
        env.proxy.wait_for("UpdateSecretVersionStage", number + 1).await;
    }
    for (writer, outcome) in writers.into_iter().zip([None, Some(ErrorKind::Conflict)]) {
        env.proxy.release();
        assert_eq!(kind(writer.await.unwrap()), outcome);
    }
    assert_eq!(token(&*two, AT).await.unwrap(), "0");
    assert_eq!(stages(&env).await, ["AWSCURRENT", "AWSPREVIOUS"]);
}

#[tokio::test]
async fn a_writer_without_expectation_starts_again() {
    let env = MotoEnv::new().await;
    let (slow, quick) = (env.open_with(&env.settings()), env.open_with(&env.settings()));
    write(&*slow, "one", Expect::Any).await.unwrap();
    env.proxy.once("UpdateSecretVersionStage", Fault::Held);
    let slow = tokio::spawn(async move { write(&*slow, "slow", Expect::Any).await });
    env.proxy.wait_for("UpdateSecretVersionStage", 1).await;
    write(&*quick, "quick", Expect::Any).await.unwrap();
    env.proxy.release();
    slow.await.unwrap().unwrap();
    assert_eq!(token(&*quick, AT).await.unwrap(), "slow");
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_reading_back() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    env.proxy.once("CreateSecret", Fault::LostAnswer);
    assert_eq!(kind(write(&*vault, "one", Expect::Absent).await), Some(ErrorKind::Unavailable));
    assert_eq!(token(&*vault, AT).await.unwrap(), "one");
    env.proxy.once("UpdateSecretVersionStage", Fault::LostAnswer);
    assert_eq!(kind(write(&*vault, "two", Expect::Any).await), Some(ErrorKind::Unavailable));
    assert_eq!(token(&*vault, AT).await.unwrap(), "two");
    env.proxy.once("PutSecretValue", Fault::LostAnswer);
    assert_eq!(kind(write(&*vault, "three", Expect::Any).await), Some(ErrorKind::Unavailable));
    assert_eq!(token(&*vault, AT).await.unwrap(), "two", "put, and never made current");
    write(&*vault, "four", Expect::Any).await.unwrap();
    assert_eq!(token(&*vault, AT).await.unwrap(), "four");
}

#[tokio::test]
async fn a_delete_never_takes_a_write_that_it_did_not_see() {
    let env = MotoEnv::new().await;
    let (deleter, writer) = (env.open_with(&env.settings()), env.open_with(&env.settings()));
    let first = write(&*writer, "one", Expect::Absent).await.unwrap();
    let second = write(&*writer, "two", Expect::Version(first.clone())).await.unwrap();
    let late = deleter.delete(&path(AT), Expect::Version(first)).await;
    assert_eq!(kind(late), Some(ErrorKind::Conflict));
    // Overtaken before the tombstone is written.
    env.proxy.once("UpdateSecretVersionStage", Fault::Held);
    let overtaken = tokio::spawn(async move {
        let answer = deleter.delete(&path(AT), Expect::Version(second)).await;
        (answer, deleter)
    });
    env.proxy.wait_for("UpdateSecretVersionStage", 2).await;
    write(&*writer, "three", Expect::Any).await.unwrap();
    env.proxy.release();
    let (answer, deleter) = overtaken.await.unwrap();
    assert_eq!(kind(answer), Some(ErrorKind::Conflict));
    assert_eq!(token(&*writer, AT).await.unwrap(), "three");
    // Overtaken between the tombstone and the deletion: both succeed, and the write is second.
    env.proxy.once("DeleteSecret", Fault::Held);
    let deleting = tokio::spawn(async move { deleter.delete(&path(AT), Expect::Any).await });
    env.proxy.wait_for("DeleteSecret", 1).await;
    write(&*writer, "four", Expect::Absent).await.unwrap();
    env.proxy.release();
    deleting.await.unwrap().unwrap();
    assert_eq!(token(&*writer, AT).await.unwrap(), "four");
}

#[tokio::test]
async fn an_interrupted_delete_reads_as_deleted_and_is_finished_by_the_next() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    let version = write(&*vault, "one", Expect::Absent).await.unwrap();
    env.proxy.once("DeleteSecret", Fault::Dead);
    assert_eq!(kind(vault.delete(&path(AT), Expect::Version(version)).await), Some(ErrorKind::Unavailable));
    let gone = token(&*vault, AT).await.unwrap_err();
    assert_eq!((gone.kind(), gone.scope()), (ErrorKind::NotFound, Scope::Secret));
    vault.delete(&path(AT), Expect::Any).await.unwrap();
    let described = env.raw("DescribeSecret", json!({}), AT).await.unwrap();
    assert!(described["DeletedDate"].is_number(), "{described}");
    let asked = env.proxy.seen("DeleteSecret");
    assert!(asked[1].body.contains("\"RecoveryWindowInDays\":30"), "{asked:?}");
    write(&*vault, "two", Expect::Absent).await.unwrap();
    assert_eq!(token(&*vault, AT).await.unwrap(), "two");
    let names = [cofferdam_vault::testkit::field("token")];
    let before = vault.read(&path(AT), &names, Stage::Previous).await;
    assert_eq!(kind(before), Some(ErrorKind::NotFound), "what was deleted is not the state before");
}

#[tokio::test]
async fn of_many_who_write_over_a_deleted_secret_one_wins() {
    let env = MotoEnv::new().await;
    env.put(AT, r#"{"token": "old"}"#).await;
    env.raw("DeleteSecret", json!({}), AT).await.unwrap();
    let vaults: Vec<_> = (0..6).map(|_| env.open_with(&env.settings())).collect();
    let writes = vaults.iter().enumerate().map(|(number, vault)| async move {
        write(&**vault, &number.to_string(), Expect::Absent).await.map(|_| number)
    });
    let answers = futures_util::future::join_all(writes).await;
    let winners: Vec<usize> = answers.iter().filter_map(|answer| answer.as_ref().ok().copied()).collect();
    assert_eq!(winners.len(), 1, "{answers:?}");
    assert!(
        answers
            .iter()
            .flat_map(|answer| answer.as_ref().err())
            .all(|error| error.kind() == ErrorKind::Conflict)
    );
    assert_eq!(token(&*vaults[0], AT).await.unwrap(), winners[0].to_string());
}

#[tokio::test]
async fn a_secret_without_a_value_is_absent_and_takes_its_first_one() {
    for expect in [Expect::Absent, Expect::Any] {
        let env = MotoEnv::new().await;
        let vault = env.open_with(&env.settings());
        env.raw("CreateSecret", json!({}), AT).await.unwrap();
        assert_eq!(kind(token(&*vault, AT).await), Some(ErrorKind::NotFound));
        let version = write(&*vault, "one", expect).await.unwrap();
        assert_eq!(token(&*vault, AT).await.unwrap(), "one");
        assert_eq!(env.current(AT).await, version.as_str());
    }
}

#[tokio::test]
async fn a_secret_that_another_service_manages_is_no_lost_race() {
    let env = MotoEnv::new().await;
    let vault = env.open_with(&env.settings());
    let version = write(&*vault, "one", Expect::Absent).await.unwrap();
    env.proxy.set("PutSecretValue", Fault::code(400, "InvalidRequestException"));
    for expect in [Expect::Any, Expect::Version(version)] {
        assert_eq!(kind(write(&*vault, "two", expect.clone()).await), Some(ErrorKind::Unsupported));
        assert_eq!(kind(vault.delete(&path(AT), expect).await), Some(ErrorKind::Unsupported));
    }
    assert_eq!(token(&*vault, AT).await.unwrap(), "one");
}
