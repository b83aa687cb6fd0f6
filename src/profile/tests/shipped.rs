//! The profiles that ship load as they are, and the defaults in their comments are the real ones.

use super::*;

pub(super) use crate::profile::source::EMBEDDED as SHIPPED;

/// The profile inside the binary, for a user whose configuration is in `/home/ada/.config`.
fn shipped(name: &str) -> Source {
    let folders = ProfileFolders::new(PathBuf::from("/nowhere"), Some(Path::new("/home/ada/.config")));
    Source::find(name, &folders).unwrap()
}

#[cfg(feature = "env")]
#[test]
fn dev_reads_the_environment() {
    let profile = load_real(&shipped("dev"), &Overrides::default()).unwrap();
    assert_eq!(profile.vaults[0].backend, "env");
    assert_eq!(profile.modules[0].name, "github");
    assert!(profile.warnings.is_empty(), "{:?}", profile.warnings);
}

#[cfg(feature = "age")]
#[test]
fn airgap_reads_one_file_and_calls_inside_the_site() {
    let profile = load_real(&shipped("airgap"), &Overrides::default()).unwrap();
    assert_eq!(profile.vaults[0].backend, "age");
    assert_eq!(profile.modules[0].accounts[0].name, "work");
    assert_eq!(profile.modules[0].base_url.as_ref().unwrap().host_str(), Some("github.example.internal"));
    assert_eq!(profile.base_dir, Path::new("/home/ada/.config/cofferdam"));
    assert!(profile.warnings.is_empty(), "{:?}", profile.warnings);
}

#[cfg(feature = "file")]
#[test]
fn mounted_reads_where_docker_and_kubernetes_put_secrets() {
    let profile = load_real(&shipped("mounted"), &Overrides::default()).unwrap();
    assert_eq!(profile.vaults[0].backend, "file");
    assert_eq!(profile.modules[0].accounts[0].name, "work");
    assert!(profile.warnings.is_empty(), "{:?}", profile.warnings);
}

#[cfg(feature = "keychain")]
#[test]
fn laptop_reads_the_keychain() {
    let profile = load_real(&shipped("laptop"), &Overrides::default()).unwrap();
    assert_eq!(profile.vaults[0].backend, "keychain");
    assert_eq!(profile.modules[0].accounts[0].name, "work");
    assert!(profile.warnings.is_empty(), "{:?}", profile.warnings);
}

#[cfg(feature = "hashicorp")]
#[test]
fn staging_and_onprem_read_a_hashicorp_vault() {
    for name in ["staging", "onprem"] {
        let profile = load_real(&shipped(name), &Overrides::default()).unwrap();
        assert_eq!(profile.vaults[0].backend, "hashicorp", "{name}");
        assert_eq!(profile.modules[0].vault, profile.vaults[0].name, "{name}");
        assert!(profile.warnings.is_empty(), "{:?}", profile.warnings);
    }
}

#[cfg(feature = "aws")]
#[test]
fn production_reads_secrets_manager() {
    let profile = load_real(&shipped("production"), &Overrides::default()).unwrap();
    assert_eq!(profile.vaults[0].backend, "aws");
    assert_eq!(profile.modules[0].accounts[0].name, "work");
    assert!(profile.warnings.is_empty(), "{:?}", profile.warnings);
}

#[test]
fn each_names_its_schema_in_its_first_line() {
    for (name, text) in SHIPPED {
        assert!(text.starts_with("#:schema ./profile.schema.json\n"), "{name}");
    }
}

/// Every `# key = value` in a comment on the server or a vault's policy, uncommented, changes nothing.
#[cfg(feature = "all-backends")]
#[test]
fn a_commented_key_shows_its_default() {
    let manifests = ManifestLibrary::load(None);
    for (name, text) in SHIPPED {
        let shows_default = |line: &str| {
            let key = line.strip_prefix("# ").and_then(|line| line.split_once(" = ")).map(|(key, _)| key);
            let server = [
                "call_timeout",
                "max_calls",
                "connection_age",
                "memory_budget",
                "drain_delay",
                "shutdown_timeout",
                "allowed_hosts",
                "allowed_origins",
            ];
            let access = ["trusted_proxies"];
            let module = ["path", "insecure_http", "manifest", "lookups"];
            key.is_some_and(|key| {
                CompartmentPolicy::KEYS.contains(&key)
                    || server.contains(&key)
                    || access.contains(&key)
                    || module.contains(&key)
            })
        };
        let mut shown = std::collections::BTreeSet::new();
        let lines = text.lines().map(|line| {
            if shows_default(line) {
                let line = line.trim_start_matches("# ");
                shown.extend(line.split_once(" = ").map(|(key, _)| key));
                return line;
            }
            line
        });
        let full = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(shown.len(), 12 + 8 + 1 + 4, "{name} shows every key");
        let load = |text: &str| load_real(&source(text), &Overrides::default()).unwrap();
        let (bare, mut full) = (load(text), load(&full));
        for module in &mut full.modules {
            // Its default is in the manifest.
            let lookups = manifests.get(&module.manifest).unwrap().http.lookups();
            assert_eq!(module.lookups.take(), Some(lookups), "{name}");
        }
        assert_eq!(bare.vaults[0].policy, full.vaults[0].policy, "{name}");
        assert_eq!(format!("{:?}", bare.server), format!("{:?}", full.server), "{name}");
        assert_eq!(format!("{:?}", bare.access), format!("{:?}", full.access), "{name}");
        assert_eq!(format!("{:?}", bare.modules), format!("{:?}", full.modules), "{name}");
    }
}
