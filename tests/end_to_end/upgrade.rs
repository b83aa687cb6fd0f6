//! What version 0.1.0 wrote or shipped still works: profiles, manifests, age vaults and the files of MCP hosts.
//!
//! The fixtures are in `tests/fixtures/v0.1.0`. What a later version no longer reads must name its successor.

use std::fs;
use std::path::{Path, PathBuf};

use cofferdam_testing::{CommandOutput, cofferdam, fixture, program};
use serde_json::Value;

/// A copy of the fixtures, which a test may change.
struct OldFiles(tempfile::TempDir);

impl OldFiles {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy_folder(&fixture("v0.1.0"), copy.0.path());
        for name in ["key.txt", "passphrase.txt", "x25519.age", "passphrase.age"] {
            let file = copy.path(&format!("vaults/{name}"));
            #[cfg(unix)]
            fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program with a profile of the fixtures.
    fn run(&self, args: &[&str], profile: &str, input: &str) -> CommandOutput {
        let mut command = cofferdam();
        command.args(args).arg("--profile").arg(self.path(profile)).current_dir(self.0.path());
        command.env("HOME", self.0.path()).env("COFFERDAM__SERVER__LISTEN", "127.0.0.1:7080");
        cofferdam_testing::run_with_input(&mut command, input).into()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// The names of the files in a folder of the fixtures.
fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(fixture("v0.1.0").join(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn old_profiles_are_valid() {
    let files = OldFiles::new();
    let profiles = names("profiles");
    assert!(profiles.len() == 7, "{profiles:?}");
    for profile in profiles {
        let checked = files.run(&["profile", "check"], &format!("profiles/{profile}"), "");
        assert_eq!(checked.code, Some(0), "{profile}: {checked:#?}");
    }
}

#[test]
fn old_manifests_are_valid() {
    let files = OldFiles::new();
    let mut text = "[server]\nmodules_dir = \"modules\"\n[vaults.local]\nbackend = \"env\"\n".to_owned();
    let modules: Vec<String> =
        names("modules").iter().map(|name| name.strip_suffix(".toml").unwrap().to_owned()).collect();
    for module in &modules {
        text += &format!("[modules.{module}]\nvault = \"local\"\nbase_url = \"https://service.example\"\n");
    }
    fs::write(files.path("all.toml"), text).unwrap();
    let _ = files.run(&["profile", "check"], "all.toml", "").expect(0);
    for (module, tool) in [("tickets", "get_ticket"), ("github", "get_issue"), ("notion", "get_page")] {
        assert!(modules.iter().any(|name| name == module), "{modules:?}");
        let shown = files.run(&["module", "show", module], "all.toml", "").expect(0);
        assert!(shown.stdout.contains(tool), "{shown:#?}");
    }
}

#[test]
fn old_age_vaults_are_read_and_written() {
    let files = OldFiles::new();
    let profile = "vaults/profile.toml";
    let token = |account: &str| {
        let shown =
            files.run(&["secret", "get", account, "--reveal", "--json"], profile, "").expect(0).json();
        shown["fields"]["token"].as_str().unwrap().to_owned()
    };
    assert_eq!(token("github/work"), "ghp_example_work");
    assert_eq!(token("github/private"), "ghp_example_private");
    assert_eq!(token("tickets/default"), "tickets_example");

    let listed = files.run(&["secret", "list", "github", "--json"], profile, "").expect(0).json();
    let states: Vec<&Value> = listed.as_array().unwrap().iter().map(|row| &row["state"]).collect();
    assert_eq!(states, ["present", "present"], "{listed:#}");

    let _ = files.run(&["secret", "set", "github/work", "token"], profile, "ghp_example_new").expect(0);
    assert_eq!(token("github/work"), "ghp_example_new");
    assert_eq!(token("github/private"), "ghp_example_private", "the other secret is kept");
}

#[test]
fn old_host_files_need_no_change() {
    let files = OldFiles::new();
    let profile = "vaults/profile.toml";
    let own = files.path(profile).canonicalize().unwrap();
    for name in names("hosts") {
        let (host, transport) = name.strip_suffix(".json").unwrap().split_once('.').unwrap();
        let old = fs::read_to_string(files.path(&format!("hosts/{name}"))).unwrap();
        let old =
            old.replace("@PROGRAM@", program().to_str().unwrap()).replace("@PROFILE@", own.to_str().unwrap());
        let file = files.path(&name);
        fs::write(&file, &old).unwrap();
        let write = ["client-config", host, "--write", "--json", "--file", file.to_str().unwrap()];
        let flags: &[&str] = if transport == "stdio" { &["--stdio"] } else { &[] };
        let written = files.run(&[&write[..], flags].concat(), profile, "").expect(0).json();
        assert_eq!(written["changed"], false, "{name}: {written:#}");
        assert_eq!(fs::read_to_string(&file).unwrap(), old, "{name}");
    }
}
