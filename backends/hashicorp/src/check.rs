//! Checks the settings by themselves, without a file and without the network.

use std::path::PathBuf;

use cofferdam_config::{Diagnostic, Diagnostics, Text, quote, text};
use cofferdam_vault::http::Address;
use cofferdam_vault::{ConfiguredFile, SecretPath};

use crate::auth::{AuthTable, Literal, Method};
use crate::config::Config;

/// Everything that is wrong with `config`.
pub(crate) fn check(config: &Config) -> Diagnostics {
    let mut found = Diagnostics::new();
    addresses(config, &mut found);
    paths(config, &mut found);
    files(config, &mut found);
    match &config.auth {
        Some(auth) => {
            literals(&auth.0, &mut found);
            method(&auth.0, config, &mut found);
        }
        None if config.ambient => {}
        None => found.error(
            "auth",
            "is missing: no login is configured",
            "set for example auth = { method = \"approle\", role_id = \"…\", secret_id_file = \"…\" }",
        ),
    }
    found
}

fn addresses(config: &Config, found: &mut Diagnostics) {
    match &config.address {
        Some(text) => drop(found.take(Address::parse("address", text, config.insecure_http))),
        None if config.ambient => {}
        None => {
            found.error("address", "is missing", "write for example \"https://vault.example.internal:8200\"");
        }
    }
    for text in &config.redirects {
        found.take(Address::parse("redirects", text, config.insecure_http));
    }
}

fn paths(config: &Config, found: &mut Diagnostics) {
    for path in config.paths.keys() {
        if let Err(error) = path.parse::<SecretPath>() {
            found.error("paths", text!("{error}"), "name a module and an account, for example \"db/ro\"");
        }
    }
    if !matches!(config.kv, 1 | 2) {
        found.error(
            "kv",
            text!("{} is not a version of the key-value engine", config.kv),
            "write 2, or 1 for an engine without versions",
        );
    }
    let mut check = |key: String, path: &str| {
        if let Some(why) = invalid_path(path) {
            let help = "write names separated by `/`, for example \"secret\" or \"database/creds/readonly\"";
            found.error(key, quote::predicate(path, why), help);
        }
    };
    check("mount".to_owned(), &config.mount);
    for (key, path) in [("prefix", &config.prefix), ("namespace", &config.namespace)] {
        if let Some(path) = path {
            // A namespace is often written with a slash at its end.
            check(key.to_owned(), if key == "namespace" { path.trim_end_matches('/') } else { path });
        }
    }
    for (path, target) in &config.paths {
        check(format!("paths.\"{path}\""), target);
    }
}

/// Why `path` cannot be a path in the server. Paths become part of URLs, where dots and `%` have a meaning.
fn invalid_path(path: &str) -> Option<&'static str> {
    if path.split('/').any(str::is_empty) {
        return Some("is empty, starts or ends with a slash, or has two slashes in a row");
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some("contains `.` or `..`");
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | '@' | ':' | '+');
    (!path.chars().all(allowed)).then_some("contains a character other than letters, digits and `/_-.@:+`")
}

fn files(config: &Config, found: &mut Diagnostics) {
    let auth = config.auth.as_ref().map(|auth| &auth.0);
    let auth_file = |pick: fn(&AuthTable) -> Option<&PathBuf>| auth.and_then(pick);
    for (key, path) in [
        ("ca_file", config.ca_file.as_ref()),
        ("client_cert_file", config.client_cert_file.as_ref()),
        ("client_key_file", config.client_key_file.as_ref()),
        ("auth.token_file", auth_file(|auth| auth.token_file.as_ref())),
        ("auth.secret_id_file", auth_file(|auth| auth.secret_id_file.as_ref())),
        ("auth.secret_id_wrapped_file", auth_file(|auth| auth.secret_id_wrapped_file.as_ref())),
        ("auth.jwt_file", auth_file(|auth| auth.jwt_file.as_ref())),
        ("auth.password_file", auth_file(|auth| auth.password_file.as_ref())),
    ] {
        found.extend(path.and_then(|path| ConfiguredFile::check(key, path)));
    }
    if config.client_cert_file.is_some() != config.client_key_file.is_some() && !config.ambient {
        let key = if config.client_cert_file.is_some() { "client_key_file" } else { "client_cert_file" };
        found.error(key, "is missing: a client certificate requires both files", text!("set `{key}`"));
    }
}

