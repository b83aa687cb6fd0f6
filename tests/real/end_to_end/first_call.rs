//! From nothing to the first call: the commands of each profile's page, run in an empty folder with real servers.
//!
//! They are run as the page has them, except for what a reader has to insert and the servers' addresses.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use cofferdam_servers::{Moto, Prism, SecretService, Vault, age, api_descriptions, vault_binary};
use cofferdam_testing::{bare, program, root, run_with_input};

const TOKEN: &str = "ghp_firstcall7c1e";

/// A folder that contains only a token, and the commands of a page.
struct Trial {
    folder: tempfile::TempDir,
    page: String,
    variables: Vec<(String, String)>,
}

impl Trial {
    /// For this profile, with GitHub at `github`.
    fn new(profile: &str, github: &str) -> Self {
        let root = root();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token.txt"), format!("{TOKEN}\n")).unwrap();
        std::os::unix::fs::symlink(root.join("deploy"), folder.path().join("deploy")).unwrap();
        let page = fs::read_to_string(root.join(format!("docs/profiles/{profile}.md"))).unwrap();
        Self { folder, page, variables: Vec::new() }
            .with("SERVER__LISTEN", "127.0.0.1:0")
            .with("SERVER__ADMIN_LISTEN", "127.0.0.1:0")
            .with("MODULES__GITHUB__BASE_URL", github)
    }

    /// Sets a key of the profile.
    fn with(mut self, key: &str, value: &str) -> Self {
        self.variables.push((format!("COFFERDAM__{key}"), value.to_owned()));
        self
    }

    /// Replaces `from`, which the page must contain, by `to`.
    fn with_text(mut self, from: &str, to: &str) -> Self {
        assert!(self.page.contains(from), "the page no longer says {from:?}");
        self.page = self.page.replace(from, to);
        self
    }

    /// Runs every command in order; returns what they printed.
    #[track_caller]
    fn run(self) -> String {
        let mut script = "set -e\n".to_owned();
        for (language, text) in blocks(&self.page.replace('…', "example")) {
            match (language, text.strip_prefix("# ").and_then(|rest| rest.split_once('\n'))) {
                ("toml", Some((file, text))) => fs::write(self.folder.path().join(file), text).unwrap(),
                ("sh", _) => {
                    script.extend(text.lines().filter(|line| ends(line)).flat_map(|line| [line, "\n"]))
                }
                _ => {}
            }
        }
        let of = |program: PathBuf| program.parent().unwrap().to_owned();
        let folders = [of(program().to_owned()), of(vault_binary().unwrap()), age().unwrap()];
        let machine = std::env::var_os("PATH").unwrap();
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&machine))).unwrap();
        let mut bash = bare(Command::new("bash"));
        bash.args(["-c", &script]).current_dir(self.folder.path()).env("PATH", path);
        bash.env("HOME", self.folder.path()).envs(self.variables);
        let output = run_with_input(&mut bash, "");
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success(), "{script}\n{stdout}\n{stderr}");
        assert!(
            !stdout.contains(TOKEN) && !stderr.contains(TOKEN),
            "the token was printed:\n{stdout}\n{stderr}"
        );
        stdout
    }
}

/// Whether a command ends. Others start servers: `tests/cli` tests `serve`, and each test here has its own Vault.
fn ends(line: &str) -> bool {
    !["cofferdam serve", "vault server"].iter().any(|server| line.starts_with(server))
}

/// The fenced blocks of a page: their language and their text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fenced = page.split("```").skip(1).step_by(2);
    fenced.filter_map(|block| block.split_once('\n')).collect()
}

#[test]
fn every_page_leads_to_the_first_call() {
    let github = Prism::start(&api_descriptions().unwrap().github).unwrap();
    let (url, vault, aws) = (github.url(), Vault::start().unwrap(), Moto::start().unwrap());
    let keychain = SecretService::start().unwrap();
    let (address, token) = (vault.address(), format!("VAULT_TOKEN={}", vault.root_token()));
    let inside = "https://github.example.internal/api/v3";
    let of = |profile| Trial::new(profile, &url);
    let pages = [
        of("dev"),
        // The vault's content must not be printed here.
        of("airgap").with_text(inside, &url).with_text("age -d -i", "age -d -o /dev/null -i"),
        of("laptop").with("VAULTS__LAPTOP__BUS_ADDRESS", &keychain.address()),
        of("mounted"),
        of("staging")
            .with_text("http://127.0.0.1:8200", &address)
            .with_text("VAULT_TOKEN=root", &token)
            .with("VAULTS__GITHUB_VAULT__ADDRESS", &address),
        // Without TLS, which the tests of the backend cover.
        of("onprem")
            .with_text("https://vault.example.internal:8200", &address)
            .with_text("VAULT_CACERT=tls/ca.pem VAULT_TOKEN=…", &token)
            .with_text("ca_file = \"tls/ca.pem\"\n", "")
            .with_text(inside, &url),
        of("production")
            .with("VAULTS__GITHUB_VAULT__ENDPOINT", &aws.address())
            .with("VAULTS__GITHUB_VAULT__STS_ENDPOINT", &aws.address()),
    ];
    for page in pages {
        let printed = page.run();
        // The user in GitHub's example of a response.
        assert!(printed.contains("\"login\": \"octocat\""), "{printed}");
    }
}
