//! The keys of a `[vaults.NAME]` table with `backend = "command"`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::preset::Preset;

/// Settings of a vault that is reached by a command line. A command is a list: the program, and its arguments. No shell
/// reads it.
///
/// Placeholders in arguments: `{path}` is `github/work`, `{module}` what precedes its last segment, `{account}` its last
/// segment, and `{field}` the name of a field. A bare name of a program is searched in `PATH`; a name with a slash is
/// relative to the profile's file, which is also the folder that programs start in.
// No `Debug`: a credential may have been pasted into a command.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A program whose commands, variables and exit codes are known. Absent: `read` is required. `op`, `bw`, `gopass`,
    /// `gcloud`, `az` and `keeper` were never run against the real program; `doctor` says so.
    pub preset: Option<Preset>,
    /// The program of the preset, if its usual name is not the right one: an absolute path, or one relative to the
    /// profile's. Only with `preset`, and without `read`.
    pub program: Option<String>,
    /// Prints a secret. With `{field}`: the value of that field. Without: a JSON object of all fields. Absent: the preset's
    /// command. Present: no other command of the preset is used; its variables and exit codes are.
    pub read: Option<Vec<String>>,
    /// Stores the JSON object that it reads from its standard input, whatever was stored before. Needs `delete`, and a
    /// `read` without `{field}`. Absent: the vault is read-only.
    pub write: Option<Vec<String>>,
    /// Deletes a secret that exists. Needs `write`.
    pub delete: Option<Vec<String>>,
    /// Prints the path of each secret on a line of its own; other lines are ignored. Needs a `read` without `{field}`.
    /// Absent: secrets cannot be listed, and `secret set` keeps only the fields that the module needs.
    pub list: Option<Vec<String>>,
    /// Exits with 0 if the store is usable. Reads no secret. Absent: the vault counts as usable if the program of `read`
    /// can be executed.
    pub probe: Option<Vec<String>>,
    /// The names of the environment variables that the programs are given, of those that this server has. Every other is
    /// removed. `PATH` is `/usr/local/bin:/usr/bin:/bin` unless it is named here. Absent: those of the preset, or none.
    pub env: Option<Vec<String>>,
    /// The exit codes that mean that the secret does not exist, for example `{ exit = [1] }`. Absent: those of the preset,
    /// or none: a missing secret is then reported as an unavailable vault.
    pub not_found: Option<ExitCodes>,
    /// The exit codes that mean that the store is locked, for example `{ exit = [2] }`. Absent: those of the preset, or
    /// none.
    pub locked: Option<ExitCodes>,
}

/// Exit codes of a command.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExitCodes {
    /// Codes from 1 to 255. An empty list means none.
    pub exit: Vec<u8>,
}
