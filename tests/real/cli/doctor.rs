//! `doctor` with real servers: each has a problem of its own, and none prevents the checks of the others.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use cofferdam_servers::{Moto, Vault, free};
use cofferdam_testing::cofferdam;
use serde_json::Value;

use crate::fixture::{manifest, must};

const CANARY: &str = "canary-d0c";

/// The problems of the vaults: the vault's name, and a part of the finding.
const WRONG: [(&str, &str); 11] = [
    ("root", "root token"),
    ("root", "no module needs"),
    ("little", "do not allow `read` on secret/data/little/little/default"),
    ("wide", "can access secrets of other vaults"),
    ("wide", "the secret ID file"),
    ("wide", "the secret ID expires in 59m"),
    ("expiring", "cannot be renewed"),
    ("sealed", "sealed"),
    ("gone", "cannot be reached"),
    ("cloud", "can access secrets of other vaults"),
    ("files", "the identity file"),
];

fn profile(live: &str, sealed: &str, moto: &str, wide: &str) -> String {
    let hashi = |name: &str, address: &str, auth: &str| {
        format!(
            "[vaults.{name}]\nbackend = \"hashicorp\"\naddress = \"{address}\"\nprefix = \"{name}\"\nauth = {auth}\n"
        )
    };
    let token = |name: &str| format!("{{ method = \"token\", token_file = \"{name}\" }}");
    let approle = format!("{{ method = \"approle\", role_id = \"{wide}\", secret_id_file = \"wide\" }}");
    let closed = format!("http://127.0.0.1:{}", free().unwrap());
    let mut text =
        "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\nmodules_dir = \"modules\"\n"
            .to_owned();
    for (name, address, auth) in [
        ("root", live, token("root")),
        ("little", live, token("little")),
        ("narrow", live, token("narrow")),
        ("wide", live, approle),
        ("expiring", live, token("expiring")),
        ("sealed", sealed, token("root")),
        ("gone", &closed, token("root")),
    ] {
        text += &hashi(name, address, &auth);
    }
    text += &format!(
        "[vaults.cloud]\nbackend = \"aws\"\nregion = \"eu-central-1\"\nprefix = \"cloud\"\nendpoint = \"{moto}\"\n\
         credentials_file = \"credentials\"\n\
         [vaults.files]\nbackend = \"age\"\nfile = \"files.age\"\nidentity_file = \"key.txt\"\n"
    );
    for name in ["root", "little", "narrow", "wide", "expiring", "sealed", "gone", "cloud", "files"] {
        text += &format!("[modules.{name}]\nvault = \"{name}\"\nmanifest = \"tickets\"\n");
    }
    text
}

/// Runs the program `vault`; returns what it printed.
fn vault(vault: &Vault, arguments: &[&str]) -> String {
    String::from_utf8(vault.run(arguments).unwrap().stdout).unwrap().trim().to_owned()
}

fn write(folder: &Path, name: &str, text: &str, mode: u32) {
    fs::write(folder.join(name), text).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// Creates policies, logins and secrets, right and wrong ones; returns the role id of `wide`.
fn set_up(live: &Vault, folder: &Path) -> String {
    vault(live, &["secrets", "enable", "-path=secret", "kv-v2"]);
    vault(live, &["auth", "enable", "approle"]);
    for (policy, api_path, capability) in [
        ("narrow", "secret/data/narrow/*", "read"),
        ("expiring", "secret/data/expiring/*", "read"),
        ("wide", "secret/data/*", "read"),
        ("lookup", "auth/approle/role/wide/secret-id/lookup", "update"),
        ("elsewhere", "secret/data/little/none", "read"),
    ] {
        let file = folder.join("policy.hcl");
        fs::write(&file, format!("path \"{api_path}\" {{ capabilities = [\"{capability}\"] }}")).unwrap();
        vault(live, &["policy", "write", policy, &file.display().to_string()]);
    }
    for name in ["root", "little", "narrow", "wide", "expiring"] {
        vault(live, &["kv", "put", &format!("secret/{name}/{name}/default"), &format!("token={CANARY}")]);
    }
    let token = |name: &str, more: &[&str]| {
        let create = [&["token", "create", "-field=token"], more].concat();
        write(folder, name, &vault(live, &create), 0o600);
    };
    write(folder, "root", live.root_token(), 0o600);
    token("little", &["-policy=elsewhere", "-period=1h"]);
    token("narrow", &["-policy=narrow", "-period=1h"]);
    token("expiring", &["-policy=expiring", "-ttl=10m", "-renewable=false"]);
    let role = "auth/approle/role/wide";
    vault(live, &["write", role, "token_policies=wide,lookup", "token_ttl=1h", "secret_id_ttl=1h"]);
    let secret_id = vault(live, &["write", "-f", "-field=secret_id", "auth/approle/role/wide/secret-id"]);
    write(folder, "wide", &secret_id, 0o644);
    vault(live, &["read", "-field=role_id", "auth/approle/role/wide/role-id"])
}

fn doctor(folder: &Path) -> (Option<i32>, Value) {
    let mut command = cofferdam();
    command.args(["doctor", "--json", "--profile", "profile.toml"]).current_dir(folder);
    let output = command.output().unwrap();
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(!String::from_utf8_lossy(&printed).contains(CANARY), "a value was printed");
    let document = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        document.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&printed))),
    )
}

/// The findings about `subject` at `level`.
fn found<'a>(document: &'a Value, subject: &str, level: &str) -> Vec<&'a str> {
    let all = document["findings"].as_array().unwrap();
    let of = all.iter().filter(|finding| finding["subject"] == subject && finding["level"] == level);
    of.map(|finding| finding["what"].as_str().unwrap()).collect()
}

#[test]
fn the_problems_of_each_vault_are_reported_and_the_healthy_one_is_good() {
    let (live, sealed, moto) = (must(Vault::start()), must(Vault::start()), must(Moto::start()));
    sealed.seal().unwrap();
    let env = tempfile::tempdir().unwrap();
    let folder = env.path();
    let wide = set_up(&live, folder);
    fs::create_dir(folder.join("modules")).unwrap();
    write(folder, "modules/tickets.toml", &manifest("tickets", "bearer"), 0o644);
    write(folder, "credentials", "[default]\naws_access_key_id = A\naws_secret_access_key = b\n", 0o600);
    write(folder, "key.txt", age::x25519::Identity::generate().to_string().expose_secret(), 0o644);
    write(
        folder,
        "profile.toml",
        &profile(&live.address(), &sealed.address(), &moto.address(), &wide),
        0o600,
    );

    let (code, document) = doctor(folder);
    assert_eq!(code, Some(1), "{document:#}");
    for (name, word) in WRONG {
        let bad = found(&document, &format!("vault {name}"), "bad");
        assert!(bad.iter().any(|what| what.contains(word)), "vault {name}: no `{word}` in {bad:#?}");
    }
    assert_eq!(found(&document, "vault narrow", "bad"), [""; 0], "{document:#}");
    assert_eq!(found(&document, "vault narrow", "notice"), [""; 0], "{document:#}");
    for good in ["root", "narrow", "wide", "expiring"] {
        let account = format!("account {good}/default");
        assert_eq!(found(&document, &account, "good").len(), 1, "{account}: {document:#}");
    }
    for bad in ["little", "cloud"] {
        assert_eq!(
            found(&document, &format!("account {bad}/default"), "bad").len(),
            1,
            "{bad}: {document:#}"
        );
    }
    for finding in
        document["findings"].as_array().unwrap().iter().filter(|finding| finding["level"] != "good")
    {
        assert!(finding["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{finding:#}");
    }
}
