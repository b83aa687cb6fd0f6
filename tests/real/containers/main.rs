//! `docker compose up` on real containers: a staging that works, keeps its walls when Vault stops, and keeps its keys to itself.
//!
//! An engine that is reachable is used; else the tests make one (`cofferdam_servers::Engine`). What the image and its
//! process are is written to `containers.txt` in Cargo's folder for the temporary files of tests, which `.ci/run` prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)] // in a test a panic is the report

mod image;
mod keys;
mod stack;

use stack::{Stack, until};

#[tokio::test(flavor = "multi_thread")]
async fn docker_compose_up_is_a_staging_that_outlives_its_vault() {
    let stack = Stack::new();
    let mut report = image::Report::new(&stack);

    // 1. Up, healthy; a secret set in Vault.
    stack.compose(&["up", "--detach", "--build"]);
    for service in ["vault", "unseal", "cofferdam"] {
        stack.healthy(service).await;
    }
    report.step("up and healthy");
    assert_eq!(stack.whoami("github").await.unwrap_err(), "credential_missing", "nothing is in Vault yet");
    stack.set_github(&stack.tokens.first);

    // 2. Both modules called through `/mcp`.
    until("found in Vault", async || stack.whoami("github").await.map(|login| assert_eq!(login, "ada")))
        .await;
    assert_eq!(stack.whoami("github-ci").await.unwrap(), "ci");
    assert_eq!(stack.state("github-vault").await, "ready");
    report.step("both modules called");
    image::is_walled_in(&stack, &mut report);
    keys::are_out_of_reach(&stack);
    report.step("user, capabilities and files looked at");
    let cofferdam = life(&stack);

    // 3. Vault stopped: its module is served from memory, and the other one does not notice.
    stack.compose(&["stop", "vault"]);
    until("degraded", async || {
        assert_eq!(stack.whoami("github").await.unwrap(), "ada");
        assert_eq!(stack.whoami("github-ci").await.unwrap(), "ci");
        match stack.state("github-vault").await.as_str() {
            "degraded" => Ok(()),
            other => Err(other.to_owned()),
        }
    })
    .await;
    let (status, counts) = stack.ready().await;
    assert_eq!((status, &counts["vaults"]["degraded"]), (200, &1.into()), "{counts}");
    stack.healthy("cofferdam").await;
    report.step("Vault stopped: one module served from memory, the other as before");

    // 4. Vault started again: somebody unseals it, and Cofferdam finds it by itself.
    stack.compose(&["start", "vault"]);
    stack.healthy("vault").await;
    stack.set_github(&stack.tokens.second);
    until("read anew from Vault", async || match stack.whoami("github").await {
        Ok(login) if login == "grace" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert_eq!(stack.state("github-vault").await, "ready");
    assert_eq!(life(&stack), cofferdam, "Cofferdam was not restarted");
    report.step("Vault started: unsealed, and the new token is served");

    // Again: the bootstrap keeps what is good, and restarts nothing.
    let vault = stack.container("vault");
    let login = keys::login(&stack);
    stack.compose(&["up", "--detach"]);
    let logs = stack.compose(&["logs", "--no-log-prefix", "bootstrap"]);
    assert!(logs.contains("cofferdam-github: its secret_id is good, and kept"), "{logs}");
    assert_eq!(logs.matches("the root token is revoked").count(), 2, "{logs}");
    assert_eq!((life(&stack), stack.container("vault"), keys::login(&stack)), (cofferdam, vault, login));
    keys::leave_no_root_token(&stack);
    report.step("bootstrap run twice");

    // Vault without its storage: it begins anew, and so do the logins.
    stack.compose(&["rm", "--force", "--stop", "vault", "unseal", "bootstrap"]);
    stack.remove_volume("storage");
    stack.compose(&["up", "--detach"]);
    stack.set_github(&stack.tokens.first);
    until("read from the new Vault", async || match stack.whoami("github").await {
        Ok(login) if login == "ada" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    report.step("Vault's storage lost: begun anew");

    // Cofferdam restarted: it logs in anew.
    stack.compose(&["restart", "cofferdam"]);
    until("back", async || match stack.whoami("github").await {
        Ok(login) if login == "ada" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    stack.healthy("cofferdam").await;
    report.step("Cofferdam restarted");

    stack.end();
    report.step("all removed");
    report.write();
}

/// Which container Cofferdam runs in, and since when.
fn life(stack: &Stack) -> (String, String) {
    let found = stack.inspect("cofferdam");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (text(&found["Id"]), text(&found["State"]["StartedAt"]))
}
