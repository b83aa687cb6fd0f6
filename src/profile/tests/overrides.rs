//! Overrides: what wins, what a variable may be called, and what its value may be.

use std::ffi::OsString;

use super::*;

fn overrides(variables: &[(&str, &str)]) -> Overrides {
    let pairs = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Overrides::from_environment(pairs)
}

fn loaded(variables: &[(&str, &str)]) -> Profile {
    load(&source(FILE), &overrides(variables)).unwrap()
}

fn rejected(variables: &[(&str, &str)]) -> Vec<String> {
    let loaded = load(&source(FILE), &overrides(variables));
    loaded.map(|_| ()).expect_err("this is wrong").report().lines().map(str::to_owned).collect()
}

const FILE: &str = r#"
[server]
listen = "127.0.0.1:1"
[vaults.github-vault]
backend = "store"
address = "https://file.example"
breaker = { failures = 3 }
[modules.github]
vault = "github-vault"
"#;

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let variables = [("COFFERDAM__SERVER__LISTEN", "127.0.0.1:2"), ("COFFERDAM__SERVER__MAX_CALLS", "7")];
    let server = loaded(&variables).server;
    assert_eq!((server.listen.port(), server.max_calls), (2, 7));

    let flag = FlagOverride { flag: "--listen", key: "server.listen", value: "127.0.0.1:3".into() };
    let both = overrides(&variables).with_flags([flag]);
    let server = load(&source(FILE), &both).unwrap().server;
    assert_eq!((server.listen.port(), server.max_calls), (3, 7));
}

#[test]
fn a_variable_finds_its_key_whatever_case_and_dash() {
    let policy = &loaded(&[
        ("COFFERDAM__VAULTS__GITHUB_VAULT__MAX_IN_FLIGHT", "4"),
        ("COFFERDAM__vaults__Github_Vault__breaker__WINDOW", "3s"),
        ("COFFERDAM_PROFILE", "something else"),
        ("PATH", "/bin"),
    ])
    .vaults[0]
        .policy;
    assert_eq!(policy.max_in_flight, 4);
    assert_eq!((policy.breaker.failures, policy.breaker.window.as_secs()), (3, 3), "what is beside it stays");
}

#[test]
fn a_value_is_text_where_the_key_takes_text_and_toml_elsewhere() {
    let profile = loaded(&[
        ("COFFERDAM__MODULES__GITHUB__ACCOUNTS", r#"["work", "4"]"#),
        ("COFFERDAM__MODULES__GITHUB__INSECURE_HTTP", "true"),
        ("COFFERDAM__MODULES__GITHUB__IN_FLIGHT", "9"),
        ("COFFERDAM__MODULES__GITHUB__QUEUE", "0"),
        ("COFFERDAM__VAULTS__GITHUB_VAULT__ADDRESS", "https://\"quoted\""),
        ("COFFERDAM__VAULTS__GITHUB_VAULT__AUTH", r#"{ method = "token", token_file = "t" }"#),
        ("COFFERDAM__VAULTS__GITHUB_VAULT__AUTH__TOKEN_FILE", "4"),
    ]);
    assert_eq!(profile.modules[0].accounts[1].name, "4");
    assert!(profile.modules[0].insecure_http);
    assert_eq!((profile.modules[0].in_flight, profile.modules[0].queue), (Some(9), Some(0)));
    assert_eq!(
        rejected(&[("COFFERDAM__SERVER__MAX_CALLS", "many")]),
        ["environment variable COFFERDAM__SERVER__MAX_CALLS  its value has the wrong type; \
          write a whole number without quotes"]
    );
}

#[test]
fn a_diagnostic_names_the_origin_of_the_value() {
    assert_eq!(
        rejected(&[("COFFERDAM__VAULTS__GITHUB_VAULT__ADDRESS", "gopher://x")]),
        ["environment variable COFFERDAM__VAULTS__GITHUB_VAULT__ADDRESS  vaults.github-vault.address: \
          not an https address; write https://…"]
    );
    let flag = FlagOverride { flag: "--listen", key: "server.listen", value: "here".into() };
    let error = load(&source(FILE), &Overrides::default().with_flags([flag]));
    let report = error.map(|_| ()).unwrap_err().report();
    assert!(report.starts_with("--listen  server.listen: not an address to listen on"), "{report}");
}

#[test]
fn an_unknown_variable_is_rejected_with_the_nearest() {
    assert_eq!(
        rejected(&[
            ("COFFERDAM__SERVR__LISTEN", "x"),
            ("COFFERDAM__SERVER__LISTN", "x"),
            ("COFFERDAM__VAULTS__GITHUB_VALT__ADDRESS", "x"),
            ("COFFERDAM__MODULES__ZEBRA__VAULT", "x"),
        ]),
        [
            "environment variable COFFERDAM__MODULES__ZEBRA__VAULT  does not name an entry of \
             `modules` in the profile; the entries are github; a variable cannot add one",
            "environment variable COFFERDAM__SERVER__LISTN  does not name a key of this profile; \
             did you mean COFFERDAM__SERVER__LISTEN?",
            "environment variable COFFERDAM__SERVR__LISTEN  does not name a key of this profile; \
             did you mean COFFERDAM__SERVER?",
            "environment variable COFFERDAM__VAULTS__GITHUB_VALT__ADDRESS  does not name a key of this profile; \
             did you mean COFFERDAM__VAULTS__GITHUB_VAULT?",
        ]
    );
    for empty in ["COFFERDAM__", "COFFERDAM____", "COFFERDAM__SERVER__", "COFFERDAM__SERVER__LISTEN__X"] {
        assert_eq!(rejected(&[(empty, "x")]).len(), 1, "{empty}");
    }
}

#[test]
fn a_variable_with_a_secret_is_rejected_and_never_printed() {
    for name in ["VAULTS__GITHUB_VAULT__TOKEN", "VAULTS__GITHUB_VAULT__PORT", "SERVER__MAX_CALLS", "X"] {
        let variable = format!("COFFERDAM__{name}");
        let found = rejected(&[(&variable, "canary-value")]);
        assert!(!found.concat().contains("canary-value"), "{found:?}");
    }
}

#[test]
fn two_variables_for_one_key_are_rejected() {
    let found = rejected(&[
        ("COFFERDAM__SERVER__LISTEN", "127.0.0.1:2"),
        ("COFFERDAM__SERVER__listen", "127.0.0.1:3"),
    ]);
    assert_eq!(
        found,
        [
            "environment variable COFFERDAM__SERVER__listen  sets `server.listen`, and so does environment variable \
          COFFERDAM__SERVER__LISTEN; unset one of the two"
        ]
    );
}

#[test]
fn names_alike_are_rejected_and_no_variable_reaches_either() {
    let vault = "backend = \"store\"\naddress = \"https://x.example\"\n";
    let text = format!("[vaults.a-b]\n{vault}[vaults.a_b]\n{vault}");
    let overrides = overrides(&[("COFFERDAM__VAULTS__A_B__ADDRESS", "https://y.example")]);
    let report = load(&source(&text), &overrides).map(|_| ()).unwrap_err().report();
    assert!(report.contains("vaults.a_b: differs from \"a-b\" only in"), "{report}");
    assert!(report.contains("COFFERDAM__VAULTS__A_B__ADDRESS  matches several keys: a-b, a_b"), "{report}");
}
