//! Sixty secrets in environment variables, five further vaults, and the program that copies them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use cofferdam_servers::{Moto, SecretService, Toxiproxy, Vault, free};
use cofferdam_testing::{CommandOutput, bare, program};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The number of accounts of each of the two modules.
pub(crate) const ACCOUNTS: usize = 30;

/// A part of every value.
const CANARY: &str = "canary-4b7";

/// The delay of each response, in milliseconds, so that a kill hits a request in flight.
const LATENCY: u64 = 8;

pub(crate) struct Fixture {
    folder: TempDir,
    variables: BTreeMap<String, String>,
    vault: Vault,
    moto: Moto,
    _keychain: SecretService,
    _toxiproxy: Toxiproxy,
    printed: Vec<String>,
}

/// How a command was killed.
pub(crate) struct Killed {
    pub(crate) by_signal: bool,
    /// Whether it had printed its plan.
    pub(crate) planned: bool,
}

/// The number of secrets in `state` in a copy's document.
pub(crate) fn count(document: &Value, state: &str) -> usize {
    document["secrets"].as_array().unwrap().iter().filter(|secret| secret["state"] == state).count()
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let started = || {
            (
                must(Vault::start()),
                must(Moto::start()),
                must(SecretService::start()),
                must(Toxiproxy::start()),
            )
        };
        let (vault, moto, keychain, toxiproxy) = tokio::task::block_in_place(started);
        vault.run(&["secrets", "enable", "-path=secret", "kv-v2"]).unwrap();
        let slow_vault = slow(&toxiproxy, "vault", &vault.address()).await;
        let slow_moto = slow(&toxiproxy, "moto", &moto.address()).await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        for name in ["modules", "age"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let identity = age::x25519::Identity::generate();
        write("key.txt", identity.to_string().expose_secret());
        write("token", vault.root_token());
        write("credentials", "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = example\n");
        for (name, kind) in [("notes", "basic"), ("tickets", "bearer")] {
            write(&format!("modules/{name}.toml"), &manifest(name, kind));
        }
        for (profile, vault) in [("profile.toml", "variables"), ("back.toml", "back")] {
            write(profile, &profile_text(vault, &slow_vault, &slow_moto, &keychain.address()));
        }
        let variables = secrets();
        Self {
            folder,
            variables,
            vault,
            moto,
            _keychain: keychain,
            _toxiproxy: toxiproxy,
            printed: Vec::new(),
        }
    }

    /// Every path that has a secret.
    pub(crate) fn paths(&self) -> Vec<String> {
        let of = |module: &'static str| (0..ACCOUNTS).map(move |number| format!("{module}/a{number}"));
        of("notes").chain(of("tickets")).collect()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = bare(Command::new(program()));
        command.args(args).envs(&self.variables).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn copy_command(&self, from: &str, to: &str, more: &[&str]) -> Command {
        let copy = ["secret", "copy", "--profile", "profile.toml", "--from", from, "--to", to];
        self.command(&[&copy[..], more].concat())
    }

    pub(crate) fn copy(&mut self, from: &str, to: &str, more: &[&str]) -> CommandOutput {
        let output = CommandOutput::from(self.copy_command(from, to, more).output().unwrap());
        self.printed.extend([output.stdout.clone(), output.stderr.clone()]);
        output
    }

    /// Starts the copy and kills it `pause` after it has reported its plan and `done` secrets.
    pub(crate) fn copy_and_kill(&mut self, from: &str, to: &str, done: usize, pause: Duration) -> Killed {
        let mut child = self.copy_command(from, to, &["--apply"]).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut stdout = String::new();
        // The last line of the plan's table; one line per secret follows.
        let is_planned = |text: &str| text.contains('╰');
        while !(is_planned(&stdout) && stdout.matches("\ncopied ").count() >= done) {
            if lines.read_line(&mut stdout).unwrap() == 0 {
                break;
            }
        }
        std::thread::sleep(pause);
        let by_signal = kill(&mut child);
        // The rest of the pipe.
        lines.read_to_string(&mut stdout).unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let planned = is_planned(&stdout);
        self.printed.extend([stdout, stderr]);
        Killed { by_signal, planned }
    }

    /// The number of versions of a secret in Vault.
    pub(crate) async fn versions_in_vault(&self, path: &str) -> usize {
        let url = format!("{}/v1/secret/metadata/cofferdam/{path}", self.vault.address());
        let request = reqwest::Client::new().get(url).header("x-vault-token", self.vault.root_token());
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["data"]["versions"].as_object().unwrap_or_else(|| panic!("{path}: {answer}")).len()
    }

    pub(crate) async fn versions_in_aws(&self, path: &str) -> usize {
        let body = json!({ "SecretId": format!("cofferdam/{path}"), "IncludeDeprecated": true });
        let request = reqwest::Client::new()
            .post(self.moto.address())
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "secretsmanager.ListSecretVersionIds")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0")
            .body(body.to_string());
        let answer: Value =
            serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        answer["Versions"].as_array().unwrap_or_else(|| panic!("{path}: {answer}")).len()
    }

    /// Asserts that the last vault contains exactly the fields of the environment.
    pub(crate) fn expect_fields_in_back(&self) {
        let mut found = BTreeMap::new();
        for path in self.paths() {
            let get = ["secret", "get", &path, "--reveal", "--json", "--profile", "back.toml"];
            let output = self.command(&get).output().unwrap();
            let document: Value = serde_json::from_slice(&output.stdout).unwrap();
            for (field, value) in document["fields"].as_object().unwrap() {
                let name = format!("{}_{field}", path.replace('/', "_")).to_uppercase();
                found.insert(name, value.as_str().unwrap().to_owned());
            }
        }
        assert!(found == self.variables, "what came back is not what was sent");
    }

    pub(crate) fn age_folder(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path().join("age")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub(crate) fn expect_no_value_was_printed(&self) {
        assert!(
            self.printed.iter().any(|text| text.contains("copied notes/a1 ")),
            "what is searched was printed"
        );
        for text in &self.printed {
            assert!(!text.contains(CANARY), "a value was printed");
        }
    }
}

pub(crate) fn must<T>(server: Result<T, cofferdam_servers::Unavailable>) -> T {
    server.unwrap_or_else(|error| panic!("{error}"))
}

fn kill(child: &mut Child) -> bool {
    let _ = child.kill();
    child.wait().unwrap().signal() == Some(9)
}

/// A proxy before `upstream` that delays every response by [`LATENCY`].
async fn slow(toxiproxy: &Toxiproxy, name: &str, upstream: &str) -> String {
    let listen = format!("127.0.0.1:{}", free().unwrap());
    let client = reqwest::Client::new();
    let proxy = json!({ "name": name, "listen": listen, "upstream": upstream.trim_start_matches("http://"), "enabled": true });
    let toxic = json!({ "type": "latency", "stream": "downstream", "attributes": { "latency": LATENCY } });
    for (api_path, body) in [("proxies".to_owned(), proxy), (format!("proxies/{name}/toxics"), toxic)] {
        let answer = client.post(format!("{}/{api_path}", toxiproxy.api())).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{api_path}: {}", answer.status());
    }
    format!("http://{listen}")
}

/// Environment variables whose values are hard to store unchanged.
fn secrets() -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for number in 0..ACCOUNTS {
        let odd =
            ["plain", "sp ace", "quo\"te'", "back\\slash", "ünïcode 🔑", "a=b#c", "$HOME `x`", "{\"a\": 1}"];
        let value = |what: &str| format!("{CANARY}-{what}-{number}-{}", odd[number % odd.len()]);
        variables.insert(format!("NOTES_A{number}_USERNAME"), value("user"));
        variables.insert(format!("NOTES_A{number}_PASSWORD"), value("password"));
        variables.insert(format!("TICKETS_A{number}_TOKEN"), value("token"));
    }
    variables
}

