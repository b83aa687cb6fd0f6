//! Shared fixtures: a store in a folder, with a shell script as its command line.

#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{
    BackendConfig as _, BoxFuture, ErrorKind, ExposeSecret as _, Secret, SecretFields, SecretPath, Stage,
    Threads, Vault, VaultContext, VaultError,
};
use cofferdam_vault_command::Config;
use tempfile::TempDir;

/// `store FOLDER OPERATION PATH FIELD`. A secret is the file `PATH.json`, a value the file `PATH/FIELD`.
const STORE: &str = r#"
set -eu
cd "$1"
[ ! -e down ] || { echo "the store is down" >&2; exit 3; }
cd secrets
case "$2" in
    read) [ -f "$3.json" ] || exit 1; cat "$3.json" ;;
    value) [ -f "$3/$4" ] || exit 1; cat "$3/$4" ;;
    write) mkdir -p "$(dirname "$3")"; cat >"$3.new"; mv "$3.new" "$3.json" ;;
    delete) rm "$3.json" ;;
    list) find . -name '*.json' | sed 's|^\./||; s|\.json$||' ;;
    probe) ;;
esac
"#;

/// Which commands a store has.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// One JSON object for each secret, which can be written and listed.
    Objects,
    /// The same, read-only and without a list.
    ReadOnly,
    /// One value for each field.
    Values,
}

/// A store with secrets in a folder.
pub(crate) struct Store {
    folder: TempDir,
    kind: Kind,
}

impl Store {
    pub(crate) fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("secrets")).unwrap();
        fs::write(folder.path().join("store.sh"), STORE).unwrap();
        Self { folder, kind }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn settings(&self) -> String {
        let folder = self.folder().display();
        let run = |key: &str, words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            format!("{key} = ['/bin/sh', 'store.sh', '{folder}', {}]\n", words.join(", "))
        };
        let commands = match self.kind {
            Kind::Objects => [
                run("read", &["read", "{path}"]),
                run("write", &["write", "{path}"]),
                run("delete", &["delete", "{path}"]),
                run("list", &["list"]),
                run("probe", &["probe"]),
            ]
            .concat(),
            Kind::ReadOnly => run("read", &["read", "{path}"]) + &run("probe", &["probe"]),
            Kind::Values => run("read", &["value", "{path}", "{field}"]) + &run("probe", &["probe"]),
        };
        commands + "not_found = { exit = [1] }\nlocked = { exit = [3] }\n"
    }
}

impl cofferdam_vault::testkit::BackendUnderTest for Store {
    fn open(&self) -> Arc<dyn Vault> {
        open(&self.settings(), self.folder())
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        let secret = self.folder().join("secrets").join(path.as_str());
        if let Kind::Values = self.kind {
            let _ = fs::remove_dir_all(&secret);
            fs::create_dir_all(&secret).unwrap();
            for (name, value) in fields {
                // With the line break that is not part of the value.
                fs::write(secret.join(name.as_str()), format!("{}\n", value.expose_secret())).unwrap();
            }
        } else {
            fs::create_dir_all(secret.parent().unwrap()).unwrap();
            let fields: serde_json::Map<String, serde_json::Value> =
                fields.iter().map(|(name, value)| (name.to_string(), value.expose_secret().into())).collect();
            let file = format!("{}.json", secret.display());
            fs::write(file, serde_json::to_string_pretty(&fields).unwrap()).unwrap();
        }
        Box::pin(async {})
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        let secret = self.folder().join("secrets").join(path.as_str());
        match self.kind {
            Kind::Values => fs::remove_dir_all(secret).unwrap(),
            _ => fs::remove_file(format!("{}.json", secret.display())).unwrap(),
        }
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        fs::write(self.folder().join("down"), "").unwrap();
        Box::pin(async { ErrorKind::Unavailable })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        fs::remove_file(self.folder().join("down")).unwrap();
        Box::pin(async {})
    }
}

/// A vault with these settings, in a profile in `folder`.
pub(crate) fn open(settings: &str, folder: &Path) -> Arc<dyn Vault> {
    let config: Config = toml::from_str(settings).map_err(|error| error.message().to_owned()).unwrap();
    assert!(config.check().is_empty(), "{:?}", config.check());
    config.into_vault(VaultContext {
        name: "commands".to_owned(),
        base_dir: PathBuf::from(folder),
        threads: Threads::new("command-test", 4),
        prompt: None,
    })
}

/// The named fields of the secret at `at`.
pub(crate) async fn read(vault: &dyn Vault, at: &str, names: &[&str]) -> Result<Secret, VaultError> {
    let names: Vec<_> = names.iter().copied().map(field).collect();
    vault.read(&path(at), &names, Stage::Current).await
}

/// The field `token` of the secret at `at`.
pub(crate) async fn token(vault: &dyn Vault, at: &str) -> Result<String, VaultError> {
    Ok(read(vault, at, &["token"]).await?.expose(&field("token")).unwrap().to_owned())
}
