//! The settings that a vault works with: the profile's keys and those of the preset together, and what is wrong with them.

use std::path::{Path, PathBuf};

use cofferdam_config::{Diagnostics, quote, text};
use cofferdam_vault::process::{Environment, check_variable_names};

use crate::config::{Config, ExitCodes};
use crate::preset::Preset;
use crate::template::{Placeholder, Template};

/// The checked settings.
pub(crate) struct Settings {
    pub(crate) preset: Option<Preset>,
    pub(crate) read: Template,
    /// The commands `write` and `delete`.
    pub(crate) change: Option<(Template, Template)>,
    pub(crate) list: Option<Template>,
    pub(crate) probe: Option<Template>,
    /// The names of variables.
    pub(crate) variables: Vec<String>,
    pub(crate) not_found: Vec<u8>,
    pub(crate) locked: Vec<u8>,
    /// The profile's folder.
    pub(crate) folder: PathBuf,
}

impl Settings {
    /// The settings of `config`, whose problems are added to `found`. A command that cannot be used is empty.
    pub(crate) fn new(config: &Config, folder: &Path, found: &mut Diagnostics) -> Self {
        let preset = config.preset.map(Preset::defaults);
        // The commands of a preset belong together: its `write` stores where its `read` does not look.
        let commands = preset.as_ref().filter(|_| config.read.is_none());
        let owned = |command: &'static [&'static str]| {
            let mut command: Vec<String> = command.iter().map(|part| (*part).to_owned()).collect();
            if let (Some(first), Some(program)) = (command.first_mut(), &config.program) {
                first.clone_from(program);
            }
            command
        };
        let mut command = |key: &str, own: &Option<Vec<String>>, preset: Option<&'static [&'static str]>| {
            let command = own.clone().or_else(|| preset.map(owned))?;
            Some(parse(key, &command, found))
        };
        let read = command("read", &config.read, commands.and_then(|preset| preset.read));
        let write = command("write", &config.write, commands.and_then(|preset| preset.write));
        let delete = command("delete", &config.delete, commands.and_then(|preset| preset.delete));
        let list = command("list", &config.list, None);
        let probe = command("probe", &config.probe, commands.and_then(|preset| preset.probe));
        check_program(config, found);
        check_commands([("write", &write), ("delete", &delete)], &read, &list, &probe, config, found);
        let codes = |own: &Option<ExitCodes>, preset: Option<&'static [u8]>| {
            own.as_ref().map_or_else(|| preset.unwrap_or_default().to_vec(), |codes| codes.exit.clone())
        };
        let settings = Self {
            preset: config.preset,
            read: read.unwrap_or_default(),
            change: write.zip(delete),
            list,
            probe,
            variables: config.env.clone().unwrap_or_else(|| {
                let names = preset.as_ref().map(|preset| preset.env).unwrap_or_default();
                names.iter().map(|name| (*name).to_owned()).collect()
            }),
            not_found: codes(&config.not_found, preset.as_ref().map(|preset| preset.not_found)),
            locked: codes(&config.locked, preset.as_ref().map(|preset| preset.locked)),
            folder: folder.to_owned(),
        };
        check_variable_names(&settings.variables, found);
        settings.check_codes(found);
        settings
    }

    /// The environment of the programs, as it is now.
    pub(crate) fn environment(&self) -> Environment {
        Environment::of_this_process(self.variables.iter().map(String::as_str))
    }

    /// Whether `read` prints the value of one field. Otherwise it prints a JSON object.
    pub(crate) fn reads_one_field(&self) -> bool {
        self.read.has(Placeholder::Field)
    }

    /// All commands.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Template> {
        let change = self.change.iter().flat_map(|(write, delete)| [write, delete]);
        [&self.read].into_iter().chain(change).chain(&self.list).chain(&self.probe)
    }

    fn check_codes(&self, found: &mut Diagnostics) {
        for (key, codes) in [("not_found", &self.not_found), ("locked", &self.locked)] {
            if codes.contains(&0) {
                found.error(key, "exit code 0 means success", "remove it");
            }
        }
        if let Some(code) = self.locked.iter().find(|code| self.not_found.contains(code)) {
            found.error(
                "locked",
                text!("exit code {code} is also in `not_found`"),
                "remove it there: a locked vault must not look like a missing secret",
            );
        }
    }
}

