//! Shared fixtures: a vault on a folder, and a folder that is written as a kubelet does.

#![allow(dead_code, reason = "each test binary uses its part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{BackendConfig as _, Secret, Stage, Threads, Vault, VaultContext, VaultError};
use cofferdam_vault_file::Config;

/// A vault on `folder`.
pub(crate) fn open(folder: &Path) -> Arc<dyn Vault> {
    Config { folder: folder.to_owned() }.into_vault(VaultContext {
        name: "files".to_owned(),
        base_dir: PathBuf::from("/nowhere"),
        threads: Threads::new("file-test", 4),
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

/// Writes a file below `folder`, with its parent folders.
pub(crate) fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

static PUBLISHED: AtomicUsize = AtomicUsize::new(0);

/// A folder that is written as the kubelet writes volumes of Secrets and projected volumes (its `AtomicWriter`).
pub(crate) struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    pub(crate) fn at(folder: &'a Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        Self(folder)
    }

    /// Writes all keys into a new folder and swaps the link `..data` to it. Then creates the visible names, each a link
    /// through `..data`, and removes the old ones.
    pub(crate) fn publish(&self, files: &BTreeMap<String, String>) {
        let number = PUBLISHED.fetch_add(1, Ordering::Relaxed);
        let target = format!("..2026_11_21_13_57_26.{number}");
        let old = fs::read_link(self.0.join("..data"));
        fs::create_dir(self.0.join(&target)).unwrap();
        for (name, text) in files {
            put(&self.0.join(&target), name, text);
        }
        symlink(&target, self.0.join("..data_tmp")).unwrap();
        fs::rename(self.0.join("..data_tmp"), self.0.join("..data")).unwrap();
        let tops: BTreeSet<&str> = files.keys().filter_map(|name| name.split('/').next()).collect();
        for top in &tops {
            // Exists already if it was a key before.
            let _ = symlink(Path::new("..data").join(top), self.0.join(top));
        }
        for entry in fs::read_dir(self.0).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.starts_with("..") && !tops.contains(&*name) {
                fs::remove_file(self.0.join(name)).unwrap();
            }
        }
        if let Ok(old) = old {
            fs::remove_dir_all(self.0.join(old)).unwrap();
        }
    }
}
