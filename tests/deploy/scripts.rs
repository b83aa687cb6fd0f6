//! The scripts and workflows of deployments: who can read the files that they write, what they pass as arguments, and what
//! they let a login do. `vault` is a script here that records how it is called; `tests/real/deploy` has the real one.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cofferdam_testing::deploy::{deploy, text_of};
use cofferdam_testing::{bare, root};

/// Records its arguments and its standard input, and returns a secret ID if it is asked for one.
const VAULT: &str = r#"#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
*-field=secret_id*) echo the-secret-id ;;
*"policy write"*" -") cat >>"$CALLS" ;;
esac
"#;

/// A folder with the program `vault`.
struct Scripts(tempfile::TempDir);

impl Scripts {
    fn new() -> Self {
        let scripts = Self(tempfile::tempdir().unwrap());
        let vault = scripts.path("vault");
        fs::write(&vault, VAULT).unwrap();
        fs::set_permissions(vault, fs::Permissions::from_mode(0o755)).unwrap();
        scripts
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `script` with `umask`; returns how `vault` was called.
    fn run(&self, umask: &str, script: &Path, argument: &Path) -> String {
        let mut shell = bare(Command::new("sh"));
        shell.args(["-c", &format!("umask {umask}; exec \"$0\" \"$1\"")]).arg(script).arg(argument);
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}", self.0.path().display())).env("CALLS", self.path("calls"));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::read_to_string(self.path("calls")).unwrap()
    }
}

#[test]
fn the_bootstrap_never_gives_more_access_than_its_caller() {
    for (umask, mode) in [("077", 0o600), ("027", 0o640), ("022", 0o640)] {
        let scripts = Scripts::new();
        let logins = scripts.path("logins");
        fs::create_dir(&logins).unwrap();
        scripts.run(umask, &deploy("hashicorp/bootstrap"), &logins);
        let file = logins.join("github-secret-id");
        assert_eq!(fs::read_to_string(&file).unwrap(), "the-secret-id");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, mode, "umask {umask}");
    }
}

#[test]
fn a_login_of_the_pods_ends_and_may_read_one_module_only() {
    let calls = Scripts::new().run("022", &deploy("kubernetes/vault-login.sh"), Path::new("github"));
    for said in ["token_no_default_policy=true", "token_ttl=1h", "token_max_ttl=24h"] {
        assert!(calls.contains(said), "{said}: {calls}");
    }
    let granted: Vec<&str> = calls.lines().filter(|line| line.starts_with("path ")).collect();
    let paths: Vec<&str> = granted.iter().map(|line| line.split('"').nth(1).unwrap()).collect();
    assert_eq!(
        paths,
        [
            "secret/data/cofferdam/github/*",
            "auth/token/lookup-self",
            "auth/token/renew-self",
            "auth/token/revoke-self",
            "sys/capabilities-self",
        ]
    );
}

/// Every process of a machine can read the arguments of all others.
#[test]
fn the_staging_passes_no_root_token_as_an_argument() {
    let script = text_of("hashicorp/staging");
    assert!(
        !script.contains("-otp=") && !script.contains("-decode="),
        "the one-time password is an argument"
    );
    let start = script.find("\nxor() {").unwrap();
    let end = start + script[start..].find("\n}\n").unwrap() + 3;
    for (token, otp) in [("hvs.0123456789abcdef", "abcdefghijklmnopqrst"), ("hvs.x", "\\%s'\"")] {
        let mixed: Vec<u8> = token.bytes().zip(otp.bytes()).map(|(a, b)| a ^ b).collect();
        let program = format!("set -eu\n{}\nxor \"$0\" \"$1\"", &script[start..end]);
        let mut shell = bare(Command::new("sh"));
        let output = shell.args(["-c", &program, &STANDARD_NO_PAD.encode(mixed), otp]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), token, "{output:?}");
    }
}

#[test]
fn pods_of_another_cluster_do_not_get_the_servers_role() {
    let template = text_of("aws/server.yaml");
    let pods =
        template.split("pods.eks.amazonaws.com").nth(1).unwrap().split("Effect: Allow").next().unwrap();
    assert!(pods.contains("aws:RequestTag/eks-cluster-arn: !Ref ClusterArn"), "{pods}");
}

/// The text of a job of a workflow.
fn job(workflow: &str, name: &str) -> String {
    let text = fs::read_to_string(root().join(format!(".github/workflows/{workflow}.yml"))).unwrap();
    let start =
        text.find(&format!("\n  {name}:\n")).unwrap_or_else(|| panic!("{workflow} has no job {name}"));
    let lines = text[start + 1..].lines();
    let in_job = |line: &&str| line.is_empty() || line.starts_with("    ");
    lines.skip(1).take_while(in_job).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_release_is_packed_without_tools_of_others_and_signed() {
    assert!(!job("release", "build").contains("cargo install"), "another's tool runs beside the binaries");
    assert!(job("release", "sbom").contains("cargo-cyclonedx"));
    let publish = job("release", "publish");
    for said in [
        "needs: [ci, build, sbom]",
        "actions/attest-build-provenance@",
        "id-token: write",
        "attestations: write",
    ] {
        assert!(publish.contains(said), "{said}: {publish}");
    }
    assert!(job("ci", "advisories").contains("cargo deny --locked check advisories"));
}
