//! `docker compose up` with real containers: the staging works, only the module on Vault is affected when Vault stops, and
//! keys stay where they belong.
//!
//! The test uses a container engine that is reachable, or creates one (`cofferdam_servers::Engine`). It writes what it
//! found about the image and its process to `containers.txt` in Cargo's folder for temporary files of tests; `.ci/run`
//! prints it.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::unwrap_used)] // a panic in a test is its report

mod image;
mod keys;
mod stack;

use stack::{Stack, until};

#[tokio::test(flavor = "multi_thread")]
async fn docker_compose_up_is_a_staging_that_outlives_its_vault() {
    let stack = Stack::new();
    let mut report = image::Report::new(&stack);

    // 1. Start; write a secret to Vault.
    stack.compose(&["up", "--detach", "--build"]);
    for service in ["vault", "unseal", "cofferdam"] {
        stack.healthy(service).await;
    }
    report.step("up and healthy");
    assert_eq!(stack.whoami("github").await.unwrap_err(), "credential_missing", "nothing is in Vault yet");
    stack.set_github(&stack.tokens.first);

    // 2. Call both modules through `/mcp`.
    until("found in Vault", async || stack.whoami("github").await.map(|login| assert_eq!(login, "ada")))
        .await;
    assert_eq!(stack.whoami("github-ci").await.unwrap(), "ci");
    assert_eq!(stack.state("github-vault").await, "ready");
    report.step("both modules called");
    image::is_confined(&stack, &mut report);
    keys::are_not_visible(&stack);
    report.step("user, capabilities and files checked");
    let cofferdam = container_start(&stack);

    // 3. Stop Vault: its module is served from memory, the other one is not affected.
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

    // 4. Start Vault again: it is unsealed, and Cofferdam recovers by itself.
    stack.compose(&["start", "vault"]);
    stack.healthy("vault").await;
    stack.set_github(&stack.tokens.second);
    until("read again from Vault", async || match stack.whoami("github").await {
        Ok(login) if login == "grace" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert_eq!(stack.state("github-vault").await, "ready");
    assert_eq!(container_start(&stack), cofferdam, "Cofferdam was not restarted");
    report.step("Vault started: unsealed, and the new token is served");

    // Run the bootstrap again: it keeps what is valid and restarts nothing.
    let vault = stack.container("vault");
    let login = keys::login(&stack);
    stack.compose(&["up", "--detach"]);
    let logs = stack.compose(&["logs", "--no-log-prefix", "bootstrap"]);
    assert!(logs.contains("cofferdam-github: the secret_id is valid and was kept"), "{logs}");
    assert_eq!(logs.matches("the root token is revoked").count(), 2, "{logs}");
    assert_eq!(
        (container_start(&stack), stack.container("vault"), keys::login(&stack)),
        (cofferdam, vault, login)
    );
    keys::leave_no_root_token(&stack);
    report.step("bootstrap run twice");

    // Remove Vault's storage: it is initialised again, with new logins.
    stack.compose(&["rm", "--force", "--stop", "vault", "unseal", "bootstrap"]);
    stack.remove_volume("storage");
    stack.compose(&["up", "--detach"]);
    stack.set_github(&stack.tokens.first);
    until("read from the new Vault", async || match stack.whoami("github").await {
        Ok(login) if login == "ada" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    report.step("Vault's storage lost: initialised again");

    // Restart Cofferdam: it logs in again.
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

/// Cofferdam's container, and when it was started.
fn container_start(stack: &Stack) -> (String, String) {
    let found = stack.inspect("cofferdam");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (text(&found["Id"]), text(&found["State"]["StartedAt"]))
}
