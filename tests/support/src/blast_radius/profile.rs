//! The profile of the server under test, and a manifest for each module.

use std::fmt::Write as _;

/// The modules of the vaults that every scenario has. Each has the name of its backend.
pub(crate) const MODULES: [&str; 5] = ["env", "age", "hashicorp", "aws", "kubernetes"];

/// The beginning of a profile, with free ports.
pub(crate) const SERVER: &str = r#"[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
modules_dir = "modules"
"#;

/// The token of `module` that the service accepts.
pub(crate) fn token(module: &str) -> String {
    format!("token-of-{module}-3f9a1c77")
}

/// The login that the service returns for that token.
pub(crate) fn login(module: &str) -> String {
    format!("login-of-{module}")
}

/// A vault and the module of the same name on it.
pub(crate) fn vault_and_module(profile: &mut String, module: &str, own: &str, settings: &str) {
    // Writing to a String cannot fail.
    let _ = write!(
        profile,
        "\n[vaults.{module}-vault]\n{own}\n{settings}\n[modules.{module}]\nvault = \"{module}-vault\"\n"
    );
}

/// The backend's settings for a Vault at `address`.
pub(crate) fn hashicorp(address: &str, role_id: &str) -> String {
    format!(
        "backend = \"hashicorp\"\naddress = \"http://{address}\"\nmount = \"secret\"\n\
         auth = {{ method = \"approle\", role_id = \"{role_id}\", secret_id_file = \"secret-id\" }}"
    )
}

/// A manifest of one tool, which asks the service for the login of its credential.
pub(crate) fn manifest(module: &str, service: &str) -> String {
    format!(
        r#"format = 1
name = "{module}"
version = "1.0.0"
title = "{module}"
description = "A service on loopback"
source = "https://example.invalid/blast-radius"

[http]
base_url = "{service}"

[credential]
kind = "bearer"

[[tools]]
name = "whoami"
description = "Who the credential belongs to"
side_effect = "none"
request = {{ method = "GET", path = "/whoami" }}
"#
    )
}
