//! Everything that is wrong with the settings by themselves.

use std::path::Path;

use cofferdam_config::{Diagnostic, Diagnostics};
use cofferdam_vault::SecretPath;

use crate::address::Address;
use crate::auth::{AuthTable, Literal, Method};
use crate::config::Config;

/// All problems of `config`, each with its key.
pub(crate) fn problems(config: &Config) -> Diagnostics {
    let mut problems = Diagnostics::new();
    addresses(config, &mut problems);
    places(config, &mut problems);
    files(config, &mut problems);
    match &config.auth {
        Some(auth) => login(&auth.0, config, &mut problems),
        None if config.ambient => {}
        None => problems.push(Diagnostic::error(
            "auth",
            "is missing: nothing says how to log in",
            "set for example auth = { method = \"approle\", role_id = \"…\", secret_id_file = \"…\" }",
        )),
    }
    problems
}

fn addresses(config: &Config, problems: &mut Diagnostics) {
    match &config.address {
        Some(text) => {
            if let Err((why, remedy)) = Address::parse(text, config.insecure_http) {
                problems.push(Diagnostic::error("address", why, remedy));
            }
        }
        None if config.ambient => {}
        None => problems.push(Diagnostic::error(
            "address",
            "is missing",
            "write for example \"https://vault.example.internal:8200\"",
        )),
    }
    for text in &config.redirects {
        if let Err((why, remedy)) = Address::parse(text, config.insecure_http) {
            problems.push(Diagnostic::error("redirects", format!("one of them {why}"), remedy));
        }
    }
}

fn places(config: &Config, problems: &mut Diagnostics) {
    for path in config.paths.keys() {
        if let Err(error) = path.parse::<SecretPath>() {
            let remedy = "name a module and an account, for example \"db/ro\"";
            problems.push(Diagnostic::error("paths", error.to_string(), remedy));
        }
    }
    if !matches!(config.kv, 1 | 2) {
        let message = format!("is {}; there are the versions 1 and 2", config.kv);
        problems.push(Diagnostic::error("kv", message, "write 2, or 1 for an engine without versions"));
    }
    let mut place = |key: String, text: &str| {
        if let Some(why) = refuse_place(text) {
            let remedy =
                "write names with `/` between them, for example \"secret\" or \"database/creds/readonly\"";
            problems.push(Diagnostic::error(key, why, remedy));
        }
    };
    place("mount".to_owned(), &config.mount);
    for (key, text) in [("prefix", &config.prefix), ("namespace", &config.namespace)] {
        if let Some(text) = text {
            // A namespace is often written with a slash at its end.
            place(key.to_owned(), if key == "namespace" { text.trim_end_matches('/') } else { text });
        }
    }
    for (path, target) in &config.paths {
        place(format!("paths.\"{path}\""), target);
    }
}

/// Why `text` cannot be a place in the server, where it cannot. Places go into URLs, where dots and `%` have meanings.
fn refuse_place(text: &str) -> Option<&'static str> {
    if text.split('/').any(str::is_empty) {
        return Some("is empty, or has a slash at an end or two in a row");
    }
    if text.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Some("holds `.` or `..`");
    }
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.' | '@' | ':' | '+');
    (!text.chars().all(fits)).then_some("holds a character other than letters, digits and `/_-.@:+`")
}

fn files(config: &Config, problems: &mut Diagnostics) {
    let auth = config.auth.as_ref().map(|auth| &auth.0);
    let of = |pick: fn(&AuthTable) -> Option<&std::path::PathBuf>| auth.and_then(pick);
    for (key, path) in [
        ("ca_file", config.ca_file.as_ref()),
        ("client_cert_file", config.client_cert_file.as_ref()),
        ("client_key_file", config.client_key_file.as_ref()),
        ("auth.token_file", of(|auth| auth.token_file.as_ref())),
        ("auth.secret_id_file", of(|auth| auth.secret_id_file.as_ref())),
        ("auth.secret_id_wrapped_file", of(|auth| auth.secret_id_wrapped_file.as_ref())),
        ("auth.jwt_file", of(|auth| auth.jwt_file.as_ref())),
        ("auth.password_file", of(|auth| auth.password_file.as_ref())),
    ] {
        let Some(path) = path else { continue };
        if path.as_os_str().is_empty() {
            problems.push(Diagnostic::error(key, "is empty", "give the file's path"));
        } else if looks_like_a_secret(path) {
            let remedy =
                "put it into a file of mode 0600 and give its path; treat this secret as known to others";
            problems.push(Diagnostic::error(key, "is a secret itself, not the path of a file", remedy));
        }
    }
    if config.client_cert_file.is_some() != config.client_key_file.is_some() && !config.ambient {
        let key = if config.client_cert_file.is_some() { "client_key_file" } else { "client_cert_file" };
        problems.push(Diagnostic::error(key, "is missing", "a client certificate needs both files"));
    }
}

