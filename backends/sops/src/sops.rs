//! Runs the program `sops`.

use std::path::Path;

use cofferdam_vault::process::{Attempt, End, Finished, Invocation, find_program, log_errors};
use cofferdam_vault::{Scope, SecretPath, VaultError};
use zeroize::Zeroizing;

use crate::error;
use crate::file::{MAX_BYTES, check_key_file};
use crate::settings::Settings;

/// The content of `document` as JSON. Blocks.
pub(crate) fn decrypt(
    settings: &Settings,
    attempt: &Attempt,
    document: &Path,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    run(settings, attempt, document, &["decrypt", "--output-type", "json"], None, &[])
}

/// Stores `json` at the key `at` of `document`. Blocks.
pub(crate) fn set(
    settings: &Settings,
    attempt: &Attempt,
    document: &Path,
    at: &SecretPath,
    json: &[u8],
) -> Result<(), VaultError> {
    run(settings, attempt, document, &["set", "--value-stdin"], Some(at), json).map(drop)
}

/// Removes the key `at` of `document`. Blocks.
pub(crate) fn unset(
    settings: &Settings,
    attempt: &Attempt,
    document: &Path,
    at: &SecretPath,
) -> Result<(), VaultError> {
    run(settings, attempt, document, &["unset"], Some(at), &[]).map(drop)
}

fn run(
    settings: &Settings,
    attempt: &Attempt,
    document: &Path,
    command: &[&str],
    at: Option<&SecretPath>,
    input: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let environment = settings.environment();
    let program = find_program(&settings.program, &settings.folder, &environment)?;
    if let Some(key_file) = &settings.age_key_file {
        check_key_file(key_file)?;
    }
    let mut arguments: Vec<String> = command.iter().map(|part| (*part).to_owned()).collect();
    // An absolute path, so never an option. A path of a secret needs no escape.
    arguments.push(document.display().to_string());
    arguments.extend(at.map(|at| format!("[\"{at}\"]")));
    let invocation = Invocation {
        program: &program,
        arguments: &arguments,
        environment: &environment,
        folder: &settings.folder,
        input,
        max_output_bytes: MAX_BYTES,
    };
    let finished = attempt.run(&invocation);
    let Finished { end, output, errors } =
        finished.map_err(|error| error.into_vault_error(&program, Scope::Vault))?;
    log_errors(&settings.program, end, &errors, &[&output, input], &environment);
    match end {
        End::Code(0) => Ok(output),
        end => {
            let command = command.first().copied().unwrap_or_default();
            Err(error::failed(command, &settings.file, end, settings.has_other_keys()))
        }
    }
}
