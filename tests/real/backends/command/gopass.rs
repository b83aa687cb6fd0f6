//! Debian's gopass, another program than that of gopass.pw, without a preset: it has one exit code for all that fails.

use cofferdam_vault::testkit::{BackendUnderTest as _, fields, path};
use cofferdam_vault::{ErrorKind, Scope};

use super::fixture::{Gnupg, PasswordStore, open, token};

#[tokio::test]
async fn gopass_reads_and_does_not_tell_a_missing_secret_from_an_outage() {
    let store = PasswordStore::new(&Gnupg::new());
    store.seed(&path("github/work"), &fields([("token", "t0ken")])).await;
    let program = store.program(&cofferdam_servers::gopass().unwrap(), store.gnupg());
    let vault =
        open(&format!("read = ['{}', 'show', 'cofferdam/{{path}}']", program.display()), store.folder());
    assert_eq!(token(&*vault, "github/work").await.unwrap(), "t0ken");
    let error = token(&*vault, "github/home").await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Unavailable, Scope::Vault), "{error}");
}
