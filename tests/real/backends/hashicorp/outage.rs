//! A Vault is sealed, killed, and loses tokens and permissions: each time the error has the right kind and scope, and the
//! same vault works again.

use cofferdam_testing::vault_server::{VaultServer, expect_error, full_policy, open, read, token_of};
use cofferdam_vault::ErrorKind::{Conflict, Denied, Misconfigured, NotFound, Unauthenticated, Unavailable};
use cofferdam_vault::testkit::{fields, path};
use cofferdam_vault::{Expect, Scope, Stage};
use serde_json::json;

#[tokio::test]
async fn the_vault_comes_back_by_itself_whatever_was_done_to_it() {
    let server = VaultServer::own();
    let mount = server.mount_kv(2).await;
    server.put(&mount, "m/a", "one").await;
    let policy = server.policy(&mount, 2).await;
    let (auth, role, secret) = server.approle(&policy, json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret-id"), secret).unwrap();
    let settings = format!(
        "address = '{}'\nmount = '{mount}'\n\
         auth = {{ method = 'approle', mount = '{auth}', role_id = '{role}', secret_id_file = 'secret-id' }}",
        server.address
    );
    let vault = open(folder.path(), &settings);
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    // Sealed.
    server.process(|vault| vault.seal().unwrap());
    expect_error(read(&*vault, "m/a").await, Unavailable, Scope::Vault);
    expect_error(vault.probe().await, Unavailable, Scope::Vault);
    server.process(|vault| vault.unseal().unwrap());
    assert_eq!(vault.probe().await, Ok(()));
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    // Killed.
    server.process(cofferdam_servers::Vault::kill);
    expect_error(read(&*vault, "m/a").await, Unavailable, Scope::Vault);
    expect_error(vault.probe().await, Unavailable, Scope::Vault);
    server.process(|vault| vault.revive().unwrap());
    assert_eq!(vault.probe().await, Ok(()));
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    // Its token is revoked: reported once, then it logs in again.
    server.root("POST", &format!("auth/{auth}/role/r"), json!({"token_policies": [policy]})).await;
    server.root("POST", &format!("sys/leases/revoke-prefix/auth/{auth}"), json!({})).await;
    expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    // Its policy is removed: that concerns the secret, not the vault.
    server.set_policy(&policy, "path \"nowhere\" { capabilities = [\"deny\"] }").await;
    expect_error(read(&*vault, "m/a").await, Denied, Scope::Secret);
    assert_eq!(vault.probe().await, Ok(()));
    let write = vault.write(&path("m/a"), &fields([("token", "two")]), Expect::Any).await;
    expect_error(write, Denied, Scope::Secret);
    expect_error(vault.list(None, None).await, Denied, Scope::Secret);
    server.set_policy(&policy, &full_policy(&mount, 2)).await;
    assert_eq!(token_of(&*vault, "m/a").await, "one");

    // Its role is removed: a new login is refused.
    server.root("DELETE", &format!("auth/{auth}/role/r"), json!({})).await;
    server.root("POST", &format!("sys/leases/revoke-prefix/auth/{auth}"), json!({})).await;
    for _ in 0..2 {
        expect_error(read(&*vault, "m/a").await, Unauthenticated, Scope::Vault);
    }
    expect_error(vault.probe().await, Unauthenticated, Scope::Vault);
}

#[tokio::test]
async fn a_wrong_mount_or_engine_is_no_absent_secret() {
    let server = VaultServer::shared();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), &server.root).unwrap();
    let at = |mount: &str, kv: u8| {
        let text = format!(
            "address = '{}'\nmount = '{mount}'\nkv = {kv}\nauth = {{ method = 'token', token_file = 'token' }}",
            server.address
        );
        open(folder.path(), &text)
    };
    let (one, two) = (server.mount_kv(1).await, server.mount_kv(2).await);
    for (mount, kv, kind, scope) in [
        (one.as_str(), 1, NotFound, Scope::Secret),
        (two.as_str(), 2, NotFound, Scope::Secret),
        (one.as_str(), 2, Misconfigured, Scope::Vault),
        (two.as_str(), 1, Misconfigured, Scope::Vault),
        ("no-such-mount", 2, Misconfigured, Scope::Vault),
        ("no-such-mount", 1, Misconfigured, Scope::Vault),
        ("sys", 2, Misconfigured, Scope::Vault),
    ] {
        let vault = at(mount, kv);
        expect_error(read(&*vault, "m/a").await, kind, scope);
        if kind == Misconfigured {
            expect_error(vault.list(None, None).await, kind, scope);
            let write = vault.write(&path("m/a"), &fields([("token", "x")]), Expect::Absent).await;
            expect_error(write, kind, scope);
        }
    }
}

