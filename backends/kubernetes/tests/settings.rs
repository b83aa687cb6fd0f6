//! Settings: which store they name, and what is wrong with them.
#![allow(clippy::unwrap_used)] // in a test a panic is the report

use std::path::Path;

use cofferdam_vault::testkit::{exercise_settings, open, path};
use cofferdam_vault::{BackendConfig as _, StoreIdentity};
use cofferdam_vault_kubernetes::Config;

fn config(text: &str) -> Config {
    toml::from_str(text).unwrap()
}

#[test]
fn another_namespace_parts_two_vaults() {
    exercise_settings(&config("namespace = 'mcp'"), &config("namespace = 'other'"));
    let store = |text: &str| config(text).store(Path::new("/site"));
    assert!(store("kubeconfig = 'a'").may_be(&store("namespace = 'mcp'")), "only a connection could tell");
    assert_eq!(store(""), StoreIdentity::new([None]));
}

#[test]
fn wrong_settings_are_reported_and_not_quoted() {
    for (text, key) in [
        ("namespace = ''", "namespace"),
        ("namespace = 'a/b'", "namespace"),
        ("namespace = 'ghp_canaryCANARYcanaryCANARYcanary1234'", "namespace"),
        ("kubeconfig = ''", "kubeconfig"),
        ("kubeconfig = 'eyJhbGci.canary.canary'", "kubeconfig"),
        ("context = 'main'", "context"),
        ("kubeconfig = 'config'\ncontext = ' '", "context"),
    ] {
        let found = config(text).check();
        assert_eq!(found.iter().map(|found| found.key.as_str()).collect::<Vec<_>>(), [key], "{text}");
        assert!(!format!("{found:?}").to_lowercase().contains("canary"), "{found:?}");
    }
    for text in ["", "namespace = 'mcp'", "kubeconfig = 'config'\ncontext = 'main'"] {
        assert!(config(text).check().is_empty(), "{text}");
    }
}

#[test]
fn a_vault_says_what_it_logs_in_with() {
    let folder = tempfile::tempdir().unwrap();
    let pod = open::<Config>("", folder.path());
    assert_eq!(pod.info().location, "the namespace of this pod");
    let mount = "/var/run/secrets/kubernetes.io/serviceaccount";
    assert_eq!(
        pod.info().sources,
        [
            "KUBERNETES_SERVICE_HOST of the environment".to_owned(),
            "KUBERNETES_SERVICE_PORT of the environment".to_owned(),
            format!("the token of the service account {mount}/token"),
            format!("the CA file of the service account {mount}/ca.crt"),
            format!("the namespace of the service account {mount}/namespace"),
        ]
    );
    assert_eq!(pod.resource(&path("github/work")), None, "the namespace is not known yet");
    let named = open::<Config>("namespace = 'mcp'\nkubeconfig = 'config'\ncontext = 'main'", folder.path());
    let file = format!("the kubeconfig {}", folder.path().join("config").display());
    assert_eq!(named.info().location, format!("namespace `mcp` by the context `main` of {file}"));
    assert_eq!(named.info().sources, [format!("{file} and the files that it names")]);
    assert_eq!(named.resource(&path("github/work")).as_deref(), Some("mcp/github.work"));
}
