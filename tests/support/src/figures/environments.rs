//! What the servers are given: a folder for each, with a profile and its manifests.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use super::Failed;
use super::bare::TOOL;
use super::service::TOKEN;
use crate::fillers::filler;

/// The module that is called.
pub(super) const MODULE: &str = "desk";

/// A profile, and the environment that its vault is.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    /// As `--profile` takes it.
    pub(crate) profile: &'static str,
    pub(crate) variables: Vec<(String, String)>,
}

/// The folder that all of them stand in. It goes with this.
pub(crate) struct Sites(tempfile::TempDir);

const VAULT: &str = "[vaults.local]\nbackend = \"env\"\n";

impl Sites {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, Failed> {
        Ok(Self(tempfile::Builder::new().prefix("cofferdam-figures-").tempdir()?))
    }

    /// An empty folder for what has no profile.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failed> {
        let folder = self.0.path().join(name);
        fs::create_dir_all(folder.join("modules"))?;
        Ok(folder)
    }

    /// One module, whose one tool asks the service at `service`.
    pub(crate) fn calls(&self, service: &str) -> Result<Site, Failed> {
        let folder = self.folder("calls")?;
        fs::write(folder.join("modules/desk.toml"), manifest(service))?;
        self.site(folder, &[MODULE.to_owned()], "")
    }

    /// The profile that ships for a laptop: the copy inside the binary, for the folder has none.
    pub(crate) fn laptop(&self) -> Result<Site, Failed> {
        let variables = vec![("GITHUB_TOKEN".to_owned(), TOKEN.to_owned())];
        Ok(Site { folder: self.folder("laptop")?, profile: "dev", variables })
    }

    /// Every module of the catalogue.
    pub(crate) fn catalogue(&self) -> Result<Site, Failed> {
        let modules = ["github", "notion", "supabase", "supabase_data"].map(str::to_owned);
        // The last one leaves its address to the profile.
        self.site(self.folder("catalogue")?, &modules, "base_url = \"https://project.supabase.co\"\n")
    }

    /// `count` modules of twenty tools each.
    pub(crate) fn many(&self, count: usize) -> Result<Site, Failed> {
        let folder = self.folder("many")?;
        let mut names = Vec::with_capacity(count);
        for (name, text) in (0..count).map(filler) {
            fs::write(folder.join(format!("modules/{name}.toml")), text)?;
            names.push(name);
        }
        self.site(folder, &names, "")
    }

    fn site(&self, folder: PathBuf, modules: &[String], more: &str) -> Result<Site, Failed> {
        let mut text = format!("[server]\nmodules_dir = \"modules\"\n{VAULT}");
        for module in modules {
            write!(text, "[modules.{module}]\nvault = \"local\"\n")?;
        }
        text.push_str(more);
        fs::write(folder.join("site.toml"), text)?;
        let variable = |module: &String| (format!("{}_TOKEN", module.to_uppercase()), TOKEN.to_owned());
        Ok(Site { folder, profile: "./site.toml", variables: modules.iter().map(variable).collect() })
    }
}

/// A manifest of one tool, which gives its service's whole answer as the bare server does.
fn manifest(service: &str) -> String {
    format!(
        r#"format = 1
name = "{MODULE}"
version = "1.0.0"
title = "Desk"
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
