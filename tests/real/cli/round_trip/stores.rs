//! The stores of the round trip, each as its own program or server keeps it, and the program that copies between them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use cofferdam_servers::{Moto, SecretService, Vault, age as age_tools, pass, sops};
use cofferdam_testing::kubernetes_server::KubernetesServer;
use cofferdam_testing::{bare, program, run_with_input};
use tempfile::TempDir;

use super::secrets::{Secrets, accounts};
use crate::fixture::{manifest, must};

/// The user of the key that the password store is encrypted for.
const USER: &str = "test@example.com";

/// The service of the items in the keychain that the secrets come back to.
const BACK: &str = "back";

/// Prints the entries of the password store below `cofferdam`.
const LIST: &str = "cd \"$PASSWORD_STORE_DIR/cofferdam\" 2>/dev/null || exit 0\n\
                    find . -name '*.gpg' | sed -e 's,^\\./,,' -e 's,\\.gpg$,,'\n";

/// A namespace of a Kubernetes API server, and the token of a login for it.
pub(crate) struct Cluster {
    server: Arc<KubernetesServer>,
    namespace: String,
    token: String,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let server = KubernetesServer::shared().await;
        let namespace = server.namespace().await;
        let (_, token) = server.login(&namespace, &["get", "list", "create", "patch"], &[]).await;
        Self { server, namespace, token }
    }
}

pub(crate) struct Stores {
    folder: TempDir,
    variables: BTreeMap<String, String>,
    keychain: SecretService,
    vault: Vault,
    moto: Moto,
    cluster: Cluster,
}

impl Stores {
    /// Starts and creates all stores, empty but for the two sources.
    pub(crate) fn start(variables: &Secrets, mounted: &Secrets, cluster: Cluster) -> Self {
        let (vault, moto, keychain) =
            (must(Vault::start()), must(Moto::start()), must(SecretService::start()));
        vault.run(&["secrets", "enable", "-path=secret", "kv-v2"]).unwrap();
        let stores = Self {
            folder: tempfile::tempdir().unwrap(),
            variables: in_environment(variables),
            keychain,
            vault,
            moto,
            cluster,
        };
        fs::create_dir(stores.path("modules")).unwrap();
        for (name, kind) in [("notes", "basic"), ("tickets", "bearer")] {
            stores.write(&format!("modules/{name}.toml"), &manifest(name, kind));
        }
        stores.mount(mounted);
        stores.make_document();
        stores.make_password_store();
        let identity = age::x25519::Identity::generate();
        stores.write("key.txt", identity.to_string().expose_secret());
        stores.write("token", stores.vault.root_token());
        stores.write(
            "credentials",
            "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = example\n",
        );
        let Cluster { server, token, .. } = &stores.cluster;
        server.write_kubeconfig(&stores.path("kubeconfig"), &server.address, &format!("token: {token}"));
        stores.write("profile.toml", &stores.profile());
        stores
    }

    /// The settings of each store.
    fn profile(&self) -> String {
        let bus = self.keychain.address();
        let stores = [
            ("variables", "backend = \"env\"".to_owned()),
            ("mounted", "backend = \"file\"\nfolder = \"mounted\"".to_owned()),
            ("laptop", format!("backend = \"keychain\"\nbus_address = \"{bus}\"")),
            (
                "documents",
                format!(
                    "backend = \"sops\"\nfile = \"secrets.enc.yaml\"\nage_key_file = \"sops-key.txt\"\nprogram = \"{}\"",
                    must(sops()).display()
                ),
            ),
            (
                "cluster",
                format!(
                    "backend = \"kubernetes\"\nnamespace = \"{}\"\nkubeconfig = \"kubeconfig\"",
                    self.cluster.namespace
                ),
            ),
            (
                "passwords",
                "backend = \"command\"\npreset = \"pass\"\nlist = [\"/bin/sh\", \"list.sh\"]".to_owned(),
            ),
            ("files", "backend = \"age\"\nfile = \"secrets.age\"\nidentity_file = \"key.txt\"".to_owned()),
            (
                "hashi",
                format!(
                    "backend = \"hashicorp\"\naddress = \"{}\"\nprefix = \"cofferdam\"\n\
                     auth = {{ method = \"token\", token_file = \"token\" }}",
                    self.vault.address()
                ),
            ),
            (
                "cloud",
                format!(
                    "backend = \"aws\"\nregion = \"eu-central-1\"\nprefix = \"cofferdam\"\nendpoint = \"{}\"\n\
                     credentials_file = \"credentials\"",
                    self.moto.address()
                ),
            ),
            ("back", format!("backend = \"keychain\"\nbus_address = \"{bus}\"\nservice = \"{BACK}\"")),
        ];
        let vaults: String =
            stores.map(|(name, settings)| format!("[vaults.{name}]\n{settings}\n\n")).concat();
        let accounts = accounts().join("\", \"");
        format!(
            "[server]\nmodules_dir = \"modules\"\n\n{vaults}\
             [modules.notes]\nvault = \"variables\"\n\n\
             [modules.tickets]\nvault = \"variables\"\naccounts = [\"{accounts}\"]\n"
        )
    }

