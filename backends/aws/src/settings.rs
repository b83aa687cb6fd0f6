//! The settings that a vault works with, with resolved paths.

use std::path::PathBuf;

use cofferdam_vault::{ConfiguredFile, Protection};

/// The resolved settings of a session.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) credentials_file: Option<PathBuf>,
    pub(crate) role: Option<Role>,
    pub(crate) endpoint: Option<String>,
}

impl Settings {
    /// The files that credentials come from.
    pub(crate) fn files(&self) -> Vec<ConfiguredFile> {
        let files = [
            (&self.config_file, "the AWS configuration file"),
            (&self.credentials_file, "the AWS credentials file"),
        ];
        let file = |(path, name): (&Option<PathBuf>, _)| {
            Some(ConfiguredFile::new(path.clone()?, name, Protection::Secrecy))
        };
        files.into_iter().filter_map(file).collect()
    }

    /// Where credentials come from, by name.
    pub(crate) fn sources(&self) -> Vec<String> {
        let mut sources: Vec<String> = self.files().iter().map(ToString::to_string).collect();
        match &self.profile {
            Some(profile) => sources.push(format!("the AWS profile `{profile}`")),
            None if sources.is_empty() => sources.push("the standard chain of AWS credentials".to_owned()),
            None => {}
        }
        sources.extend(self.role.as_ref().map(|role| format!("the role {}", role.arn)));
        sources
    }
}

/// A role to assume.
#[derive(Clone)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: String,
    pub(crate) endpoint: Option<String>,
}

#[cfg(test)]
impl Settings {
    /// Settings with keys in a file of `folder`.
    pub(crate) fn for_tests(folder: &std::path::Path, endpoint: Option<String>) -> Self {
        let credentials_file = folder.join("credentials");
        std::fs::write(&credentials_file, "[default]\naws_access_key_id = A\naws_secret_access_key = B\n")
            .unwrap();
        Self {
            region: Some("eu-central-1".to_owned()),
            profile: None,
            config_file: None,
            credentials_file: Some(credentials_file),
            role: None,
            endpoint,
        }
    }
}