fn parse(key: &str, command: &[String], found: &mut Diagnostics) -> Template {
    if command.iter().any(|part| quote::looks_like_a_credential(part) || has_credential(part)) {
        found.error(
            key,
            "contains what looks like a credential, which every user of the machine could read",
            "let the program read it from a file or a variable; treat it as compromised",
        );
    }
    Template::parse(command).unwrap_or_else(|(message, help)| {
        found.error(key, message, help);
        Template::default()
    })
}

/// Whether a part of an argument, such as the value of an option, begins like the credentials of a known service.
fn has_credential(argument: &str) -> bool {
    const SHORTEST: usize = 16;
    let parts = argument.split(|c: char| c.is_whitespace() || matches!(c, '=' | ':' | ',' | '"' | '\''));
    parts.into_iter().any(|part| part.len() >= SHORTEST && quote::credential_prefix(part).is_some())
}

fn check_program(config: &Config, found: &mut Diagnostics) {
    if config.read.is_none() && config.preset.is_none_or(|preset| preset.defaults().read.is_none()) {
        let help = match config.preset {
            Some(Preset::Az) => {
                "add it, for example [\"az\", \"keyvault\", \"secret\", \"show\", \"--vault-name\", \"NAME\", \"--name\", \
                 \"cofferdam-{module}-{account}\", \"--query\", \"value\", \"--output\", \"tsv\"]"
            }
            _ => "add it, for example [\"pass\", \"show\", \"{path}\"], or name a `preset`",
        };
        found.error("read", "this key is missing", help);
    }
    if config.program.is_some() && (config.preset.is_none() || config.read.is_some()) {
        found.error("program", "is used only with the commands of a preset", "name the program in `read`");
    }
    if config.program.as_deref() == Some("") {
        found.error("program", "the path is empty", "name the program, or remove the key");
    }
}

