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
    assert!(found.starts_with("p.toml:5:12  modules.github.accounts: account \"a_b\""), "{found}");
    assert!(found.contains("GITHUB_A_B_TOKEN"), "{found}");
    let users = text.replace("accounts = [\"a-b\", \"a_b\"]", "path = \"{user}/{account}\"");
    assert!(report(&users).starts_with("p.toml:5:8  modules.github.path: `{user}` is not allowed"));
}

/// Each pair of vaults and modules leads to one secret.
#[cfg(feature = "all-backends")]
#[test]
fn two_vaults_over_one_store_let_no_module_read_anothers_credential() {
    let hashicorp = "backend = \"hashicorp\"\nauth = { method = \"token\", token_file = \"t\" }\n";
    let age = |file: &str| format!("backend = \"age\"\nidentity_file = \"k\"\nfile = \"{file}\"");
    let account = |name: &str| format!("accounts = [\"{name}\"]");
    let own = |name: &str| format!("accounts = [\"{name}\"]\npath = \"{{account}}\"");
    for (key, [first, second], [accounts, others]) in [
        (
            "prefix",
            [
                "backend = \"env\"\nprefix = \"A\"".to_owned(),
                "backend = \"env\"\nprefix = \"A_GITHUB\"".to_owned(),
            ],
            [account("ci"), own("ci")],
        ),
        ("file", [age("v.age"), age("./x/../v.age")], [own("ci"), own("ci")]),
        (
            "folder",
            ["/run/secrets", "/run/secrets/github"]
                .map(|folder| format!("backend = \"file\"\nfolder = \"{folder}\"")),
            [account("ci"), own("ci")],
        ),
        (
            "service",
            ["", "service = \"cofferdam\"\nbus_address = \"unix:path=/run/user/1000/bus\""]
                .map(|more| format!("backend = \"keychain\"\n{more}")),
            [own("ci"), own("ci")],
        ),
        (
            "prefix",
            ["https://v.example", "https://V.example:443/"]
                .map(|url| format!("{hashicorp}address = \"{url}\"")),
            [own("ci"), own("ci")],
        ),
        (
            "prefix",
            ["x\"\nassume_role = \"arn:aws:iam::123456789012:role/a", "x\"\nprofile = \"b"]
                .map(|more| format!("backend = \"aws\"\nregion = \"eu-central-1\"\nprefix = \"{more}\"")),
            [own("ci"), own("ci")],
        ),
    ] {
        let text = |second: &str| {
            format!(
                "[vaults.one]\n{first}\n[vaults.two]\n{second}\n[modules.github]\nvault = \"one\"\n{accounts}\n\
                 [modules.notion]\nvault = \"two\"\n{others}\n"
            )
        };
        let found = report(&text(&second));
        assert_eq!(found.lines().count(), 1, "{found}");
        for said in [
            "modules.notion.path: account \"ci\" of module \"notion\" reads the same secret as account \"ci\" of module \"github\"",
            &format!("give vault \"two\" or vault \"one\" another `{key}`"),
        ] {
            assert!(found.contains(said), "{said}: {found}");
        }
    }
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
