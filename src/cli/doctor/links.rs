//! Finds secrets that two vaults share through a link in the file system.
//!
//! A profile in which two modules read one secret is refused, but that check compares the paths as they are written: it must
//! not wait for a file system that hangs.

use std::path::{Path, PathBuf};

use cofferdam_config::{Diagnostic, quote, text};
use cofferdam_vault::SecretPath;

/// A secret, and the file or folder of the vault that stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredSecret {
    pub(super) vault: String,
    pub(super) location: String,
    pub(super) path: SecretPath,
}

impl StoredSecret {
    /// Where it is, with links resolved; `None` if the vault is not in the file system. Blocks.
    fn resolved(&self) -> Option<PathBuf> {
        let location = Path::new(&self.location);
        location.is_absolute().then(|| resolved(&location.join(self.path.as_str())))
    }
}

/// Returns an error for each of `own` secrets of a vault that is also one of `others`. Blocks.
pub(super) fn diagnostics(own: &[StoredSecret], others: &[StoredSecret]) -> Vec<Diagnostic> {
    let others: Vec<_> = others.iter().filter_map(|other| Some((other.resolved()?, other))).collect();
    let shared = own.iter().filter_map(|secret| {
        let at = secret.resolved()?;
        let (_, other) = others.iter().find(|(other, _)| *other == at)?;
        Some(Diagnostic::error(
            "",
            text!("{} is also read by {}, through a link", secret.path, quote::named("vault", &other.vault)),
            "give one of the vaults a file or folder of its own: a service could be sent the credential of another",
        ))
    });
    shared.collect()
}

/// `path` with its links resolved, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_owned(),
    })
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_secret_behind_a_link_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.age"), "").unwrap();
        fs::create_dir_all(at("mounted/github/work")).unwrap();
        symlink("a.age", at("b.age")).unwrap();
        symlink("mounted", at("linked")).unwrap();
        let secret = |vault: &str, location: &str, path: &str| StoredSecret {
            vault: vault.to_owned(),
            location: at(location).display().to_string(),
            path: path.parse().unwrap(),
        };
        let shared = |one: StoredSecret, other: StoredSecret| {
            diagnostics(&[one], &[other])
                .into_iter()
                .map(|found| found.message.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shared(secret("a", "a.age", "github/work"), secret("b", "b.age", "github/work")),
            ["github/work is also read by vault \"b\", through a link"]
        );
        for (one, other) in [("mounted", "linked"), ("linked/github", "mounted/github")] {
            assert_eq!(
                shared(secret("a", one, "github/work"), secret("b", other, "github/work")).len(),
                1,
                "{one}"
            );
        }
        // The folder of one vault may be part of the path in another.
        assert_eq!(
            shared(secret("a", "mounted", "github/work"), secret("b", "linked/github", "work")).len(),
            1
        );
        for (one, other) in [("a.age", "c.age"), ("mounted", "linked/github")] {
            assert!(
                shared(secret("a", one, "github/work"), secret("b", other, "github/work")).is_empty(),
                "{one}"
            );
        }
        assert!(shared(secret("a", "a.age", "github/work"), secret("b", "b.age", "github/home")).is_empty());
        let server =
            |vault: &str| StoredSecret { location: "https://vault.example".into(), ..secret(vault, "", "a") };
        assert!(shared(server("a"), server("b")).is_empty(), "what is no file is compared by the profile");
    }
}
