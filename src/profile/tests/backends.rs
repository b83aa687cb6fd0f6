//! The real backends behind a profile.

use super::*;

#[allow(dead_code)] // each feature has its own tests
fn report(text: &str) -> String {
    load_real(&source(text), &Overrides::default()).map(|_| ()).expect_err("this profile is wrong").report()
}

#[cfg(feature = "age")]
#[test]
fn a_passphrase_in_a_profile_is_rejected_and_never_printed() {
    for literal in ["\"c4nary\"", "[\"c4nary\"]", "{ c4 = \"c4nary\" }"] {
        let text =
            format!("[vaults.notes]\nbackend = \"age\"\nfile = \"notes.age\"\npassphrase = {literal}\n");
        let found = report(&text);
        assert!(found.starts_with("p.toml:4:14  vaults.notes.passphrase: "), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
        assert!(found.contains("ask") && !found.contains("c4nary"), "{found}");
    }
}

#[cfg(feature = "age")]
#[test]
fn an_age_vault_reports_all_that_is_wrong_with_it() {
    let vault = "[vaults.notes]\nbackend = \"age\"\nidentity_file = \"\"\nretries = -1\n";
    let found = report(&format!("{vault}file = \"x\"\narmour = true\n"));
    let lines: Vec<_> = found.lines().collect();
    assert!(lines[0].starts_with("p.toml:3:17  vaults.notes.identity_file: "), "{found}");
    assert!(lines[1].starts_with("p.toml:4:11  vaults.notes.retries: -1 is out of range"), "{found}");
    assert!(lines[2].ends_with("vaults.notes.armour: unknown key; did you mean \"armor\"?"), "{found}");
    assert_eq!(lines.len(), 3, "{found}");
}

#[cfg(feature = "env")]
#[test]
fn two_credentials_on_one_variable_make_the_profile_invalid() {
    let text = "[vaults.local]\nbackend = \"env\"\n[modules.github]\nvault = \"local\"\naccounts = [\"a-b\", \"a_b\"]\n";
    let found = report(text);
    assert!(found.starts_with("p.toml:2:11  vaults.local.backend: "), "{found}");
    assert!(found.contains("GITHUB_A_B_TOKEN"), "{found}");
    let users = text.replace("accounts = [\"a-b\", \"a_b\"]", "path = \"{user}/{account}\"");
    assert!(report(&users).starts_with("p.toml:5:8  modules.github.path: `{user}` is not allowed"));
}

#[cfg(feature = "hashicorp")]
#[test]
fn every_login_of_a_hashicorp_vault_is_accepted_and_a_misspelt_one_is_reported_with_all_of_them() {
    let vault = |auth: &str| {
        format!(
            "[vaults.main]\nbackend = \"hashicorp\"\naddress = \"https://v.example\"\nclient_cert_file = \"c\"\n\
             client_key_file = \"k\"\nauth = {{ method = {auth} }}\n"
        )
    };
    for auth in [
        "\"token\", token_file = \"f\"",
        "\"approle\", role_id = \"r\", secret_id_file = \"f\"",
        "\"kubernetes\", role = \"r\"",
        "\"jwt\", role = \"r\", jwt_file = \"f\"",
        "\"cert\"",
        "\"userpass\", username = \"u\", password_file = \"f\"",
    ] {
        let taken = load_real(&source(&vault(auth)), &Overrides::default());
        assert!(taken.is_ok(), "{auth}: {taken:?}");
    }
    let found = report(&vault("\"aprole\", role_id = \"r\""));
    assert!(found.starts_with("p.toml:6:19  vaults.main.auth.method: unknown method \"aprole\""), "{found}");
    assert!(found.contains("token, approle, kubernetes, jwt, cert, userpass"), "{found}");
}

#[cfg(not(feature = "age"))]
#[test]
fn a_backend_that_is_not_in_the_binary_is_reported_as_such() {
    let found = report(shipped::SHIPPED[0].1);
    assert!(found.contains("this binary was built without the backend \"age\""), "{found}");
}