#[tokio::test]
async fn earlier_states_are_found_behind_deleted_and_destroyed_ones() {
    let server = VaultServer::shared();
    let mount = server.mount_kv(2).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), &server.root).unwrap();
    let text = format!(
        "address = '{}'\nmount = '{mount}'\nauth = {{ method = 'token', token_file = 'token' }}",
        server.address
    );
    let vault = open(folder.path(), &text);
    for value in ["one", "two", "three", "four"] {
        server.put(&mount, "m/a", value).await;
    }
    let previous = || async {
        let secret = vault.read(&path("m/a"), &[], Stage::Previous).await?;
        Ok::<_, cofferdam_vault::VaultError>(
            secret.expose(&cofferdam_vault::testkit::field("token")).unwrap().to_owned(),
        )
    };
    assert_eq!(previous().await.unwrap(), "three");
    server.root("POST", &format!("{mount}/delete/m/a"), json!({"versions": [3]})).await;
    assert_eq!(previous().await.unwrap(), "two");
    server.root("PUT", &format!("{mount}/destroy/m/a"), json!({"versions": [2]})).await;
    assert_eq!(previous().await.unwrap(), "one");
    server.root("POST", &format!("{mount}/delete/m/a"), json!({"versions": [1]})).await;
    expect_error(previous().await, NotFound, Scope::Secret);
}

#[tokio::test]
async fn a_secret_created_again_after_its_metadata_was_removed_has_another_version() {
    let server = VaultServer::shared();
    let mount = server.mount_kv(2).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), &server.root).unwrap();
    let text = format!(
        "address = '{}'\nmount = '{mount}'\nauth = {{ method = 'token', token_file = 'token' }}",
        server.address
    );
    let vault = open(folder.path(), &text);
    let write = |value: &'static str, expect| {
        let vault = &vault;
        async move { vault.write(&path("m/a"), &fields([("token", value)]), expect).await }
    };
    let first = write("one", Expect::Absent).await.unwrap();
    server.root("DELETE", &format!("{mount}/metadata/m/a"), json!({})).await;
    let second = write("two", Expect::Absent).await.unwrap();
    assert_ne!(first, second);
    expect_error(write("three", Expect::Version(first)).await, Conflict, Scope::Secret);

    // A mount that requires check-and-set accepts our writes.
    server.root("POST", &format!("{mount}/config"), json!({"cas_required": true})).await;
    write("three", Expect::Any).await.unwrap();
    assert_eq!(token_of(&*vault, "m/a").await, "three");
}

#[tokio::test]
async fn a_listing_goes_page_by_page_and_names_no_deleted_secret() {
    let server = VaultServer::shared();
    let mount = server.mount_kv(2).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), &server.root).unwrap();
    let text = format!(
        "address = '{}'\nmount = '{mount}'\nauth = {{ method = 'token', token_file = 'token' }}",
        server.address
    );
    let vault = open(folder.path(), &text);
    let mut expected = std::collections::BTreeSet::new();
    for number in 0..250 {
        let at = format!("m{}/a/n{number}", number % 3);
        server.put(&mount, &at, "x").await;
        expected.insert(path(&at));
    }
    for at in ["m1", "m1/a", "Not-A-Path/x", "m1/a/n1"] {
        server.put(&mount, at, "x").await;
    }
    server.root("DELETE", &format!("{mount}/data/m1/a/n1"), json!({})).await;
    expected.extend([path("m1"), path("m1/a")]);
    expected.remove(&path("m1/a/n1"));
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = vault.list(None, after.as_ref()).await.unwrap();
        found.extend(page.paths);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(found.len(), expected.len(), "none twice");
    assert_eq!(found.into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
}
