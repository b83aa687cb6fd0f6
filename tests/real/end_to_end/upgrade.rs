//! What the bootstrap of version 0.1.0 left in Vault and in the staging's volumes still works with the current one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cofferdam_servers::{Vault, vault_binary};
use cofferdam_testing::deploy::deploy;
use cofferdam_testing::{bare, fixture};

/// Runs a bootstrap with the volumes `logins` and `operator` in `volumes`; returns what it printed.
fn bootstrap(script: PathBuf, vault: &Vault, volumes: &Path) -> String {
    let program = vault_binary().unwrap_or_else(|error| panic!("{error}"));
    let path = std::env::var("PATH").unwrap();
    let mut command = bare(Command::new(script));
    command.arg(volumes.join("logins")).arg(volumes.join("operator")).env("HOME", volumes);
    command.env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
    command.env("VAULT_ADDR", vault.address()).env("VAULT_TOKEN", vault.root_token());
    let output = command.output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{printed}");
    printed
}

#[test]
fn the_bootstrap_keeps_the_logins_of_an_old_staging() {
    let vault = Vault::start().unwrap_or_else(|error| panic!("{error}"));
    let volumes = tempfile::tempdir().unwrap();
    for volume in ["logins", "operator"] {
        fs::create_dir(volumes.path().join(volume)).unwrap();
    }
    let read = |name: &str| fs::read_to_string(volumes.path().join(name)).unwrap();
    bootstrap(fixture("v0.1.0/deploy/hashicorp/bootstrap"), &vault, volumes.path());
    let before = [read("logins/github-secret-id"), read("operator/operator-secret-id")];
    vault.run(&["kv", "put", "secret/cofferdam/github/work", "token=old"]).unwrap();

    bootstrap(deploy("hashicorp/bootstrap"), &vault, volumes.path());
    let after = [read("logins/github-secret-id"), read("operator/operator-secret-id")];
    assert_eq!(before, after, "a login without an end is kept");
    let secret_id = format!("secret_id={}", after[0]);
    let login = ["write", "-field=token", "auth/approle/login", "role_id=cofferdam-github", &secret_id];
    let token = String::from_utf8(vault.run(&login).unwrap().stdout).unwrap();
    let reads =
        vault.run(&["token", "capabilities", token.trim(), "secret/data/cofferdam/github/work"]).unwrap();
    assert!(String::from_utf8_lossy(&reads.stdout).contains("read"));
}
