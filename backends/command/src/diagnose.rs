//! Who else can change the programs, what they are given, and what is not known of them.

use std::collections::BTreeSet;

use cofferdam_config::{Diagnostics, Text, quote, text};
use cofferdam_vault::process::{find_program, program_permissions, search_path_permissions};

use crate::settings::Settings;

/// Everything that an operator should know before trusting these commands with secrets. Blocks.
pub(crate) fn diagnose(settings: &Settings) -> Diagnostics {
    let mut found = Diagnostics::new();
    if let Some(preset) = settings.preset.filter(|preset| !preset.defaults().verified) {
        let name = preset.name();
        found.warning(
            "",
            text!("the preset {name} was never run against the real program"),
            "read each secret once with `cofferdam secret get`, and try what happens while the store is locked",
        );
    }
    if settings.not_found.is_empty() {
        found.info(
            "",
            "no exit code means that a secret is missing: such a read is reported as an unavailable vault",
        );
    }
    let environment = settings.environment();
    let names = environment.variables().map(|(name, _)| quote::variable(name));
    found.info("", text!("its programs are given these variables: {}", Text::join(names, ", ")));
    if !environment.unset().is_empty() {
        let unset = environment.unset().iter().map(|name| quote::variable(name));
        found.info(
            "",
            text!("these are unset, so its programs do not have them: {}", Text::join(unset, ", ")),
        );
    }
    let programs: BTreeSet<&str> = settings.commands().map(|command| command.program.as_str()).collect();
    for program in programs {
        match find_program(program, &settings.folder, &environment) {
            Ok(path) => found.extend(program_permissions(&path)),
            Err(error) => {
                found.error("", text!("{error}"), "install the program, or correct its name in the profile")
            }
        }
    }
    found.extend(search_path_permissions(&environment));
    found
}
