//! Commands that lie, flood, die, or cannot be run, and what the vault reports.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use cofferdam_config::{Diagnostics, Severity};
use cofferdam_vault::testkit::{field, path};
use cofferdam_vault::{ErrorKind, Scope, Stage, Vault};
use support::{open, token};

/// A vault whose `read` is `script`, run by a shell with the path as `$1` and the field as `$2`.
fn vault(script: &str, folder: &Path) -> Arc<dyn Vault> {
    fs::write(folder.join("read.sh"), script).unwrap();
    let read = "read = ['/bin/sh', 'read.sh', '{path}', '{field}']";
    open(&format!("{read}\nnot_found = {{ exit = [1] }}\nlocked = {{ exit = [2] }}"), folder)
}

#[tokio::test]
async fn each_end_and_each_output_has_its_kind_and_scope() {
    use ErrorKind as K;
    for (script, kind, scope) in [
        ("exit 1", K::NotFound, Scope::Secret),
        ("exit 2", K::Unavailable, Scope::Vault),
        ("exit 3", K::Unavailable, Scope::Vault),
        ("exit 255", K::Unavailable, Scope::Vault),
        ("echo token; exit 3", K::Unavailable, Scope::Vault),
        ("kill -KILL $$", K::Unavailable, Scope::Vault),
        ("kill -SEGV $$", K::Unavailable, Scope::Vault),
        ("exit 0", K::Malformed, Scope::Secret),
        ("echo wrong >&2", K::Malformed, Scope::Secret),
        ("printf 'a\\000b'", K::Malformed, Scope::Secret),
        ("printf '\\377\\376'", K::Malformed, Scope::Secret),
        ("yes", K::Malformed, Scope::Secret),
        ("yes >&2", K::Malformed, Scope::Secret),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = token(&*vault(script, folder.path()), "github/work").await.unwrap_err();
        assert_eq!((error.kind(), error.scope()), (kind, scope), "{script}: {error}");
        assert!(error.message().len() > 20 && error.message().is_ascii(), "{script}: {error}");
    }
}

#[tokio::test]
async fn an_outage_with_the_exit_code_of_an_absent_secret_is_an_outage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.sh"), "[ -e up ] || exit 1; [ \"$1\" = probe ] || exit 1").unwrap();
    let settings = "read = ['/bin/sh', 'store.sh', '{path}']\nprobe = ['/bin/sh', 'store.sh', 'probe']\n\
                    not_found = { exit = [1] }";
    let vault = open(settings, folder.path());
    let kind = async || token(&*vault, "github/work").await.unwrap_err().kind();
    assert_eq!(kind().await, ErrorKind::Unavailable);
    assert_eq!(vault.probe().await.unwrap_err().kind(), ErrorKind::Unavailable);
    fs::write(folder.path().join("up"), "").unwrap();
    assert_eq!(kind().await, ErrorKind::NotFound);
    assert_eq!(vault.probe().await, Ok(()));
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_misconfigured_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    for (program, content) in [("./absent", None), ("./text", Some("")), ("absent-program", None)] {
        if let Some(content) = content {
            fs::write(folder.path().join(program), content).unwrap();
        }
        let vault = open(&format!("read = ['{program}', '{{path}}', '{{field}}']"), folder.path());
        for error in [token(&*vault, "a/b").await.unwrap_err(), vault.probe().await.unwrap_err()] {
            assert_eq!((error.kind(), error.scope()), (ErrorKind::Misconfigured, Scope::Vault), "{error}");
            assert!(error.message().contains(program.trim_start_matches("./")), "{error}");
        }
    }
    let vault = open("read = ['./link', 'token']\n".replace("'token'", "'{path}'").as_str(), folder.path());
    std::os::unix::fs::symlink("/bin/echo", folder.path().join("link")).unwrap();
    assert_eq!(vault.probe().await, Ok(()), "it is there now");
}

#[tokio::test]
async fn a_path_without_an_account_is_refused_and_the_vault_stays_up() {
    let folder = tempfile::tempdir().unwrap();
    let vault = open("read = ['/bin/echo', '{module}-{account}-{field}']", folder.path());
    let error = token(&*vault, "github").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Misconfigured, Scope::Secret), "{error}");
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "github-work-token");
}

#[tokio::test]
async fn a_command_is_not_read_by_a_shell_and_starts_in_the_folder_of_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let vault = open("read = ['/bin/echo', '$HOME;`id`|*', '{path}', '{field}']", folder.path());
    assert_eq!(token(&*vault, "a/b").await.unwrap(), "$HOME;`id`|* a/b token");
    let own = open("read = ['/bin/cat', 'file', '{path}', '{field}']", folder.path());
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::create_dir(folder.path().join("a/b")).unwrap();
    assert_eq!(token(&*own, "a/b").await.unwrap_err().kind(), ErrorKind::Unavailable, "cat of a folder");
}

#[tokio::test]
async fn the_version_follows_the_value_and_does_not_reveal_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = "cat value";
    let (one, other) = (vault(script, folder.path()), vault(script, folder.path()));
    let read = async |vault: &dyn Vault| {
        vault.read(&path("a/b"), &[field("token")], Stage::Current).await.unwrap().version
    };
    fs::write(folder.path().join("value"), "one\n").unwrap();
    let first = read(&*one).await;
    assert_eq!(read(&*one).await, first);
    assert_ne!(read(&*other).await, first, "a guess cannot be tested in another process");
    fs::write(folder.path().join("value"), "two\n").unwrap();
    assert_ne!(read(&*one).await, first);
}

#[tokio::test]
async fn diagnose_names_who_can_change_the_program_and_what_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let tool = folder.path().join("tool");
    fs::write(&tool, "#!/bin/sh\n").unwrap();
    let diagnose = async |settings: &str| {
        let mut found = Diagnostics::new();
        open(settings, folder.path()).diagnose(&[], &[], &mut found).await;
        found
    };
    let errors = |found: &Diagnostics| found.iter().filter(|d| d.severity == Severity::Error).count();
    let settings = "read = ['./tool', '{path}']\nenv = ['HOME', 'COFFERDAM_TEST_UNSET']";
    for (mode, expected) in [(0o755, 0), (0o775, 1), (0o644, 1)] {
        fs::set_permissions(&tool, fs::Permissions::from_mode(mode)).unwrap();
        let found = diagnose(settings).await;
        assert_eq!(errors(&found), expected, "{mode:o}: {found:?}");
        let all = format!("{found:?}");
        assert!(all.contains("HOME, PATH") && all.contains("COFFERDAM_TEST_UNSET"), "{all}");
    }
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    for (preset, warnings) in [("op", 1), ("pass", 0)] {
        let found = diagnose(&format!("preset = '{preset}'\nprogram = './tool'")).await;
        let found = found.iter().filter(|d| d.severity == Severity::Warning).count();
        assert_eq!(found, warnings, "{preset}");
    }
}
