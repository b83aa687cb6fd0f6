//! A folder for each server, with a profile and its manifests.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::Failed;
use super::bare::TOOL;
use super::issue_service::TOKEN;
use crate::generated_modules::generate;

/// The module that is called.
pub(super) const MODULE: &str = "sample";

/// A profile, and the environment variables that are its vault.
#[derive(Debug)]
pub struct Environment {
    /// Where it is.
    pub folder: PathBuf,
    /// The argument of `--profile`.
    pub profile: &'static str,
    /// The environment variables.
    pub variables: Vec<(String, String)>,
}

/// The folder of all of them, removed with this value.
#[derive(Debug)]
pub struct Environments(tempfile::TempDir);

const VAULT: &str = "[vaults.local]\nbackend = \"env\"\n";

impl Environments {
    /// An empty folder.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn new() -> Result<Self, Failed> {
        Ok(Self(tempfile::Builder::new().prefix("cofferdam-figures-").tempdir()?))
    }

    /// An empty folder for a server without a profile.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    pub fn folder(&self, name: &str) -> Result<PathBuf, Failed> {
        let folder = self.0.path().join(name);
        fs::create_dir_all(folder.join("modules"))?;
        Ok(folder)
    }

    /// One module, whose only tool calls the service at `service`.
    ///
    /// # Errors
    ///
    /// If its files cannot be written.
    pub fn calls(&self, service: &str) -> Result<Environment, Failed> {
        let folder = self.folder("calls")?;
        fs::write(folder.join("modules/sample.toml"), manifest(service))?;
        self.environment(folder, &[MODULE.to_owned()], "")
    }

    /// The shipped profile for a laptop: the copy inside the program, because the folder has none.
    pub(crate) fn laptop(&self) -> Result<Environment, Failed> {
        let variables = vec![("GITHUB_TOKEN".to_owned(), TOKEN.to_owned())];
        Ok(Environment { folder: self.folder("laptop")?, profile: "dev", variables })
    }

    /// Every module of the catalogue.
    pub(crate) fn catalogue(&self) -> Result<Environment, Failed> {
        let modules = ["github", "notion", "supabase", "supabase_data"].map(str::to_owned);
        // The last one leaves its base URL to the profile.
        self.environment(self.folder("catalogue")?, &modules, "base_url = \"https://project.supabase.co\"\n")
    }

    /// `count` modules of twenty tools each.
    pub(crate) fn many(&self, count: usize) -> Result<Environment, Failed> {
        let folder = self.folder("many")?;
        let mut names = Vec::with_capacity(count);
        for (name, text) in (0..count).map(generate) {
            fs::write(folder.join(format!("modules/{name}.toml")), text)?;
            names.push(name);
        }
        self.environment(folder, &names, "")
    }

    fn environment(&self, folder: PathBuf, modules: &[String], more: &str) -> Result<Environment, Failed> {
        let mut text = format!("[server]\nmodules_dir = \"modules\"\n{VAULT}");
        for module in modules {
            write!(text, "[modules.{module}]\nvault = \"local\"\n")?;
        }
        text.push_str(more);
        fs::write(folder.join("profile.toml"), text)?;
        let variable = |module: &String| (format!("{}_TOKEN", module.to_uppercase()), TOKEN.to_owned());
        Ok(Environment {
            folder,
            profile: "./profile.toml",
            variables: modules.iter().map(variable).collect(),
        })
    }
}

/// A manifest of one tool, which returns its service's whole response as the bare server does.
fn manifest(service: &str) -> String {
    format!(
        r#"format = 1
name = "{MODULE}"
version = "1.0.0"
title = "Sample"
description = "A service on loopback"

[http]
base_url = "{service}"

[credential]
kind = "bearer"

[[tools]]
name = "{TOOL}"
description = "Read an issue"
side_effect = "none"
request = {{ method = "GET", path = "/issues/{{number}}" }}
input.required = ["number"]
input.properties.number = {{ type = "integer", description = "The issue's number" }}
"#
    )
}
