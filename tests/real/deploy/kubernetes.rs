//! `deploy/kubernetes` with a real API server, and with a real Vault that asks it.

use std::process::Command;
use std::sync::Arc;

use cofferdam_servers::{Kubernetes, vault_binary};
use cofferdam_testing::deploy::{applied_files, config_map_profile, deploy, document, pod, text_of};
use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{BackendConfig as _, Stage, Threads, Vault, VaultContext, VaultError};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cluster::Cluster;

#[tokio::test]
async fn the_api_server_takes_every_manifest_and_no_misspelt_one_and_restricts_the_pods() {
    let cluster = Cluster::start().await;
    for file in applied_files() {
        let text = text_of(&format!("kubernetes/{file}"));
        let kind = document(&file)["kind"].as_str().unwrap().to_owned();
        let reply = cluster.dry_run(&kind, text.clone()).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{file}: {}", reply.message());
        assert_eq!(reply.warnings, [""; 0], "{file}");
        let misspelt = cluster.dry_run(&kind, format!("{text}\ncolour: blue\n")).await;
        assert_eq!(misspelt.status, StatusCode::BAD_REQUEST, "{file}: {:?}", misspelt.body);
        assert!(misspelt.message().contains("unknown field \"colour\""), "{file}: {}", misspelt.message());
        if kind == "Namespace" {
            let made = cluster.create(&kind, text).await;
            assert_eq!(made.status, StatusCode::CREATED, "{}", made.message());
        }
    }
    let misspelt = text_of("kubernetes/deployment.yaml").replace("readinessProbe:", "readinesProbe:");
    let reply = cluster.dry_run("Deployment", misspelt).await;
    assert!(reply.message().contains("unknown field"), "{}: {}", reply.status, reply.message());

    let reply = cluster.dry_run("Pod", pod().to_string()).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.message());
    let weaker = [
        ("/spec/securityContext/runAsNonRoot", json!(false)),
        ("/spec/securityContext/seccompProfile/type", json!("Unconfined")),
        ("/spec/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/spec/containers/0/securityContext/capabilities/drop", json!([])),
        ("/spec/volumes/0", json!({ "name": "profile", "hostPath": { "path": "/etc" } })),
    ];
    for (pointer, value) in weaker {
        let mut pod = pod();
        *pod.pointer_mut(pointer).unwrap() = value;
        let reply = cluster.dry_run("Pod", pod.to_string()).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{pointer}: {:?}", reply.body);
        assert!(reply.message().contains("violates PodSecurity"), "{pointer}: {}", reply.message());
    }
}

#[tokio::test]
async fn a_pods_token_logs_in_to_vault_and_reads_its_modules_secrets_alone() {
    let cluster = Cluster::start().await;
    for file in ["namespace.yaml", "service-account.yaml"] {
        let kind = document(file)["kind"].as_str().unwrap().to_owned();
        let made = cluster.create(&kind, text_of(&format!("kubernetes/{file}"))).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.message());
    }
    let stranger = json!({ "metadata": { "name": "stranger" } }).to_string();
    cluster.create("ServiceAccount", stranger).await;

    let server = cofferdam_servers::Vault::start().unwrap_or_else(|error| panic!("{error}"));
    let certificate = format!("kubernetes_ca_cert=@{}", cluster.server.certificate().display());
    let host = format!("kubernetes_host={}", cluster.server.address());
    let reviewer = format!("token_reviewer_jwt={}", Kubernetes::ADMIN);
    server.run(&["secrets", "enable", "-path=secret", "kv-v2"]).unwrap();
    server.run(&["auth", "enable", "kubernetes"]).unwrap();
    let config =
        ["write", "auth/kubernetes/config", &host, &certificate, &reviewer, "disable_local_ca_jwt=true"];
    server.run(&config).unwrap();
    for (at, token) in [("github/work", "token=one"), ("notes/work", "token=two")] {
        server.run(&["kv", "put", &format!("secret/cofferdam/{at}"), token]).unwrap();
    }
    // Twice, because it can be run again.
    for _ in 0..2 {
        let binary = vault_binary().unwrap();
        let folders = std::env::var_os("PATH").unwrap_or_default();
        let mut search = vec![binary.parent().unwrap().to_owned()];
        search.extend(std::env::split_paths(&folders));
        let mut script = Command::new(deploy("kubernetes/vault-login.sh"));
        script.arg("github").env("PATH", std::env::join_paths(search).unwrap());
        script.env("VAULT_ADDR", server.address()).env("VAULT_TOKEN", server.root_token());
        let output = script.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    // The deployed profile, with the addresses of this machine.
    let dir = tempfile::tempdir().unwrap();
    let profile: toml::Table = toml::from_str(&config_map_profile()).unwrap();
    let mut settings = profile["vaults"]["github-vault"].as_table().unwrap().clone();
    settings.remove("backend");
    settings.remove("ca_file");
    settings.insert("address".to_owned(), server.address().into());
    let token = dir.path().join("token");
    settings["auth"].as_table_mut().unwrap().insert("jwt_file".to_owned(), token.to_str().unwrap().into());
    let config: cofferdam_vault_hashicorp::Config = settings.try_into().unwrap();
    let vault = config.into_vault(VaultContext {
        name: "github-vault".to_owned(),
        base_dir: dir.path().to_owned(),
        threads: Threads::new("github-vault", 2),
        prompt: None,
    });
    let mine = "cofferdam";
    for (account, audience) in [("stranger", "vault"), (mine, "https://kubernetes.default.svc")] {
        std::fs::write(&token, service_account_token(&cluster, account, audience).await).unwrap();
        let refused = read(&vault, "github/work").await.unwrap_err();
        assert_eq!(refused.kind(), cofferdam_vault::ErrorKind::Unauthenticated, "{account} {audience}");
    }
    let sources = &pod()["spec"]["volumes"][2]["projected"]["sources"];
    let audience = sources[0]["serviceAccountToken"]["audience"].as_str().unwrap().to_owned();
    std::fs::write(&token, service_account_token(&cluster, mine, &audience).await).unwrap();
    assert_eq!(read(&vault, "github/work").await.unwrap(), "one");
    let refused = read(&vault, "notes/work").await.unwrap_err();
    assert_eq!(refused.kind(), cofferdam_vault::ErrorKind::Denied, "another module's secret");
}

async fn read(vault: &Arc<dyn Vault>, at: &str) -> Result<String, VaultError> {
    let secret = vault.read(&path(at), &[field("token")], Stage::Current).await?;
    Ok(secret.expose(&field("token")).unwrap().to_owned())
}

/// Requests a token as the kubelet does.
async fn service_account_token(cluster: &Cluster, account: &str, audience: &str) -> String {
    let request = json!({ "spec": { "audiences": [audience], "expirationSeconds": 600 } }).to_string();
    let api_path = format!("/api/v1/namespaces/cofferdam/serviceaccounts/{account}/token");
    let reply = cluster.ask(Method::POST, &api_path, "application/json", request).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.message());
    let Value::String(token) = reply.body["status"]["token"].clone() else { panic!("{:?}", reply.body) };
    token
}
