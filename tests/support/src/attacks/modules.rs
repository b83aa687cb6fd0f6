//! The modules of an attacked server: three honest ones on vaults of their own, and those that are used for attacks.

use std::fmt::Write as _;

use crate::blast_radius::profile::{self, vault_and_module};

/// The honest modules. Each has the name of its vault's backend.
pub(crate) const HONEST: [&str; 3] = ["env", "age", "hashicorp"];

/// A module of the catalogue whose service is hostile.
pub(super) const GITHUB: &str = "github";

/// A module with a tool that is not concurrency-safe, and one whose answer is large.
pub(super) const QUEUE: &str = "queue";

/// A module whose service may be called twice at once.
pub(super) const NARROW: &str = "narrow";

/// A module whose vault hangs.
pub(super) const HUNG: &str = "hung";

/// A module whose service has a name that no name server knows.
pub(super) const SILENT: &str = "silent";

/// The prefix of the variables.
const PREFIX: &str = "ATTACKED";

/// A vault that is asked on each call and may take its time: a wait must not end because of it.
const PATIENT: &str = "attempt_timeout = \"50s\"\ndeadline = \"50s\"\nretries = 0\nmax_in_flight = 1024\n\
     breaker = { failures = 10000, window = \"10s\" }\ncache_ttl = \"0s\"\nstale_for = \"0s\"\n";

/// [`HONEST`] as the load wants it.
pub(crate) fn honest_names() -> Vec<String> {
    HONEST.map(str::to_owned).to_vec()
}

/// The text of the file with the variables.
pub(super) fn variables() -> String {
    [HONEST[0], GITHUB, QUEUE, NARROW, SILENT].into_iter().fold(String::new(), |mut text, module| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{PREFIX}_{}_TOKEN={}", module.to_uppercase(), profile::token(module));
        text
    })
}

/// What the profile is made of.
pub(super) struct Parts<'p> {
    pub(super) max_calls: Option<usize>,
    /// The settings of the honest vaults.
    pub(super) settings: &'p str,
    /// The settings of the vault `age`: its files.
    pub(super) age: &'p str,
    /// Host and port of Vault for the honest module.
    pub(super) vault: &'p str,
    /// Host and port of Vault for [`HUNG`].
    pub(super) hung_vault: &'p str,
    pub(super) role_id: &'p str,
    /// The URL of the hostile service.
    pub(super) service: &'p str,
}

/// The profile.
pub(super) fn profile(parts: &Parts<'_>) -> String {
    let env = format!("backend = \"env\"\nprefix = \"{PREFIX}\"\ndotenv = \".env\"");
    let insecure = "insecure_http = true"; // its host is a name, which leads to loopback
    let mut text = profile::SERVER.to_owned();
    // Writing to a String cannot fail.
    let _ = parts.max_calls.map(|calls| writeln!(text, "max_calls = {calls}"));
    vault_and_module(&mut text, HONEST[0], &env, parts.settings);
    vault_and_module(&mut text, HONEST[1], parts.age, parts.settings);
    let vault = format!("{}\n{insecure}", profile::hashicorp(parts.vault, parts.role_id));
    vault_and_module(&mut text, HONEST[2], &vault, parts.settings);
    vault_and_module(&mut text, GITHUB, &env, "");
    let _ = writeln!(text, "base_url = \"{}\"", parts.service);
    for module in [QUEUE, NARROW] {
        vault_and_module(&mut text, module, &env, "");
    }
    vault_and_module(&mut text, HUNG, &profile::hashicorp(parts.hung_vault, parts.role_id), PATIENT);
    vault_and_module(&mut text, SILENT, &env, "");
    let _ = writeln!(text, "{insecure}");
    text
}

/// The manifests of the modules that are used for attacks, with the names of their files. `service` is the hostile one.
pub(super) fn manifests(service: &str) -> [(&'static str, String); 4] {
    let late = tool("late", "/late", "");
    let serialized = tool("late_one_by_one", "/late", "concurrency_safe = false\n");
    let large = tool("large", "/large", "");
    [
        (QUEUE, manifest(QUEUE, service, "", &[serialized, large])),
        (NARROW, manifest(NARROW, service, "limits = { in_flight = 2 }\n", std::slice::from_ref(&late))),
        (HUNG, manifest(HUNG, service, "", std::slice::from_ref(&late))),
        (SILENT, manifest(SILENT, "http://api.silent.test", "", std::slice::from_ref(&late))),
    ]
}

fn manifest(module: &str, service: &str, http: &str, tools: &[String]) -> String {
    format!(
        "format = 1\nname = \"{module}\"\nversion = \"1.0.0\"\ntitle = \"{module}\"\n\
         description = \"A hostile service on loopback\"\nsource = \"https://example.invalid/attacks\"\n\n\
         [http]\nbase_url = \"{service}\"\n{http}\n[credential]\nkind = \"bearer\"\n{}",
        tools.concat()
    )
}

fn tool(name: &str, path: &str, more: &str) -> String {
    format!(
        "\n[[tools]]\nname = \"{name}\"\ndescription = \"Used in an attack\"\nside_effect = \"none\"\n\
         request = {{ method = \"GET\", path = \"{path}\" }}\n{more}"
    )
}