    /// Runs `secret copy`, which prints a document.
    pub(crate) fn copy(&self, from: &str, to: &str) -> Output {
        let copy =
            ["secret", "copy", "--profile", "profile.toml", "--from", from, "--to", to, "--apply", "--json"];
        let mut command = bare(Command::new(program()));
        command.args(copy).envs(&self.variables).envs(self.gnupg()).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// The content of an item that came back, by a program that is not ours.
    pub(crate) fn lookup_in_back(&self, path: &str) -> Vec<u8> {
        let mut lookup = self.keychain.command("secret-tool");
        let output = lookup.args(["lookup", "service", BACK, "username", path]).output().unwrap();
        assert!(output.status.success(), "{path} did not come back");
        output.stdout
    }

    /// A folder of files, each with a line break at its end, which is not part of the value.
    fn mount(&self, secrets: &Secrets) {
        for (path, fields) in secrets {
            let folder = self.path("mounted").join(path);
            fs::create_dir_all(&folder).unwrap();
            for (name, value) in fields {
                fs::write(folder.join(name), format!("{value}\n")).unwrap();
            }
        }
    }

    fn make_document(&self) {
        let age_keygen = must(age_tools()).join("age-keygen");
        let key = self.path("sops-key.txt");
        run(Command::new(&age_keygen).arg("-o").arg(&key), "");
        let recipient = run(Command::new(&age_keygen).arg("-y").arg(&key), "");
        self.write("plain.yaml", "about: these secrets\n");
        let mut encrypt = Command::new(must(sops()));
        encrypt.args(["encrypt", "--age", recipient.trim()]).arg(self.path("plain.yaml"));
        self.write("secrets.enc.yaml", &run(&mut encrypt, ""));
    }

    fn make_password_store(&self) {
        fs::create_dir(self.path("gnupg")).unwrap();
        // GnuPG warns about a home that others can read.
        fs::set_permissions(self.path("gnupg"), fs::Permissions::from_mode(0o700)).unwrap();
        let key =
            ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", USER, "default", "default"];
        run(Command::new("gpg").args(key).envs(self.gnupg()), "");
        run(Command::new(must(pass())).args(["init", USER]).envs(self.gnupg()), "");
        self.write("list.sh", LIST);
    }

    /// The variables that `pass` is given.
    fn gnupg(&self) -> [(&'static str, PathBuf); 3] {
        let home = self.path("gnupg");
        [("HOME", home.clone()), ("GNUPGHOME", home), ("PASSWORD_STORE_DIR", self.path("store"))]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").envs(self.gnupg()).args(["--kill", "gpg-agent"]).status();
    }
}

/// The variables of these secrets.
fn in_environment(secrets: &Secrets) -> BTreeMap<String, String> {
    let variable = |path: &str, name: &str| {
        let path = path.strip_suffix("/default").unwrap_or(path);
        format!("{path}_{name}").replace(['/', '-'], "_").to_uppercase()
    };
    let of = |(path, fields): (&String, &BTreeMap<String, String>)| -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| (variable(path, name), value.clone())).collect()
    };
    secrets.iter().flat_map(of).collect()
}

/// Runs a program, which must succeed, and returns its standard output.
fn run(command: &mut Command, input: &str) -> String {
    let output = run_with_input(command, input);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