fn profile_text(vault_of_modules: &str, vault: &str, moto: &str, bus: &str) -> String {
    let accounts: Vec<String> = (0..ACCOUNTS).map(|number| format!("\"a{number}\"")).collect();
    let accounts = accounts.join(", ");
    format!(
        r#"
[server]
modules_dir = "modules"

[vaults.variables]
backend = "env"

[vaults.files]
backend = "age"
file = "age/one.age"
identity_file = "key.txt"

[vaults.hashi]
backend = "hashicorp"
address = "{vault}"
prefix = "cofferdam"
auth = {{ method = "token", token_file = "token" }}

[vaults.laptop]
backend = "keychain"
bus_address = "{bus}"

[vaults.cloud]
backend = "aws"
region = "eu-central-1"
prefix = "cofferdam"
endpoint = "{moto}"
credentials_file = "credentials"

[vaults.back]
backend = "age"
file = "age/back.age"
identity_file = "key.txt"

[modules.notes]
vault = "{vault_of_modules}"
accounts = [{accounts}]

[modules.tickets]
vault = "{vault_of_modules}"
accounts = [{accounts}]
"#
    )
}

pub(crate) fn manifest(name: &str, kind: &str) -> String {
    format!(
        r#"format = 1
name = "{name}"
version = "1.0.0"
title = "{name}"
description = "The {name} of a test"

[http]
base_url = "http://127.0.0.1:9"

[credential]
kind = "{kind}"

[[tools]]
name = "list"
description = "List the {name}"
side_effect = "none"
request = {{ method = "GET", path = "/{name}" }}
"#
    )
}