/// A token, a JWT, a PEM block or a UUID as AppRole's secret ids are, pasted where a path belongs.
fn looks_like_a_secret(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let text = text.trim();
    let uuid = text.len() == 36 && text.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    let token = ["hvs.", "hvb.", "hvr.", "s.", "b."].iter().any(|start| {
        text.strip_prefix(start).is_some_and(|rest| {
            rest.len() >= 20 && rest.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        })
    });
    let jwt = text.starts_with("eyJ") && text.matches('.').count() == 2;
    uuid || token || jwt || text.starts_with("-----BEGIN") || text.contains('\n')
}

fn login(auth: &AuthTable, config: &Config, problems: &mut Diagnostics) {
    for (key, literal, file) in [
        ("auth.token", auth.token, "token_file"),
        ("auth.secret_id", auth.secret_id, "secret_id_file"),
        ("auth.jwt", auth.jwt, "jwt_file"),
        ("auth.password", auth.password, "password_file"),
    ] {
        if literal == Literal::Refused {
            problems.push(Diagnostic::error(
                key,
                "is a secret, which never stands in a profile",
                format!(
                    "put it into a file, name that in `{file}`, and treat this secret as known to others"
                ),
            ));
        }
    }
    let method = auth.method;
    let (needs, takes): (&[&str], &[&str]) = match method {
        Method::Token => (&["token_file"], &[]),
        Method::Approle => (&["role_id"], &["mount", "secret_id_file", "secret_id_wrapped_file"]),
        Method::Kubernetes => (&["role"], &["mount", "jwt_file"]),
        Method::Jwt => (&["jwt_file"], &["mount", "role"]),
        Method::Cert => (&[], &["mount", "name"]),
        Method::Userpass => (&["username", "password_file"], &["mount"]),
    };
    for (key, there) in [
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
        let (needed, taken) = (needs.contains(&key), needs.contains(&key) || takes.contains(&key));
        let name = method.name();
        if needed && !there {
            let (message, remedy) = (format!("is missing for the method `{name}`"), format!("set `{key}`"));
            problems.push(Diagnostic::error(format!("auth.{key}"), message, remedy));
        } else if there && !taken {
            let message = format!("means nothing to the method `{name}`");
            problems.push(Diagnostic::error(format!("auth.{key}"), message, "remove it"));
        }
    }
    if method == Method::Approle && auth.secret_id_file.is_some() == auth.secret_id_wrapped_file.is_some() {
        problems.push(Diagnostic::error(
            "auth.secret_id_file",
            "must be there, or `secret_id_wrapped_file`, and not both",
            "keep exactly one of them",
        ));
    }
    if method == Method::Cert && config.client_cert_file.is_none() && !config.ambient {
        let remedy = "name the certificate that logs in, and `client_key_file`";
        problems.push(Diagnostic::error("client_cert_file", "is missing for the method `cert`", remedy));
    }
    for (key, text) in [("auth.mount", &auth.mount), ("auth.username", &auth.username)] {
        let Some(text) = text else { continue };
        if let Some(why) = refuse_place(text) {
            problems.push(Diagnostic::error(key, why, "write the name as the server has it"));
        } else if key == "auth.username" && text.contains('/') {
            problems.push(Diagnostic::error(key, "holds a slash", "write the name as the server has it"));
        }
    }
}