/// Refuses secrets in the profile.
fn literals(auth: &AuthTable, found: &mut Diagnostics) {
    for (key, literal, file) in [
        ("auth.token", auth.token, "token_file"),
        ("auth.secret_id", auth.secret_id, "secret_id_file"),
        ("auth.jwt", auth.jwt, "jwt_file"),
        ("auth.password", auth.password, "password_file"),
    ] {
        if literal == Literal::Present {
            found.error(
                key,
                "a profile must not contain secrets",
                text!("put it into a file, name that in `{file}`, and treat this secret as compromised"),
            );
        }
    }
}

/// Checks that `auth` has the keys that its method requires, and no key of another method.
fn method(auth: &AuthTable, config: &Config, found: &mut Diagnostics) {
    let method = auth.method;
    let (required, optional): (&[&str], &[&str]) = match method {
        Method::Token => (&["token_file"], &[]),
        Method::Approle => (&["role_id"], &["mount", "secret_id_file", "secret_id_wrapped_file"]),
        Method::Kubernetes => (&["role"], &["mount", "jwt_file"]),
        Method::Jwt => (&["jwt_file"], &["mount", "role"]),
        Method::Cert => (&[], &["mount", "name"]),
        Method::Userpass => (&["username", "password_file"], &["mount"]),
    };
    let name = method.name();
    for (key, present) in [
        ("mount", auth.mount.is_some()),
        ("token_file", auth.token_file.is_some()),
        ("role_id", auth.role_id.is_some()),
        ("secret_id_file", auth.secret_id_file.is_some()),
        ("secret_id_wrapped_file", auth.secret_id_wrapped_file.is_some()),
        ("role", auth.role.is_some()),
        ("jwt_file", auth.jwt_file.is_some()),
        ("name", auth.name.is_some()),
        ("username", auth.username.is_some()),
        ("password_file", auth.password_file.is_some()),
    ] {
        if required.contains(&key) && !present {
            let message = text!("is missing: the method `{name}` requires it");
            found.error(format!("auth.{key}"), message, text!("set `{key}`"));
        } else if present && !required.contains(&key) && !optional.contains(&key) {
            let message = text!("is not a key of the method `{name}`");
            found.error(format!("auth.{key}"), message, "remove it");
        }
    }
    if method == Method::Approle && auth.secret_id_file.is_some() == auth.secret_id_wrapped_file.is_some() {
        found.error(
            "auth.secret_id_file",
            "exactly one of `secret_id_file` and `secret_id_wrapped_file` is required",
            "keep or set one of them",
        );
    }
    if method == Method::Cert && config.client_cert_file.is_none() && !config.ambient {
        found.error(
            "client_cert_file",
            "is missing: the method `cert` requires it",
            "set `client_cert_file` and `client_key_file`",
        );
    }
    found.extend(auth.mount.as_deref().and_then(|mount| invalid_name("auth.mount", mount)));
    found.extend(auth.username.as_deref().and_then(|username| {
        let slash = || username.contains('/').then(|| name_error("auth.username", "contains a slash"));
        invalid_name("auth.username", username).or_else(slash)
    }));
}

fn invalid_name(key: &str, name: &str) -> Option<Diagnostic> {
    invalid_path(name).map(|why| name_error(key, quote::predicate(name, why)))
}

fn name_error(key: &str, why: impl Into<Text>) -> Diagnostic {
    Diagnostic::error(key, why, "write the name as the server has it")
}
