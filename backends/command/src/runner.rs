//! Runs one command of the settings, and judges how it ended.

use cofferdam_vault::process::{Attempt, End, Finished, Invocation, find_program, log_errors};
use cofferdam_vault::{Scope, VaultError};
use zeroize::Zeroizing;

use crate::error;
use crate::settings::Settings;
use crate::template::Template;

/// How much a command may print about one secret: many times the largest credential.
pub(crate) const MAX_SECRET_BYTES: usize = 1 << 20;

/// How much `list` and `probe` may print.
pub(crate) const MAX_LIST_BYTES: usize = 16 << 20;

/// One command with its arguments.
pub(crate) struct Run<'a> {
    /// Its key in the profile.
    pub(crate) key: &'static str,
    pub(crate) command: &'a Template,
    pub(crate) arguments: Vec<String>,
    pub(crate) input: &'a [u8],
    pub(crate) max_output_bytes: usize,
    /// Whether too much output is a fault of one secret or of the vault.
    pub(crate) scope: Scope,
}

/// How a command ended.
pub(crate) enum Verdict {
    /// With this output.
    Success(Zeroizing<Vec<u8>>),
    /// With one of the codes that mean that the secret does not exist.
    NotFound(End),
}

/// Runs a command. Blocks.
///
/// # Errors
///
/// `Unavailable` (vault) for any exit code but those of [`Verdict`], and for a signal.
pub(crate) fn run(settings: &Settings, attempt: &Attempt, run: &Run<'_>) -> Result<Verdict, VaultError> {
    let environment = settings.environment();
    let program = find_program(&run.command.program, &settings.folder, &environment)?;
    let invocation = Invocation {
        program: &program,
        arguments: &run.arguments,
        environment: &environment,
        folder: &settings.folder,
        input: run.input,
        max_output_bytes: run.max_output_bytes,
    };
    let finished = attempt.run(&invocation).map_err(|error| error.into_vault_error(&program, run.scope))?;
    let Finished { end, output, errors } = finished;
    log_errors(&run.command.program, end, &errors, &[&output, run.input], &environment);
    let is_in =
        |codes: &[u8]| matches!(end, End::Code(code) if codes.iter().any(|one| i32::from(*one) == code));
    if end == End::Code(0) {
        Ok(Verdict::Success(output))
    } else if is_in(&settings.not_found) {
        Ok(Verdict::NotFound(end))
    } else {
        Err(error::failed(run.key, &program, end, is_in(&settings.locked)))
    }
}
