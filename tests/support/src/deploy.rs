//! The files below `deploy/`.

use std::path::PathBuf;

use serde_json::{Value, json};

/// A file below `deploy/`.
pub fn deploy(name: &str) -> PathBuf {
    crate::root().join("deploy").join(name)
}

/// The text of a file below `deploy/`.
pub fn text_of(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The files of `deploy/kubernetes` that are applied, as `kustomization.yaml` names them; the namespace comes first.
pub fn applied_files() -> Vec<String> {
    let listed = parse(&text_of("kubernetes/kustomization.yaml"));
    let names: Vec<String> = serde_json::from_value(listed["resources"].clone()).unwrap();
    assert_eq!(names[0], "namespace.yaml");
    names
}

/// A file of `deploy/kubernetes`, parsed.
pub fn document(file: &str) -> Value {
    parse(&text_of(&format!("kubernetes/{file}")))
}

/// The profile in the ConfigMap of `deploy/kubernetes`.
pub fn config_map_profile() -> String {
    document("profile.yaml")["data"]["profile.toml"].as_str().unwrap().to_owned()
}

/// A pod as the Deployment of `deploy/kubernetes` creates it.
pub fn pod() -> Value {
    let template = document("deployment.yaml")["spec"]["template"].clone();
    let labels = &template["metadata"]["labels"];
    let metadata = json!({ "name": "cofferdam", "namespace": "cofferdam", "labels": labels });
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"] })
}

fn parse(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
