//! The contract suite on nested, flat, and kubelet-mounted folders.
#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use cofferdam_vault::testkit::{BackendUnderTest, exercise, exercise_settings, field, path};
use cofferdam_vault::{
    BackendConfig as _, BoxFuture, ErrorKind, ExposeSecret as _, FieldName, SecretFields, SecretPath, Vault,
};
use cofferdam_vault_file::Config;
use support::{Mount, open};
use tempfile::TempDir;

/// The path of a field's file.
type Layout = fn(&SecretPath, &FieldName) -> String;

fn nested(path: &SecretPath, field: &FieldName) -> String {
    format!("{path}/{field}")
}

/// A flat name, except for a field with a dot in its name, which has none.
fn flat(path: &SecretPath, field: &FieldName) -> String {
    if field.as_str().contains('.') {
        return nested(path, field);
    }
    format!("{}.{field}", path.as_str().replace('/', "."))
}

/// A folder that the suite writes in `layout`, as a kubelet does or directly.
struct Folder {
    folder: TempDir,
    layout: Layout,
    kubelet: bool,
    secrets: Mutex<BTreeMap<SecretPath, SecretFields>>,
}

impl Folder {
    fn new(layout: Layout, kubelet: bool) -> Self {
        let fixture =
            Self { folder: tempfile::tempdir().unwrap(), layout, kubelet, secrets: Mutex::default() };
        fixture.save();
        fixture
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    fn save(&self) {
        let mut files = BTreeMap::new();
        for (path, fields) in &*self.secrets.lock().unwrap() {
            for (field, value) in fields {
                // With the line break that is not part of the value.
                files.insert((self.layout)(path, field), format!("{}\n", value.expose_secret()));
            }
        }
        if self.kubelet {
            return Mount::at(&self.path()).publish(&files);
        }
        let new = self.folder.path().join("new");
        for (name, text) in files {
            let file = new.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let _ = fs::remove_dir_all(self.path());
        fs::create_dir_all(&new).unwrap();
        fs::rename(new, self.path()).unwrap();
    }
}

impl BackendUnderTest for Folder {
    fn open(&self) -> Arc<dyn Vault> {
        open(&self.path())
    }

    fn seed<'a>(&'a self, path: &'a SecretPath, fields: &'a SecretFields) -> BoxFuture<'a, ()> {
        self.secrets.lock().unwrap().insert(path.clone(), fields.clone());
        self.save();
        Box::pin(async {})
    }

    fn remove<'a>(&'a self, path: &'a SecretPath) -> BoxFuture<'a, ()> {
        self.secrets.lock().unwrap().remove(path).unwrap();
        self.save();
        Box::pin(async {})
    }

    fn take_down(&self) -> BoxFuture<'_, ErrorKind> {
        fs::rename(self.path(), self.folder.path().join("away")).unwrap();
        Box::pin(async { ErrorKind::Misconfigured })
    }

    fn bring_up(&self) -> BoxFuture<'_, ()> {
        fs::rename(self.folder.path().join("away"), self.path()).unwrap();
        Box::pin(async {})
    }
}

#[test]
fn the_folder_parts_two_vaults() {
    let config = |folder: &str| toml::from_str::<Config>(&format!("folder = '{folder}'")).unwrap();
    exercise_settings(&config("/run/secrets"), &config("/run/other"));
    let token = [field("token")];
    let base = std::path::Path::new("/run/profiles");
    let names = |folder: &str, at: &str| config(folder).names(base, &path(at), &token);
    assert_eq!(
        names("../secrets", "github/work"),
        ["/run/secrets/github/work/token", "/run/secrets/github.work.token"]
    );
    assert_eq!(
        names("/run/secrets/github", "work")[0],
        "/run/secrets/github/work/token",
        "a folder in another"
    );
}

#[tokio::test]
async fn the_file_vault_fulfils_the_contract() {
    exercise(async || Folder::new(nested, false)).await;
}

#[tokio::test]
async fn a_folder_of_flat_names_fulfils_the_contract() {
    exercise(async || Folder::new(flat, false)).await;
}

#[tokio::test]
async fn a_mounted_secret_fulfils_the_contract() {
    exercise(async || Folder::new(flat, true)).await;
    exercise(async || Folder::new(nested, true)).await;
}
