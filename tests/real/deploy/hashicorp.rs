//! `deploy/hashicorp/bootstrap` with a real Vault: after any number of runs, its logins work and do not expire unnoticed.

use std::fs;
use std::path::Path;
use std::process::Command;

use cofferdam_servers::Vault;
use cofferdam_testing::deploy::deploy;

/// Runs it with `folder`; returns what it printed.
fn bootstrap(vault: &Vault, folder: &Path, ttl: Option<&str>) -> String {
    let program = cofferdam_servers::vault_binary().unwrap_or_else(|error| panic!("{error}"));
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(deploy("hashicorp/bootstrap"));
    command
        .arg(folder)
        .env("HOME", folder)
        .env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
    command.env("VAULT_ADDR", vault.address()).env("VAULT_TOKEN", vault.root_token());
    command.envs(ttl.map(|ttl| ("SECRET_ID_TTL", ttl)));
    let output = command.output().unwrap();
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    let printed = String::from_utf8(printed).unwrap();
    assert!(output.status.success(), "{printed}");
    printed
}

/// Logs in with `secret_id`; returns the token, or `None` if the login fails.
fn login(vault: &Vault, secret_id: &str) -> Option<String> {
    let secret_id = format!("secret_id={secret_id}");
    let login = ["write", "-field=token", "auth/approle/login", "role_id=cofferdam-github", &secret_id];
    let output = vault.run(&login).ok()?;
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_login_without_an_end_is_kept_and_one_with_an_end_is_replaced_before() {
    let vault = Vault::start().unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    let run = |ttl| {
        let printed = bootstrap(&vault, folder.path(), ttl);
        let secret_id = fs::read_to_string(folder.path().join("github-secret-id")).unwrap();
        assert!(!printed.contains(&secret_id), "it prints the secret id");
        assert!(login(&vault, &secret_id).is_some(), "the new login does not work");
        secret_id
    };

    let endless = run(None);
    assert_eq!(run(None), endless);

    let first = run(Some("1h"));
    let second = run(Some("1h"));
    assert_ne!(second, first);
    assert!(login(&vault, &first).is_some(), "the one before may still be in use");
    assert!(login(&vault, &endless).is_none(), "nothing would ever end this one");

    let last = run(None);
    assert_ne!(last, second);
    assert_eq!(run(None), last);

    fs::write(folder.path().join("github-secret-id"), "another's").unwrap();
    assert_ne!(run(None), last);
    assert!(login(&vault, &last).is_none(), "who replaced the file may have it");
}

#[test]
fn a_login_may_ask_when_it_ends_and_knows_of_no_other() {
    let vault = Vault::start().unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    bootstrap(&vault, folder.path(), Some("1h"));
    let secret_id = fs::read_to_string(folder.path().join("github-secret-id")).unwrap();
    let token = login(&vault, &secret_id).unwrap();
    let may = |place: &str| {
        let output = vault.run(&["token", "capabilities", &token, place]).unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(may("auth/approle/role/cofferdam-github/secret-id/lookup"), "update");
    for place in [
        "auth/approle/role/cofferdam-github/secret-id",
        "auth/approle/role/cofferdam-github/role-id",
        "auth/approle/role/another/secret-id/lookup",
        "secret/data/cofferdam/another/work",
        "secret/metadata/cofferdam/github/work",
    ] {
        assert_eq!(may(place), "deny", "{place}");
    }
}