/// Checks what each command needs of the others.
fn check_commands(
    change: [(&str, &Option<Template>); 2],
    read: &Option<Template>,
    list: &Option<Template>,
    probe: &Option<Template>,
    config: &Config,
    found: &mut Diagnostics,
) {
    let reads_one_field = read.as_ref().is_some_and(|read| read.has(Placeholder::Field));
    for (key, command) in [("read", read)].into_iter().chain(change) {
        // An empty command was reported already.
        if command.as_ref().is_some_and(|command| !command.program.is_empty() && !command.tells_paths_apart())
        {
            let help = "use {path}, or {module} and {account}: all secrets would be one";
            found.error(key, "does not contain the secret's path", help);
        }
    }
    let whole = "remove {field} from `read`, and let it print a JSON object of fields";
    for (key, command) in change.into_iter().chain([("list", list)]) {
        if command.is_some() && reads_one_field {
            found.error(key, "needs a `read` that prints all fields of a secret", whole);
        }
    }
    for (key, command) in change {
        if command.as_ref().is_some_and(|command| command.has(Placeholder::Field)) {
            found.error(key, "changes whole secrets, not one field", "remove {field}");
        }
    }
    for (key, command) in [("list", list), ("probe", probe)] {
        if command.as_ref().is_some_and(Template::has_any) {
            found.error(key, "is not about one secret", "remove its placeholders");
        }
    }
    let [(_, write), (_, delete)] = change;
    if write.is_some() != delete.is_some() && (config.write.is_some() || config.delete.is_some()) {
        let (key, missing) = if write.is_some() { ("write", "delete") } else { ("delete", "write") };
        found.error(key, text!("needs `{missing}`"), text!("add `{missing}`, or remove `{key}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Settings, Diagnostics) {
        let mut found = Diagnostics::new();
        let config: Config = toml::from_str(text).map_err(|error| error.message().to_owned()).unwrap();
        let settings = Settings::new(&config, Path::new("/site"), &mut found);
        (settings, found)
    }

    fn keys(text: &str) -> Vec<String> {
        check(text).1.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn presets_and_commands_are_enough_by_themselves() {
        for good in [
            "preset = 'op'",
            "preset = 'bw'",
            "preset = 'pass'",
            "preset = 'pass'\nprogram = './pass'",
            "preset = 'gopass'",
            "preset = 'gcloud'",
            "preset = 'az'\nread = ['az', '{module}-{account}']",
            "preset = 'keeper'",
            "read = ['cat', 'secrets/{path}/{field}']",
            "read = ['x', '{path}']\nwrite = ['x', '{path}']\ndelete = ['x', '{path}']\nlist = ['x']\nprobe = ['x']",
            "read = ['x', '{path}']\nenv = ['HOME']\nnot_found = { exit = [1] }\nlocked = { exit = [2, 3] }",
        ] {
            assert_eq!(keys(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn each_problem_names_its_key() {
        let read = "read = ['x', '{path}']\n";
        let field = "read = ['x', '{path}', '{field}']\n";
        for (text, expected) in [
            ("", &["read"][..]),
            ("preset = 'az'", &["read"]),
            ("read = []", &["read"]),
            ("read = ['x', '{field}']", &["read"]),
            ("read = ['x', '{account}']", &["read"]),
            ("read = ['x', '{path}', '{user}']", &["read"]),
            (&format!("{read}program = 'x'"), &["program"]),
            (&format!("{read}write = ['x', '{{path}}']"), &["write"]),
            (&format!("{read}delete = ['x', '{{path}}']"), &["delete"]),
            (&format!("{field}list = ['x']"), &["list"]),
            (&format!("{field}write = ['x', '{{path}}']\ndelete = ['x', '{{path}}']"), &["write", "delete"]),
            (
                &format!("{read}write = ['x', '{{path}}', '{{field}}']\ndelete = ['x', '{{path}}']"),
                &["write"],
            ),
            (&format!("{read}write = ['x']\ndelete = ['x', '{{path}}']"), &["write"]),
            (&format!("{read}list = ['x', '{{path}}']\nprobe = ['{{path}}']"), &["probe", "list"]),
            (&format!("{read}env = ['A=b', '']"), &["env", "env"]),
            (&format!("{read}not_found = {{ exit = [0] }}"), &["not_found"]),
            (&format!("{read}not_found = {{ exit = [1] }}\nlocked = {{ exit = [1] }}"), &["locked"]),
        ] {
            assert_eq!(keys(text), expected, "{text}");
        }
    }

    #[test]
    fn a_credential_in_a_command_is_refused_and_not_printed() {
        for text in [
            "read = ['x', '--token=ghp_16C7e42F292c6912E7710c838347Ae178B4a', '{path}']",
            "read = ['x', 'Authorization: Bearer ghp_16C7e42F292c6912E7710c838347Ae178B4a', '{path}']",
            "read = ['x', '{path}']\nenv = ['BW_SESSION=ghp_16C7e42F292c6912E7710c838347Ae178B4a']",
        ] {
            let (_, found) = check(text);
            assert_eq!(found.len(), 1, "{text}");
            assert!(!format!("{found:?}").contains("ghp_16C7"), "{found:?}");
        }
    }

    #[test]
    fn a_read_of_ones_own_replaces_all_commands_of_the_preset_and_nothing_else() {
        let (own, _) = check("preset = 'pass'\nread = ['pass', 'show', '{path}/{field}']");
        assert!(own.change.is_none() && own.probe.is_none());
        assert_eq!((own.not_found.as_slice(), own.locked.as_slice()), (&[1][..], &[2][..]));
        assert!(own.variables.contains(&"GNUPGHOME".to_owned()));
        let (preset, _) = check("preset = 'pass'\nprogram = '/opt/pass'\nnot_found = { exit = [] }");
        assert!(preset.commands().all(|command| command.program == "/opt/pass"));
        assert_eq!(preset.commands().count(), 4);
        assert!(preset.not_found.is_empty());
    }
}
