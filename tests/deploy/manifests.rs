//! The documents of `deploy/kubernetes` fit each other.

use cofferdam_testing::cofferdam;
use cofferdam_testing::deploy::{applied_files, config_map_profile, deploy, document, pod, text_of};
use serde_json::Value;

fn seconds(profile: &toml::Value, key: &str) -> u64 {
    let text = profile["server"][key].as_str().unwrap();
    humantime::parse_duration(text).unwrap().as_secs()
}

#[test]
fn all_files_are_applied() {
    let dir = deploy("kubernetes");
    let mut there: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml")
        .collect();
    let mut listed = applied_files();
    there.sort();
    listed.sort();
    assert_eq!(there, listed);
}

#[test]
fn the_profile_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("profile.toml");
    std::fs::write(&file, config_map_profile()).unwrap();
    let output = cofferdam().args(["profile", "check", "--profile"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_pod_has_the_time_that_its_profile_takes_to_end() {
    let profile: toml::Value = toml::from_str(&config_map_profile()).unwrap();
    let [call, delay, shutdown] =
        ["call_timeout", "drain_delay", "shutdown_timeout"].map(|key| seconds(&profile, key));
    assert!(shutdown >= call, "a call may take longer than the shutdown waits");
    // The grace period of calls that are cut off, and the vaults' default `deadline`, within which they close.
    let needed = delay + shutdown + 1 + 5;
    let pod = pod();
    let granted = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(granted >= needed, "{granted} s are granted, {needed} s needed");
    // If its removal reaches the nodes late, its probe fails before it refuses connections.
    let probe = &pod["spec"]["containers"][0]["readinessProbe"];
    let noticed = probe["periodSeconds"].as_u64().unwrap() * probe["failureThreshold"].as_u64().unwrap();
    assert!(delay > noticed, "the pod refuses connections before its probe has failed");
}

#[test]
fn each_part_selects_the_pods_and_their_ports() {
    let pod = pod();
    let labels = &pod["metadata"]["labels"];
    let selectors = [
        ("deployment.yaml", "/spec/selector/matchLabels"),
        ("disruption-budget.yaml", "/spec/selector/matchLabels"),
        ("service.yaml", "/spec/selector"),
        ("network-policy.yaml", "/spec/podSelector/matchLabels"),
    ];
    for (file, pointer) in selectors {
        assert_eq!(document(file).pointer(pointer), Some(labels), "{file}");
    }
    let container = &pod["spec"]["containers"][0];
    let ports: Vec<&Value> =
        container["ports"].as_array().unwrap().iter().map(|port| &port["name"]).collect();
    let profile: toml::Value = toml::from_str(&config_map_profile()).unwrap();
    for (port, key) in container["ports"].as_array().unwrap().iter().zip(["listen", "admin_listen"]) {
        let listens = profile["server"][key].as_str().unwrap();
        assert!(listens.ends_with(&format!(":{}", port["containerPort"])), "{key}");
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert!(ports.contains(&&container[probe]["httpGet"]["port"]), "{probe}");
    }
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/readyz");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/healthz");
    let service = document("service.yaml");
    assert_eq!(service["spec"]["ports"][0]["targetPort"], *ports[0]);
    let policy = document("network-policy.yaml");
    let allowed: Vec<&Value> =
        policy["spec"]["ingress"].as_array().unwrap().iter().map(|rule| &rule["ports"][0]["port"]).collect();
    assert_eq!(allowed, ports);
}

#[test]
fn the_pods_are_closed_and_two() {
    let deployment = document("deployment.yaml");
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    let pod = pod();
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(document("service-account.yaml")["automountServiceAccountToken"], false);
}

#[test]
fn the_token_is_where_the_profile_looks_for_it_and_good_for_whom_the_role_says() {
    let (pod, profile) = (pod(), config_map_profile());
    let source = &pod["spec"]["volumes"][2]["projected"]["sources"][0]["serviceAccountToken"];
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    let mount = mounts.iter().find(|mount| mount["name"] == pod["spec"]["volumes"][2]["name"]).unwrap();
    let token = format!("{}/{}", mount["mountPath"].as_str().unwrap(), source["path"].as_str().unwrap());
    assert!(profile.contains(&format!("jwt_file = \"{token}\"")), "{token}");
    let script = text_of("kubernetes/vault-login.sh");
    let account = document("service-account.yaml");
    for (key, value) in [
        ("audience", &source["audience"]),
        ("bound_service_account_names", &account["metadata"]["name"]),
        ("bound_service_account_namespaces", &account["metadata"]["namespace"]),
    ] {
        assert!(script.contains(&format!("{key}={} ", value.as_str().unwrap())), "{key}");
    }
    assert_eq!(pod["spec"]["serviceAccountName"], account["metadata"]["name"]);
}
