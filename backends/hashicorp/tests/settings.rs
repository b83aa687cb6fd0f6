//! The keys of a profile's table: invalid ones are refused by key, and no secret is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // in a test a panic is the report

use cofferdam_config::Diagnostics;
use cofferdam_vault::BackendConfig as _;
use cofferdam_vault_hashicorp::Config;

const ADDRESS: &str = "address = 'https://vault.example'\n";
const AUTH: &str = "auth = { method = 'token', token_file = 't' }\n";

fn diagnostics(text: &str) -> Diagnostics {
    match toml::from_str::<Config>(text) {
        Ok(config) => config.check(),
        Err(error) => panic!("{text}: {}", error.message()),
    }
}

#[test]
fn the_required_keys_of_each_method_are_enough() {
    for auth in [
        "method = 'token', token_file = 't'",
        "method = 'approle', role_id = 'r', secret_id_file = 's'",
        "method = 'approle', mount = 'team/approle', role_id = 'r', secret_id_wrapped_file = 's'",
        "method = 'kubernetes', role = 'r'",
        "method = 'kubernetes', role = 'r', jwt_file = 'j', mount = 'k'",
        "method = 'jwt', jwt_file = 'j'",
        "method = 'jwt', jwt_file = 'j', role = 'r'",
        "method = 'userpass', username = 'ada@example', password_file = 'p'",
    ] {
        assert_eq!(diagnostics(&format!("{ADDRESS}auth = {{ {auth} }}")), Diagnostics::new(), "{auth}");
    }
    let cert = "client_cert_file = 'c'\nclient_key_file = 'k'\nauth = { method = 'cert', name = 'n' }";
    assert_eq!(diagnostics(&format!("{ADDRESS}{cert}")), Diagnostics::new());
    assert_eq!(diagnostics("ambient = true"), Diagnostics::new());
    let all = "mount = 'team/kv'\nprefix = 'a/b'\nkv = 1\nnamespace = 'x/y/'\nca_file = 'ca'\n\
               redirects = ['https://b.example']\npaths = { 'db/ro' = 'database/creds/readonly' }";
    assert_eq!(diagnostics(&format!("{ADDRESS}{AUTH}{all}")), Diagnostics::new());
}

#[test]
fn the_prefix_parts_two_vaults_over_one_server() {
    let config =
        |more: &str| toml::from_str::<Config>(&format!("{ADDRESS}{AUTH}{more}")).unwrap_or_else(|_| panic!());
    cofferdam_vault::testkit::exercise_settings(&config(""), &config("prefix = 'x'"));
}

#[test]
fn each_problem_names_its_key() {
    for (text, keys) in [
        ("", &["address", "auth"][..]),
        ("address = 'http://vault.example'", &["address", "auth"]),
        (
            "address = 'https://ada@vault.example'\nauth = { method = 'cert' }",
            &["address", "client_cert_file"],
        ),
    ] {
        let found: Vec<_> = diagnostics(text).into_iter().map(|problem| problem.key).collect();
        assert_eq!(found, keys, "{text}");
    }
    for (more, keys) in [
        ("mount = ''", &["mount"][..]),
        ("mount = 'a/../sys'", &["mount"]),
        ("prefix = '/a'", &["prefix"]),
        ("prefix = 'a%2f..'", &["prefix"]),
        ("namespace = 'a?b'", &["namespace"]),
        ("kv = 3", &["kv"]),
        ("redirects = ['http://10.0.0.1']", &["redirects"]),
        ("paths = { 'Bad' = 'x' }", &["paths"]),
        ("paths = { 'db/ro' = '../sys/seal' }", &["paths.\"db/ro\""]),
        ("client_cert_file = 'c'", &["client_key_file"]),
        ("client_key_file = 'c'", &["client_cert_file"]),
        ("ca_file = ''", &["ca_file"]),
    ] {
        let found: Vec<_> =
            diagnostics(&format!("{ADDRESS}{AUTH}{more}")).into_iter().map(|p| p.key).collect();
        assert_eq!(found, keys, "{more}");
    }
    for (auth, keys) in [
        ("method = 'token'", &["auth.token_file"][..]),
        ("method = 'token', token_file = 't', role = 'r'", &["auth.role"]),
        ("method = 'approle', role_id = 'r'", &["auth.secret_id_file"]),
        (
            "method = 'approle', role_id = 'r', secret_id_file = 's', secret_id_wrapped_file = 's'",
            &["auth.secret_id_file"],
        ),
        ("method = 'kubernetes'", &["auth.role"]),
        ("method = 'jwt', role = 'r'", &["auth.jwt_file"]),
        ("method = 'userpass'", &["auth.username", "auth.password_file"]),
        ("method = 'userpass', username = '../x', password_file = 'p'", &["auth.username"]),
        ("method = 'userpass', username = 'a/b', password_file = 'p'", &["auth.username"]),
        ("method = 'jwt', jwt_file = 'j', mount = '../..'", &["auth.mount"]),
    ] {
        let found: Vec<_> =
            diagnostics(&format!("{ADDRESS}auth = {{ {auth} }}")).into_iter().map(|p| p.key).collect();
        assert_eq!(found, keys, "{auth}");
    }
}

#[test]
fn a_secret_in_the_profile_is_refused_and_not_printed() {
    for (auth, key) in [
        ("method = 'token', token = 'canary'", "auth.token"),
        ("method = 'token', token = 57737", "auth.token"),
        ("method = 'approle', role_id = 'r', secret_id = ['canary']", "auth.secret_id"),
        ("method = 'jwt', jwt = { canary = 'x' }", "auth.jwt"),
        ("method = 'userpass', username = 'a', password = 'canary'", "auth.password"),
        ("method = 'token', token_file = 'hvs.CAESIcanaryCANARYcanaryCANARY'", "auth.token_file"),
        ("method = 'jwt', jwt_file = 'eyJhbGci.canary.canary'", "auth.jwt_file"),
        (
            "method = 'approle', role_id = 'r', secret_id_file = 'deadbeef-5773-7000-dead-beefdeadbeef'",
            "auth.secret_id_file",
        ),
    ] {
        let found = diagnostics(&format!("{ADDRESS}auth = {{ {auth} }}"));
        assert!(found.iter().any(|problem| problem.key == key), "{auth}: {found:?}");
        let printed = format!("{found:?}").to_lowercase();
        assert!(["canary", "57737", "deadbeef"].iter().all(|secret| !printed.contains(secret)), "{printed}");
    }
    let found =
        diagnostics(&format!("address = 'https://ada:canary@vault.example'\ninsecure_http = true\n{AUTH}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!format!("{found:?}").contains("canary"));
    for auth in ["'canary'", "57737", "5.7737", "true", "['canary']"] {
        let error = toml::from_str::<Config>(&format!("{ADDRESS}auth = {auth}")).map(drop).unwrap_err();
        assert!(
            !error.message().contains("canary") && !error.message().contains("7737"),
            "{}",
            error.message()
        );
    }
}

#[test]
fn unknown_keys_are_refused() {
    for bad in ["adress = 'x'", "auth = { method = 'token', token_fil = 't' }", "auth = { method = 'ldap' }"]
    {
        assert!(toml::from_str::<Config>(bad).is_err(), "{bad}");
    }
}
